#include "tessera/outlier/temporal_limits.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "tessera/base/clones.h"
#include "tessera/outlier/stack_statistics.h"

namespace tessera::outlier {
namespace {

constexpr float scatter_holds = 0.5f;         // of the gradient term, once the stack's scatter shows what dithers do
constexpr float variance_of_median = 1.571f;  // π/2 of the mean's, for normal noise

/// step = max(step, |there − here| − 2σ) where there is a reference. Beyond what noise makes of a flat sky (two sigma), or else that
/// would raise every threshold.
TESSERA_CLONES void raise_steps(const float* __restrict here, const float* __restrict noise_here, const float* __restrict there, const float* __restrict noise_there,
                                const std::uint8_t* __restrict known_there, float* __restrict step, int n) {
  for (int i = 0; i < n; ++i) {
    const float beyond = std::abs(there[i] - here[i]) - 2.0f * std::sqrt(noise_there[i] + noise_here[i]);
    step[i] = known_there[i] > 0 && beyond > step[i] ? beyond : step[i];
  }
}

TESSERA_CLONES void allow(const std::uint8_t* __restrict known, const float* __restrict step, float gradient, float* __restrict allowed, int n) {
  for (int i = 0; i < n; ++i) {
    const float share = gradient * (known[i] == 3 ? scatter_holds : 1.0f);
    allowed[i] = known[i] > 1 ? share * step[i] : std::numeric_limits<float>::infinity();
  }
}

}  // namespace

TemporalLimits::TemporalLimits(std::span<const ResampledView> stack, std::span<const float> sky_variance, Box box, const TemporalOptions& options, int frame_pixel)
    : frame_pixel_{frame_pixel}, known_{box}, depth_{box}, reference_{box}, reference_noise_{box}, mean_variance_{box}, allowed_{box, never}, least_noise_{box},
      more_noise_{box} {
  StackStatistics statistics{options.scatter};
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
  std::vector<float> step(static_cast<std::size_t>(box.width()));
  for (int y = box.y0; y < box.y1; ++y) {
    steepest_steps(y, step);
    allow(known_.row(y).data(), step.data(), static_cast<float>(options.gradient), allowed_.row(y).data(), box.width());
  }
}

TESSERA_CLONES void TemporalLimits::test(const ResampledView& frame, int x0, int y, int count, float high, float low, float min_coverage, std::uint8_t* flags, float steep,
                                         float scatter) const {
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
    const float demanded = scatter * least[i];
    const float noise = (variance[i] > demanded ? variance[i] : demanded) + more[i];
    const float threshold = deviation > 0.0f ? high : low;
    flags[i] = static_cast<std::uint8_t>((excess > 0.0f) & (excess * excess > threshold * threshold * noise) & (covered[i] > 0.0f) &
                                         (covered[i] >= min_coverage));
  }
}

void TemporalLimits::steepest_steps(int y, std::vector<float>& step) const {
  const Box box = known_.box();
  std::fill(step.begin(), step.end(), 0.0f);
  const float *here = reference_.row(y).data(), *noise = reference_noise_.row(y).data();
  const auto look = [&](int dx, int row) {
    if (row < box.y0 || row >= box.y1) return;
    const int from = std::max(0, -dx), n = box.width() - std::abs(dx);
    if (n > 0)
      raise_steps(here + from, noise + from, reference_.row(row).data() + from + dx, reference_noise_.row(row).data() + from + dx, known_.row(row).data() + from + dx,
                  step.data() + from, n);
  };
  for (int d = 1; d <= frame_pixel_; ++d) {
    look(-d, y);
    look(d, y);
    look(0, y - d);
    look(0, y + d);
  }
}

}  // namespace tessera::outlier
