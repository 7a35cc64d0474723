#include "tessera/outlier/blot.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "tessera/outlier/stack_statistics.h"

namespace tessera::outlier {

void describe(param::Schema<BlotOptions>& s) {
  s.field(&BlotOptions::threshold_high, "blot_threshold_high", "Blot scheme: a pixel this many sigma from the median image is an outlier.").at_least(0).unit("sigma");
  s.field(&BlotOptions::threshold_low, "blot_threshold_low", "Blot scheme: the same for the neighbours of such pixels.").at_least(0).unit("sigma");
  s.field(&BlotOptions::scale_high, "blot_scale_high", "Blot scheme: fraction of the median image's steepest step that a pixel may deviate on top of the noise.").at_least(0);
  s.field(&BlotOptions::scale_low, "blot_scale_low", "Blot scheme: the same for the neighbours of outliers.").at_least(0);
}

Image<float> median_image(const Stack& stack, double least_coverage) {
  constexpr float unknown = std::numeric_limits<float>::quiet_NaN();
  const Box box = stack.box();
  Image<float> median{box, unknown};
  StackStatistics statistics;
  for (int y = box.y0; y < box.y1; ++y)
    for (int x = box.x0; x < box.x1; x += StackStatistics::columns) {
      const int count = std::min(StackStatistics::columns, box.x1 - x);
      statistics.compute(stack.frames, stack.sky_variance, x, y, count, least_coverage);
      for (int i = 0; i < count; ++i)
        if (statistics[i].seen >= 2) median(x + i, y) = statistics[i].reference;
    }
  return median;
}

namespace {

float bilinear(View<const float> image, double x, double y) {
  constexpr float unknown = std::numeric_limits<float>::quiet_NaN();
  const Box box = image.box();
  if (!(x >= box.x0 && x <= box.x1 - 1 && y >= box.y0 && y <= box.y1 - 1)) return unknown;
  const int i = std::min(static_cast<int>(std::floor(x)), box.x1 - 2), j = std::min(static_cast<int>(std::floor(y)), box.y1 - 2);
  if (i < box.x0 || j < box.y0) return unknown;
  const double fx = x - i, fy = y - j;
  const auto along = [&](int row) { return (1 - fx) * static_cast<double>(image(i, row)) + fx * static_cast<double>(image(i + 1, row)); };
  return static_cast<float>((1 - fy) * along(j) + fy * along(j + 1));
}

/// The median image on the frame's pixels, and one around them for the steps.
Image<float> blotted(View<const float> median, const wcs::PixelMap& frame_to_output, Box box) {
  Image<float> blot{box.grown(1)};
  std::vector<double> u(static_cast<std::size_t>(blot.box().width())), v(u.size());
  for (int y = blot.box().y0; y < blot.box().y1; ++y) {
    frame_to_output.apply_row(blot.box().x0, y, u, v);
    const auto row = blot.row(y);
    for (std::size_t i = 0; i < row.size(); ++i) row[i] = bilinear(median, u[i], v[i]);
  }
  return blot;
}

}  // namespace

void flag_blot(const FrameView& frame, double offset, double noise_scale, View<const float> median, const wcs::PixelMap& frame_to_output,
               const BlotOptions& options, View<std::uint8_t> outlier) {
  const Box box = frame.box();
  if (box.empty()) return;
  const Image<float> blot = blotted(median, frame_to_output, box);
  Image<std::uint8_t> candidate{box}, likely{box};
  for (int y = box.y0; y < box.y1; ++y)
    for (int x = box.x0; x < box.x1; ++x) {
      const float middle = blot(x, y);
      if (!frame.good(x, y) || !std::isfinite(middle)) continue;
      double step = 0;
      for (const float next : {blot(x - 1, y), blot(x + 1, y), blot(x, y - 1), blot(x, y + 1)})
        if (std::isfinite(next)) step = std::max(step, static_cast<double>(std::abs(next - middle)));
      const double sigma = noise_scale * std::sqrt(static_cast<double>(frame.variance(x, y)));
      const double d = std::abs(static_cast<double>(frame.value(x, y)) - offset - static_cast<double>(middle));
      candidate(x, y) = d > options.scale_high * step + options.threshold_high * sigma;
      likely(x, y) = d > options.scale_low * step + options.threshold_low * sigma;
    }
  for (int y = box.y0; y < box.y1; ++y) std::ranges::fill(outlier.row(y), std::uint8_t{0});
  for (int y = box.y0; y < box.y1; ++y)
    for (int x = box.x0; x < box.x1; ++x) {
      if (!candidate(x, y)) continue;
      const Box around = intersection(Box{x - 1, y - 1, x + 2, y + 2}, box);
      for (int j = around.y0; j < around.y1; ++j)
        for (int i = around.x0; i < around.x1; ++i) outlier(i, j) = outlier(i, j) | likely(i, j);
    }
}

}  // namespace tessera::outlier
