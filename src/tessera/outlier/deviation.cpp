#include "tessera/outlier/deviation.h"

#include <algorithm>
#include <cmath>

#include "tessera/outlier/stack_statistics.h"

namespace tessera::outlier {

void temporal_deviation(const Stack& stack, int min_images, double least_coverage, std::span<const View<float>> deviation) {
  const Box box = stack.box();
  const auto least = static_cast<float>(least_coverage);
  StackStatistics statistics;
  for (int y = box.y0; y < box.y1; ++y)
    for (int x0 = box.x0; x0 < box.x1; x0 += StackStatistics::columns) {
      const int count = std::min(StackStatistics::columns, box.x1 - x0);
      statistics.compute(stack.frames, stack.sky_variance, x0, y, count, least_coverage);
      for (int i = 0; i < count; ++i) {
        const int x = x0 + i;
        const auto takes_part = [&](const ResampledView& f) { return f.coverage(x, y) > 0 && f.coverage(x, y) >= least; };
        float variance = INFINITY;
        for (const auto& f : stack.frames)
          if (takes_part(f)) variance = std::min(variance, f.variance(x, y));
        const auto& all = statistics[i];
        const float s = all.count >= min_images ? std::max(all.scatter, std::sqrt(variance)) : std::sqrt(variance);
        for (std::size_t k = 0; k < stack.frames.size(); ++k)
          deviation[k](x, y) = all.seen >= 2 && takes_part(stack.frames[k]) ? (stack.frames[k].value(x, y) - all.reference) / s : 0.0f;
      }
    }
}

void threshold(View<const float> deviation, double high, double low, View<std::uint8_t> outlier) {
  const Box box = deviation.box();
  for (int y = box.y0; y < box.y1; ++y) {
    const auto in = deviation.row(y);
    const auto out = outlier.row(y);
    for (std::size_t i = 0; i < in.size(); ++i) out[i] = static_cast<double>(in[i]) > high || static_cast<double>(in[i]) < -low;
  }
}

}  // namespace tessera::outlier
