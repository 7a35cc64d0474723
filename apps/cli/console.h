/// apps/cli/console.h — the context of a run on a command line: messages, progress with time left, caveats, the log file.
#pragma once
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/run/context.h"
#include "tessera/run/record.h"

namespace tessera::cli {

struct ConsoleOptions {
  int threads = 0;
  std::int64_t memory_bytes = 0;
  bool json = false;
  int verbosity = 0;         // −1: warnings and caveats only; 1: details too
  bool terminal = false;     // a progress bar may be drawn
  int width = 80;
  std::FILE* stream = stderr;
};

struct Caveat {
  std::string kind, message;
  std::int64_t count = 0;
};

class Console final : public run::Context {
 public:
  explicit Console(const ConsoleOptions& options);
  ~Console() override;
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;

  const parallel::Pool& pool() override { return pool_; }
  std::int64_t memory_bytes() override { return options_.memory_bytes; }
  void log(run::Level level, std::string_view message) override;
  void stage(std::string_view name, std::int64_t total) override;
  void step(std::int64_t pieces) override;
  void caveat(std::string_view kind, std::string_view message, std::int64_t count) override;
  void log_to(const std::string& path) override;

  /// Ends the stage, prints the caveats and closes the log file; `failure` goes to the log file. Only the first call counts.
  void finish(std::string_view failure = "");
  std::vector<Caveat> caveats() const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Stage {
    std::string name;
    std::int64_t total = 0;
    Clock::time_point begin{};
  };
  // All below want mutex_ to be held.
  void show(run::Level level, std::string_view message);
  void print_line(const std::string& line);
  void record(std::string_view level, std::string_view message);
  void begin_stage();
  void end_stage();
  Clock::duration report_interval() const;
  void draw_progress(std::int64_t done);
  void print_caveats();

  ConsoleOptions options_;
  parallel::Pool pool_;
  mutable std::mutex mutex_;
  Stage stage_;
  std::atomic<std::int64_t> done_{0}, total_{0};
  std::atomic<Clock::rep> next_report_{0};
  bool bar_shown_ = false;
  bool finished_ = false;
  std::vector<Caveat> caveats_;
  std::FILE* file_ = nullptr;
  std::vector<std::string> early_;  // lines before log_to() was called
};

/// Control characters (file names and headers may hold any) become '?', so that nothing steers the terminal.
std::string printable(std::string_view s);
/// "2026-03-01T12:00:00.123Z".
std::string utc_now();
/// The JSON line for a failure: schema tessera/error/1.
std::string error_line(std::string_view kind, int exit_code, std::string_view message);

}  // namespace tessera::cli
