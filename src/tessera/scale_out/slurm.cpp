#include "tessera/scale_out/slurm.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <sstream>

#include "tessera/base/error.h"
#include "tessera/base/text.h"

extern char** environ;

namespace tessera::scale_out {
namespace {

std::string first_line(const std::string& text) {
  const auto line = text.substr(0, text.find('\n'));
  return line.empty() ? "no reason given" : line;
}

/// Both ends of a pipe, closed when left.
struct Pipe {
  std::array<int, 2> end{-1, -1};
  Pipe() {
    if (::pipe2(end.data(), O_CLOEXEC) != 0) throw SystemError{fmt::format("no pipe to another program can be made: {}", std::strerror(errno))};
  }
  ~Pipe() {
    for (const int fd : end)
      if (fd >= 0) ::close(fd);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  void close_writing() { ::close(std::exchange(end[1], -1)); }
};

void read_both(const Pipe& out, const Pipe& err, CommandResult& result) {
  std::array<pollfd, 2> wait{{{out.end[0], POLLIN, 0}, {err.end[0], POLLIN, 0}}};
  std::array<std::string*, 2> into{&result.out, &result.err};
  int open = 2;
  std::array<char, 4096> buffer;
  while (open > 0) {
    if (::poll(wait.data(), wait.size(), -1) < 0 && errno != EINTR) return;
    for (std::size_t k = 0; k < 2; ++k) {
      if (wait[k].fd < 0 || wait[k].revents == 0) continue;
      const ssize_t count = ::read(wait[k].fd, buffer.data(), buffer.size());
      if (count > 0) into[k]->append(buffer.data(), static_cast<std::size_t>(count));
      if (count == 0 || (count < 0 && errno != EINTR)) wait[k].fd = -1, --open;
      wait[k].revents = 0;
    }
  }
}

}  // namespace

CommandResult run_command(const std::vector<std::string>& arguments) {
  std::vector<char*> argv;
  for (const auto& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  Pipe out, err;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out.end[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err.end[1], STDERR_FILENO);
  pid_t child = 0;
  const int error = ::posix_spawnp(&child, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  CommandResult result;
  if (error != 0) return {127, "", std::strerror(error)};
  out.close_writing(), err.close_writing();
  read_both(out, err, result);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  result.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  return result;
}

std::string array_of(const std::vector<std::int64_t>& elements) {
  std::string text;
  for (std::size_t i = 0; i < elements.size();) {
    std::size_t j = i;
    while (j + 1 < elements.size() && elements[j + 1] == elements[j] + 1) ++j;
    text += fmt::format("{}{}", text.empty() ? "" : ",", i == j ? fmt::format("{}", elements[i]) : fmt::format("{}-{}", elements[i], elements[j]));
    i = j + 1;
  }
  return text;
}

void require_slurm() {
  for (const char* program : {"sbatch", "squeue", "scancel"})
    if (const auto r = run_command({program, "--version"}); r.code != 0)
      throw SystemError{fmt::format("--executor slurm: {} does not run here ({}); run this where Slurm's commands are, or leave the option out to work in this process", program, first_line(r.err))};
  if (const auto r = run_command({"squeue", "-h", "-o", "%A"}); r.code != 0)
    throw SystemError{fmt::format("--executor slurm: the controller does not answer ({}); try again later, or leave the option out to work in this process", first_line(r.err))};
}

std::int64_t largest_array() {
  const auto config = run_command({"scontrol", "show", "config"});
  for (const auto& line : text::split(config.out, '\n'))
    if (line.starts_with("MaxArraySize"))
      if (const auto equals = line.find('='); equals != std::string::npos)
        if (const long long size = std::atoll(line.c_str() + equals + 1); size > 1) return size;
  return 1001;  // Slurm's own default
}

std::string submit(const std::vector<std::string>& arguments) {
  std::vector<std::string> all{"sbatch", "--parsable"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  const auto r = run_command(all);
  const auto job = r.out.substr(0, r.out.find_first_of(";\n"));  // JOB or JOB;CLUSTER
  if (r.code != 0 || job.empty()) throw SystemError{fmt::format("sbatch refused a job: {}", first_line(r.err))};
  return job;
}

std::int64_t active_jobs(const std::vector<std::string>& jobs, bool& answered) {
  const auto r = run_command({"squeue", "-h", "-r", "-o", "%A %T", "-j", text::join(jobs, ",")});
  // Jobs the controller has forgotten are no reason not to ask.
  answered = r.code == 0 || r.err.find("Invalid job id") != std::string::npos;
  std::int64_t active = 0;
  for (const auto& line : text::split(r.out, '\n')) active += !line.empty();
  return active;
}

void cancel(const std::vector<std::string>& jobs) {
  if (jobs.empty()) return;
  std::vector<std::string> all{"scancel"};
  all.insert(all.end(), jobs.begin(), jobs.end());
  run_command(all);
}

}  // namespace tessera::scale_out
