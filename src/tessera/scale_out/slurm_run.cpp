// scale_out/slurm_run.cpp — the passes of a mosaic as arrays of jobs, each waiting for the one before; what failed is submitted again.
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <thread>

#include "tessera/base/error.h"
#include "tessera/base/files.h"
#include "tessera/base/text.h"
#include "tessera/pipeline/extra_products.h"
#include "tessera/run/record_file.h"
#include "tessera/scale_out/slurm.h"

namespace tessera::scale_out {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t most_elements = 1000;
constexpr std::int64_t usual_frames = 64, usual_tiles = 8;   // of a job: a job itself costs a second
constexpr auto first_look = std::chrono::milliseconds{300};  // between looks at the queue: at first this, then slower
constexpr auto last_look = std::chrono::seconds{10};
constexpr auto patience = std::chrono::minutes{10};          // with a controller that does not answer

std::string quoted(const std::string& text) {
  std::string q = "'";
  for (const char c : text) q += c == '\'' ? std::string{"'\\''"} : std::string{c};
  return q + "'";
}

/// The program and its arguments of one element of an array: PASS CHUNK are the script's own.
std::string job_script(const fs::path& plan, const SlurmOptions& how) {
  const auto self = fs::read_symlink("/proc/self/exe").string();
  return fmt::format("#!/bin/sh\n"
                     "first=$((SLURM_ARRAY_TASK_ID * $2))\nlast=$((first + $2 - 1))\n"
                     "case $1 in frames) which=frames ;; *) which=tiles ;; esac\n"
                     "exec {} work {} --pass \"$1\" \"--$which\" \"$first-$last\" --threads {} --memory {} --log-format text\n",
                     quoted(self), quoted(plan.string()), how.threads, how.memory_bytes / 10 * 9);
}

/// Counts the records of parts as they appear; each file is opened once.
class PartCounter {
 public:
  explicit PartCounter(fs::path folder) : folder_{std::move(folder)} {}
  std::int64_t count(Pass pass) {
    std::error_code code;
    for (const auto& entry : fs::directory_iterator{folder_, code}) {
      const auto name = entry.path().filename().string();
      if (!name.ends_with(".part") || name.starts_with(".") || !seen_.insert(name).second) continue;
      try {
        const run::RecordReader part{entry.path()};
        for (const auto& record : part.entries()) pieces_[name.substr(0, name.find('-'))].insert(record.id);
      } catch (const DataError&) {
      }
    }
    return static_cast<std::int64_t>(pieces_[name_of(pass)].size());
  }

 private:
  fs::path folder_;
  std::set<std::string> seen_;
  std::map<std::string, std::set<std::uint64_t>> pieces_;
};

/// Tiles are cut for the jobs, which have other memory and threads than this process.
class JobContext final : public run::Recorder {
 public:
  JobContext(run::Context& inner, const SlurmOptions& how) : run::Recorder{inner}, memory_{how.memory_bytes / 10 * 9 / how.threads * inner.pool().threads()} {}
  std::int64_t memory_bytes() override { return memory_; }

 private:
  std::int64_t memory_;
};

class SlurmRun {
 public:
  SlurmRun(PlanFile& file, const SlurmOptions& how, const pipeline::MosaicOptions& options, run::Context& context)
      : file_{file}, how_{how}, options_{options}, context_{context}, counter_{file.folder() / "parts"}, script_{file.path().parent_path() / "job.sh"}, logs_{file.path().parent_path() / "log"} {
    files::write_atomic(script_, job_script(file.path(), how));
    ::chmod(script_.c_str(), 0755);
    fs::create_directories(logs_);
    most_ = std::min(most_elements, largest_array());
  }

  /// Until every piece of every pass is there.
  void run() {
    for (int attempt = 0;; ++attempt) {
      submit_missing();
      if (jobs_.empty()) return;
      watch();
      const auto left = elements_missing();
      if (left == 0) return;
      if (attempt >= how_.retries)
        throw SystemError{fmt::format("{} jobs did not do their work after {} attempts; the last that ended: {}; their output is in {}", left, attempt + 1, last_words(), logs_.string())};
      context_.log(run::Level::warning, fmt::format("{} jobs failed or were lost ({}); submitting them again ({} of {})", left, last_words(), attempt + 1, how_.retries));
    }
  }

  void cancel_all() { cancel(jobs_); }

 private:
  std::int64_t chunk_of(Pass pass) const {
    const auto pieces = pieces_of(file_.plan(), pass);
    const auto least = (pieces + most_ - 1) / most_;
    return std::max(how_.chunk > 0 ? how_.chunk : pass == Pass::frames ? usual_frames : usual_tiles, least);
  }

  std::vector<std::int64_t> elements(Pass pass) const {
    std::vector<std::int64_t> all;
    for (const auto piece : missing_pieces(file_, pass, {0, pieces_of(file_.plan(), pass) - 1}))
      if (const auto e = piece / chunk_of(pass); all.empty() || all.back() != e) all.push_back(e);
    return all;
  }

  std::int64_t elements_missing() const {
    std::int64_t sum = 0;
    for (const auto pass : passes_of(file_.plan(), options_)) sum += static_cast<std::int64_t>(elements(pass).size());
    return sum;
  }

  void submit_missing() {
    jobs_.clear();
    for (const auto pass : passes_of(file_.plan(), options_)) {
      const auto todo = elements(pass);
      if (todo.empty()) continue;
      std::vector<std::string> a{fmt::format("--array={}{}", array_of(todo), how_.throttle > 0 ? fmt::format("%{}", how_.throttle) : ""), "--requeue", fmt::format("--job-name=tessera-{}", name_of(pass)),
                                 fmt::format("--output={}/%x-%a.%A.out", logs_.string()), fmt::format("--cpus-per-task={}", how_.threads), fmt::format("--mem={}K", how_.memory_bytes / 1024)};
      if (!jobs_.empty()) a.push_back("--dependency=afterok:" + jobs_.back()), a.push_back("--kill-on-invalid-dep=yes");
      if (!how_.partition.empty()) a.push_back("--partition=" + how_.partition);
      if (!how_.account.empty()) a.push_back("--account=" + how_.account);
      if (!how_.time_limit.empty()) a.push_back("--time=" + how_.time_limit);
      a.push_back(script_.string()), a.push_back(name_of(pass)), a.push_back(fmt::format("{}", chunk_of(pass)));
      jobs_.push_back(submit(a));
      context_.log(run::Level::info, fmt::format("pass {}: job {}, {} element{}", name_of(pass), jobs_.back(), todo.size(), pass == Pass::solve ? "" : fmt::format("{} of up to {} {}", todo.size() == 1 ? "" : "s", chunk_of(pass), pass == Pass::frames ? "frames" : "tiles")));
    }
  }

  /// Tells progress until no job is left in the queue, or all parts are there.
  void watch() {
    using Clock = std::chrono::steady_clock;
    auto pause = std::chrono::duration_cast<Clock::duration>(first_look);
    auto heard = Clock::now();
    for (;;) {
      tell_progress();
      for (const auto until = Clock::now() + pause; Clock::now() < until; std::this_thread::sleep_for(std::chrono::milliseconds{50})) parallel::check_interrupt();
      pause = std::min(pause * 5 / 4, std::chrono::duration_cast<Clock::duration>(last_look));
      bool answered = false;
      const auto active = active_jobs(jobs_, answered);
      if (answered) heard = Clock::now();
      if (answered && active == 0) break;
      if (Clock::now() - heard > patience)
        throw SystemError{"Slurm's controller has not answered for 10 minutes; the jobs may go on: give the same command again later, and what they finished is used"};
    }
    tell_progress();
  }

  void tell_progress() {
    for (const auto pass : passes_of(file_.plan(), options_)) {
      const auto wanted = total(pass);
      const auto done = std::min(counter_.count(pass), wanted);
      auto& told = told_[pass];
      if (told == wanted) continue;
      if (current_ != pass) context_.stage(fmt::format("jobs of the pass {}", name_of(pass)), wanted), current_ = pass;
      if (done > told) context_.step(done - std::exchange(told, done));
      if (done < wanted) return;
    }
  }

  std::int64_t total(Pass pass) const {
    const auto& plan = file_.plan();
    if (pass == Pass::solve) return 1;
    if (pass == Pass::frames) return static_cast<std::int64_t>(plan.frames.size());
    return std::count_if(plan.tile_frames.begin(), plan.tile_frames.end(), [](const auto& list) { return !list.empty(); });
  }

  /// The last line of the job output written last.
  std::string last_words() const {
    fs::path newest;
    fs::file_time_type when{};
    std::error_code code;
    for (const auto& entry : fs::directory_iterator{logs_, code}) {
      const auto time = entry.last_write_time(code);
      std::ifstream in{entry.path()};
      std::string line, last;
      while (std::getline(in, line))
        if (line.starts_with("tessera: ") || line.starts_with("slurmstepd: ")) last = line;
      if (!last.empty() && (newest.empty() || time > when)) newest = entry.path(), when = time, words_ = last;
    }
    return newest.empty() ? "no output" : fmt::format("{}: {}", newest.filename().string(), words_);
  }

  PlanFile& file_;
  const SlurmOptions& how_;
  const pipeline::MosaicOptions& options_;
  run::Context& context_;
  PartCounter counter_;
  fs::path script_, logs_;
  std::int64_t most_ = most_elements;
  std::vector<std::string> jobs_;
  std::map<Pass, std::int64_t> told_;
  std::optional<Pass> current_;
  mutable std::string words_;
};

}  // namespace

run::Outcome make_mosaic_on_slurm(const pipeline::MosaicRequest& request, const SlurmOptions& how, const pipeline::MosaicOptions& options, param::OptionSet& settings, run::Context& outer) {
  require_slurm();
  check_scale_options(options);
  const auto profiles = instrument::ProfileSet::load(instrument::ProfileSet::default_folders());
  const auto out = fs::absolute(request.output);
  std::unique_ptr<run::OutputFolder> folder;
  const auto path = out / ".tessera" / "scale" / "plan.json";
  {
    JobContext context{outer, how};
    const pipeline::Plan plan = pipeline::make_plan(request.inputs, options, settings, profiles, context);
    pipeline::check_extra_options(plan, options);
    folder = std::make_unique<run::OutputFolder>(out, pipeline::folder_request(request, plan, settings), request.overwrite, request.place);
    write_plan_file(path, plan, pipeline::folder_request(request, plan, settings), out.string(), request.overwrite);
  }
  PlanFile file{path};
  SlurmRun jobs{file, how, options, outer};
  try {
    jobs.run();
  } catch (const Error&) {
    jobs.cancel_all();
    outer.log(run::Level::warning, fmt::format("the jobs are cancelled; what they finished is kept: give the same command again to go on"));
    throw;
  }
  return gather(file, request, options, settings, folder.get(), outer);
}

}  // namespace tessera::scale_out
