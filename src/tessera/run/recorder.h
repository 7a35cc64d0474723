/// run/recorder.h — what a run has to tell of itself when it ends: its caveats, and what its stages took.
#pragma once
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/run/context.h"

namespace tessera::run {

struct Caveat {
  std::string kind, message;
  std::int64_t count = 0;
};
struct StageRecord {
  std::string name;
  double wall_s = 0, cpu_s = 0;
  std::int64_t peak_bytes = 0;   ///< largest resident size of the process so far
};

/// Passes everything on and remembers caveats and the cost of stages.
class Recorder : public Context {
 public:
  explicit Recorder(Context& inner) : inner_{inner} {}
  const parallel::Pool& pool() override { return inner_.pool(); }
  std::int64_t memory_bytes() override { return inner_.memory_bytes(); }
  void log(Level level, std::string_view message) override { inner_.log(level, message); }
  void stage(std::string_view name, std::int64_t total) override;
  void step(std::int64_t pieces) override { inner_.step(pieces); }
  void caveat(std::string_view kind, std::string_view message, std::int64_t count) override;
  void log_to(const std::string& path) override { inner_.log_to(path); }

  const std::vector<Caveat>& caveats() const { return caveats_; }
  Outcome outcome() const { return caveats_.empty() ? Outcome::done : Outcome::done_with_caveats; }  ///< of a run that did something
  std::vector<StageRecord> stages();  ///< closes the running one

 private:
  void close_stage();
  Context& inner_;
  std::mutex mutex_;
  std::vector<Caveat> caveats_;
  std::vector<StageRecord> stages_;
  std::chrono::steady_clock::time_point began_;
  double cpu_began_ = 0;
  bool running_ = false;
};

}  // namespace tessera::run
