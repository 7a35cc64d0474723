#include "tessera/pipeline/mosaic_peaks.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "tessera/parallel/pool.h"

namespace tessera::pipeline {
namespace {

constexpr std::size_t sky_points = 16;

}  // namespace

PeakSearch::PeakSearch(const Plan& plan, const TileStore& store, int reach, float least_signal_to_noise, bool whole_ring)
    : width_{plan.grid.width}, height_{plan.grid.height}, reach_{reach}, least_{least_signal_to_noise}, whole_ring_{whole_ring},
      values_{store, TileResult::mosaic, NAN, reach}, sigmas_{store, TileResult::uncertainty, NAN, reach} {
  for (std::size_t k = 0; k < sky_points; ++k) {
    const double angle = 2 * std::numbers::pi * static_cast<double>(k) / sky_points;
    ring_.push_back({static_cast<int>(std::lround(reach * std::cos(angle))), static_cast<int>(std::lround(reach * std::sin(angle)))});
  }
}

/// NaN compares as not lower.
bool PeakSearch::is_peak(int x, int y) const {
  const float *below = values_.row(y - 1).data() + x, *here = values_.row(y).data() + x, *above = values_.row(y + 1).data() + x;
  const float v = here[0];
  return v > here[-1] && v >= here[1] && v > below[0] && v >= above[0] && v > below[-1] && v > below[1] && v >= above[-1] && v >= above[1];
}

/// NaN when there is none, or a point has no data and all must.
float PeakSearch::sky_around(int x, int y) const {
  std::array<float, sky_points> values{};
  std::size_t n = 0;
  for (const auto& [dx, dy] : ring_)
    if (const float v = value(x + dx, y + dy); std::isfinite(v)) values[n++] = v;
  if (n == 0 || (whole_ring_ && n < sky_points)) return NAN;
  std::sort(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(n));
  return 0.5F * (values[(n - 1) / 2] + values[n / 2]);
}

void PeakSearch::run(const std::function<void(const MosaicPeak&)>& each) {
  for (int y = reach_; y < height_ - reach_; ++y) {
    if (y % 256 == 0) parallel::check_interrupt();
    values_.advance(y + reach_);
    sigmas_.advance(y + reach_);
    if (values_.empty(y)) continue;
    const float *v = values_.row(y).data(), *sigma = sigmas_.row(y).data();
    for (int x = reach_; x < width_ - reach_; ++x) {
      // Most pixels end here: a peak of that height stands out of at least one of two points of the ring, but for a steep sky.
      if (!(v[x] - std::min(v[x - reach_], v[x + reach_]) > least_ * sigma[x]) || !(sigma[x] > 0) || !is_peak(x, y)) continue;
      const float sky = sky_around(x, y), height = v[x] - sky;
      if (height > least_ * sigma[x]) each({x, y, sky, height, height / sigma[x]});
    }
  }
}

}  // namespace tessera::pipeline
