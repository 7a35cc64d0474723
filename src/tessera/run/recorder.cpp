#include "tessera/run/recorder.h"

#include <algorithm>

namespace tessera::run {

void Recorder::stage(std::string_view name, std::int64_t total) {
  {
    const std::lock_guard lock{mutex_};
    close_stage();
    stages_.push_back({std::string{name}, 0, 0, 0});
    began_ = std::chrono::steady_clock::now();
    cpu_began_ = parallel::cpu_seconds();
    running_ = true;
  }
  inner_.stage(name, total);
}

void Recorder::close_stage() {
  if (!running_) return;
  auto& s = stages_.back();
  s.wall_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
  s.cpu_s = parallel::cpu_seconds() - cpu_began_;
  s.peak_bytes = parallel::peak_resident();
  running_ = false;
}

std::vector<StageRecord> Recorder::stages() {
  const std::lock_guard lock{mutex_};
  close_stage();
  return stages_;
}

void Recorder::caveat(std::string_view kind, std::string_view message, std::int64_t count) {
  {
    const std::lock_guard lock{mutex_};
    // A pass that is done again, without a frame that was lost, tells what it told before.
    if (std::any_of(caveats_.begin(), caveats_.end(), [&](const Caveat& c) { return c.kind == kind && c.message == message; })) return;
    caveats_.push_back({std::string{kind}, std::string{message}, count});
  }
  inner_.caveat(kind, message, count);
}

}  // namespace tessera::run
