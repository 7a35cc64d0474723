#include "tessera/coadd/clipped.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "tessera/coadd/votes.h"
#include "tessera/core/statistics.h"

namespace tessera::coadd {
namespace {

constexpr std::size_t least_votes = 3;     // to leave anything out
constexpr std::size_t scatter_votes = 5;   // to ask the scatter of the values
constexpr float sigma_per_mad = 1.0F / 0.6745F;

/// What the values of a pixel are compared with.
struct Norm {
  float median = 0, scatter = 0, median_variance = 0, allowed = 0;
};

Norm norm_of(Votes& votes, float steep, const CoaddOptions& options, std::vector<float>& scratch) {
  const Median m = votes.median();
  Norm norm{m.value, 0, 0, static_cast<float>(options.clip_gradient) * steep};
  if (votes.size() >= scatter_votes) {
    scratch.clear();
    for (const float v : votes.values()) scratch.push_back(std::abs(v - m.value));
    norm.scatter = sigma_per_mad * static_cast<float>(statistics::median_inplace(std::span<float>{scratch}));
    norm.allowed *= 0.5F;  // the scatter holds the rest
    return norm;
  }
  norm.median_variance = m.sigma * m.sigma;
  if (votes.size() == 4) {
    scratch.assign(votes.values().begin(), votes.values().end());
    std::nth_element(scratch.begin(), scratch.begin() + 1, scratch.end());
    norm.median = scratch[1];
  }
  return norm;
}

bool stands_out(const Norm& norm, float value, float variance, double clip_sigma) {
  const float s = std::sqrt(std::max(variance, norm.scatter * norm.scatter) + norm.median_variance);
  return std::abs(value - norm.median) > static_cast<float>(clip_sigma) * s + norm.allowed;
}

}  // namespace

Image<float> steepness(std::span<const ResampledView> stack, Box part, int reach) {
  Image<float> value{part.grown(reach), std::numeric_limits<float>::quiet_NaN()}, variance{part.grown(reach)}, steep{part};
  Votes votes;
  for (int y = value.box().y0; y < value.box().y1; ++y)
    for (int x = value.box().x0; x < value.box().x1; ++x) {
      votes.gather(stack, x, y);
      if (votes.size() == 0) continue;
      const Median m = votes.median();
      value(x, y) = m.value;
      variance(x, y) = m.sigma * m.sigma;
    }
  for (int y = part.y0; y < part.y1; ++y)
    for (int x = part.x0; x < part.x1; ++x)
      for (int d = 1; d <= reach; ++d)
        for (const auto& [u, v] : {std::pair{x - d, y}, {x + d, y}, {x, y - d}, {x, y + d}}) {
          const float step = std::abs(value(u, v) - value(x, y)) - 2 * std::sqrt(variance(u, v) + variance(x, y));
          if (step > steep(x, y)) steep(x, y) = step;  // false for NaN, where a neighbour is not covered
        }
  return steep;
}

long clip(std::span<const ResampledView> stack, View<const float> steep, const CoaddOptions& options) {
  long count = 0;
  Votes votes;
  std::vector<float> scratch;
  const Box box = steep.box();
  for (int y = box.y0; y < box.y1; ++y)
    for (int x = box.x0; x < box.x1; ++x)
      for (bool changed = true; changed;) {
        changed = false;
        votes.gather(stack, x, y);
        if (votes.size() < least_votes) break;
        const Norm norm = norm_of(votes, steep(x, y), options, scratch);
        for (const auto& frame : stack) {
          if (!(frame.coverage(x, y) > 0) || !stands_out(norm, frame.value(x, y), frame.variance(x, y), options.clip_sigma)) continue;
          frame.coverage(x, y) = frame.value(x, y) = frame.variance(x, y) = 0;
          changed = true;
          ++count;
        }
      }
  return count;
}

}  // namespace tessera::coadd
