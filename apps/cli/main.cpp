// The command `tessera`: finds the verb, reads its options, runs it, and turns what went wrong into one line and an exit code.
#include <malloc.h>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <new>

#include "console.h"
#include "resources.h"
#include "tessera/base/error.h"
#include "tessera/base/version.h"
#include "tessera/io/parquet.h"
#include "tessera/io/remote.h"
#include "tessera/parallel/pool.h"
#include "tessera/param/command_line.h"
#include "verbs.h"

namespace {

using namespace tessera;

std::atomic<int>* interrupt = nullptr;
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler may set it");

// The first signal asks the run to stop between two pieces of work. One that comes a second later or more ends the
// process at once; a closer one is the same wish told twice (to the process and to its group).
extern "C" void on_signal(int signal) {
  static timespec first{};  // both signals are blocked while this runs
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  if (interrupt->exchange(signal) == 0) {
    first = now;
  } else if (now.tv_sec - first.tv_sec > 1) {
    std::signal(signal, SIG_DFL);
    raise(signal);
  }
}

void install_signal_handlers() {
  interrupt = &parallel::interrupt_signal();
  io::interrupt_remote_with(interrupt);
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  sigaddset(&action.sa_mask, SIGINT);
  sigaddset(&action.sa_mask, SIGTERM);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a write beyond the limit on file sizes then fails with a reason
}

// A stream closed by the caller is opened to nothing: otherwise the first product would get its number, and the messages.
void open_standard_streams() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd)
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd) std::exit(3);
}

// Known before options are read, so that their errors come in the wanted form too.
bool wants_json(const std::vector<std::string>& arguments) {
  bool json = false;
  for (std::size_t i = 0; i < arguments.size() && arguments[i] != "--"; ++i) {
    const std::string& a = arguments[i];
    const std::string next = i + 1 < arguments.size() ? arguments[i + 1] : "";
    if (a == "--log-format") json = next == "json";
    if (a.starts_with("--log-format=")) json = a.ends_with("=json");
    if (a == "--set" && next.starts_with("run.log_format=")) json = next.ends_with("=json");
  }
  return json;
}

void run_verb(std::vector<std::string> arguments) {
  const std::string first = arguments.empty() ? "" : arguments[0];
  if (first == "--version") return cli::print(fmt::format("tessera {}\nParquet: {}\n", version(), io::parquet_library().empty() ? "none" : io::parquet_library()));
  if (first.empty() || first == "--help" || first == "-h") {
    const auto help = cli::find_verb("help");
    return help.verb->run({}, *help.options);
  }
  if (first.starts_with("-")) throw UsageError{fmt::format("a verb comes first, found '{}'; 'tessera help' lists the verbs", first)};
  cli::DeclaredVerb chosen = cli::find_verb(first);
  arguments.erase(arguments.begin());
  const auto line = param::read_command_line(arguments, *chosen.options);
  if (line.help) return cli::print(param::help_text(chosen.page(), cli::terminal_width(stdout)));
  chosen.verb->run(line.inputs, *chosen.options);
}

int report(bool json, const char* kind, int code, const std::string& message) {
  const std::string line = json ? cli::error_line(kind, code, message) : "tessera: " + cli::printable(message);
  std::fputs((line + "\n").c_str(), stderr);
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  bool json = false;
  try {
    // Planes of frames and tiles go back to the system when they are freed: the memory ceiling is one of resident size.
    // What is smaller stays with the program, which needs it again at once.
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
    mallopt(M_TRIM_THRESHOLD, 16 << 20);
    open_standard_streams();
    install_signal_handlers();
    const std::vector<std::string> arguments{argv + (argc > 0 ? 1 : 0), argv + argc};
    json = wants_json(arguments);
    run_verb(arguments);
    return 0;
  } catch (const Error& e) {
    return report(json, e.kind(), e.exit_code(), e.what());
  } catch (const std::filesystem::filesystem_error& e) {
    return report(json, "resource", 3, fmt::format("{}: {}", e.path1().string(), e.code().message()));
  } catch (const std::bad_alloc&) {
    return report(json, "resource", 3, "out of memory; a lower --memory or fewer --threads may help");
  } catch (const std::exception& e) {
    return report(json, "defect", 1, fmt::format("{}; this is a defect in tessera, please report it", e.what()));
  }
}
