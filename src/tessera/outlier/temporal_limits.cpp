#include "tessera/outlier/temporal_limits.h"

#include <algorithm>
#include <cmath>

#include "tessera/outlier/stack_statistics.h"

namespace tessera::outlier {
namespace {

constexpr float scatter_holds = 0.5f;         // of the gradient term, once the stack's scatter shows what dithers do
constexpr float variance_of_median = 1.571f;  // π/2 of the mean's, for normal noise

}  // namespace

TemporalLimits::TemporalLimits(std::span<const ResampledView> stack, std::span<const float> sky_variance, Box box, const TemporalOptions& options, int frame_pixel)
    : frame_pixel_{frame_pixel}, known_{box}, depth_{box}, reference_{box}, reference_noise_{box}, mean_variance_{box}, allowed_{box, never}, least_noise_{box},
      more_noise_{box} {
  StackStatistics statistics;
  for (int y = box.y0; y < box.y1; ++y)
    for (int x0 = box.x0; x0 < box.x1; x0 += StackStatistics::columns) {
      const int count = std::min(StackStatistics::columns, box.x1 - x0);
      statistics.compute(stack, sky_variance, x0, y, count, options.min_coverage);
      for (int i = 0; i < count; ++i) {
        const PixelStatistics& s = statistics[i];
        const int x = x0 + i;
        reference_(x, y) = s.reference;
        mean_variance_(x, y) = s.noise;
        depth_(x, y) = static_cast<std::uint16_t>(std::min(s.count, 65535));
        known_(x, y) = static_cast<std::uint8_t>(s.count >= options.min_images ? 3 : std::min(s.seen, 2));
        reference_noise_(x, y) = s.count > 0 ? variance_of_median * s.noise / static_cast<float>(s.count) : 0.0f;
        if (s.count == 1 || s.count == 2) more_noise_(x, y) = s.scatter * s.scatter;
        if (s.count >= options.min_images) least_noise_(x, y) = s.scatter * s.scatter;
      }
    }
  for (int y = box.y0; y < box.y1; ++y)
    for (int x = box.x0; x < box.x1; ++x)
      if (known_(x, y) > 1) allowed_(x, y) = static_cast<float>(options.gradient) * (known_(x, y) == 3 ? scatter_holds : 1.0f) * steepest_step(x, y);
}

void TemporalLimits::test(const ResampledView& frame, int x0, int y, int count, float high, float low, float min_coverage, std::uint8_t* flags, float steep) const {
  const float* __restrict value = &frame.value(x0, y);
  const float* __restrict variance = &frame.variance(x0, y);
  const float* __restrict covered = &frame.coverage(x0, y);
  const float* __restrict reference = &reference_(x0, y);
  const float* __restrict allowed = &allowed_(x0, y);
  const float* __restrict least = &least_noise_(x0, y);
  const float* __restrict more = &more_noise_(x0, y);
  for (int i = 0; i < count; ++i) {
    const float deviation = value[i] - reference[i];
    const float excess = std::abs(deviation) - steep * allowed[i];
    const float noise = (variance[i] > least[i] ? variance[i] : least[i]) + more[i];
    const float threshold = deviation > 0.0f ? high : low;
    flags[i] = static_cast<std::uint8_t>((excess > 0.0f) & (excess * excess > threshold * threshold * noise) & (covered[i] > 0.0f) &
                                         (covered[i] >= min_coverage));
  }
}

// Beyond what noise makes of a flat sky (two sigma), or else that would raise every threshold.
float TemporalLimits::steepest_step(int x, int y) const {
  const float here = reference_(x, y);
  float step = 0;
  const auto look = [&](int i, int j) {
    if (known_.box().contains(i, j) && known_(i, j) > 0)
      step = std::max(step, std::abs(reference_(i, j) - here) - 2.0f * std::sqrt(reference_noise_(i, j) + reference_noise_(x, y)));
  };
  for (int d = 1; d <= frame_pixel_; ++d) {
    look(x - d, y);
    look(x + d, y);
    look(x, y - d);
    look(x, y + d);
  }
  return step;
}

}  // namespace tessera::outlier
