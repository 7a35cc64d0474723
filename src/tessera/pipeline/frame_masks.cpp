#include "tessera/pipeline/frame_masks.h"

#include <algorithm>

namespace tessera::pipeline {

FrameMasks::FrameMasks(const TileStore& store, std::size_t frames) : runs_(frames) {
  for (const auto& tile : store.rejected_runs())
    for (const auto& r : tile) {
      if (r.frame < 0 || static_cast<std::size_t>(r.frame) >= frames) continue;
      for (std::size_t i = 0; i + 1 < r.runs.size(); i += 2)
        runs_[static_cast<std::size_t>(r.frame)].push_back({r.runs[i], static_cast<std::int32_t>(r.runs[i + 1]), bit_of(outlier::Scheme::temporal)});
    }
  settle();
}

void FrameMasks::add(std::vector<MaskRun>& runs, std::int64_t pixel, outlier::SchemeBits bits) {
  if (!runs.empty() && runs.back().start + runs.back().length == pixel && runs.back().bits == bits)
    ++runs.back().length;
  else
    runs.push_back({pixel, 1, bits});
}

void FrameMasks::take(std::size_t frame, const std::vector<MaskRun>& runs) {
  const std::lock_guard lock{mutex_};
  runs_[frame].insert(runs_[frame].end(), runs.begin(), runs.end());
}

void FrameMasks::settle() {
  for (auto& runs : runs_) {
    std::sort(runs.begin(), runs.end(), [](const MaskRun& a, const MaskRun& b) { return a.start < b.start; });
    std::vector<MaskRun> joined;
    for (const auto& run : runs) {
      if (!joined.empty() && joined.back().start + joined.back().length == run.start && joined.back().bits == run.bits)
        joined.back().length += run.length;
      else
        joined.push_back(run);
    }
    runs = std::move(joined);
  }
}

std::vector<std::int64_t> FrameMasks::count(outlier::SchemeBits bits) const {
  std::vector<std::int64_t> counts;
  for (const auto& runs : runs_) {
    std::int64_t sum = 0;
    for (const auto& run : runs)
      if (run.bits & bits) sum += run.length;
    counts.push_back(sum);
  }
  return counts;
}

void FrameMasks::drop(std::size_t frame, int width, outlier::SchemeBits bits, Frame& window) const {
  const Box box = window.box();
  const auto& runs = runs_[frame];
  for (int y = box.y0; y < box.y1; ++y) {
    const std::int64_t row = static_cast<std::int64_t>(y) * width, begin = row + box.x0, end = row + box.x1;
    auto run = std::partition_point(runs.begin(), runs.end(), [&](const MaskRun& r) { return r.start + r.length <= begin; });
    for (; run != runs.end() && run->start < end; ++run) {
      if (!(run->bits & bits)) continue;
      const int from = static_cast<int>(std::max(run->start, begin) - row), to = static_cast<int>(std::min(run->start + run->length, end) - row);
      for (int x = from; x < to; ++x) {
        window.value(x, y) = window.variance(x, y) = 0;
        window.good(x, y) = 0;
      }
    }
  }
}

void FrameMasks::mark(std::size_t frame, View<std::int16_t> mask) const {
  const int width = mask.box().width();
  for (const auto& run : runs_[frame])
    for (std::int64_t p = run.start; p < run.start + run.length && p < mask.box().area(); ++p) {
      auto& pixel = mask(static_cast<int>(p % width), static_cast<int>(p / width));
      pixel = static_cast<std::int16_t>(pixel | run.bits);
    }
}

}  // namespace tessera::pipeline
