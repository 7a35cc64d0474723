#include "tessera/outlier/temporal.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <vector>

#include "tessera/geometry/quad_overlap.h"
#include "tessera/outlier/temporal_limits.h"

namespace tessera::outlier {

void describe(param::Schema<TemporalOptions>& s) {
  s.field(&TemporalOptions::threshold_high, "threshold_high", "A value this many times the scatter above the stack's median is an outlier.")
      .at_least(0).unit("sigma").namelist("MOSAICOUTLIERIN", "TOP_THRESHOLD").namelist("MOSAICRMASKIN", "TOP_THRESHOLD").swarp("CLIP_SIGMA");
  s.field(&TemporalOptions::threshold_low, "threshold_low", "A value this many times the scatter below the stack's median is an outlier.")
      .at_least(0).unit("sigma").namelist("MOSAICOUTLIERIN", "BOTTOM_THRESHOLD").namelist("MOSAICRMASKIN", "BOTTOM_THRESHOLD");
  s.field(&TemporalOptions::min_images, "min_images", "From this many values on, their scatter (MAD) is a lower bound of the noise; below, the uncertainties alone count.")
      .range(3, 1000000).namelist("MOSAICOUTLIERIN", "MIN_PIX_NUM");
  s.field(&TemporalOptions::gradient, "gradient", "Fraction of the steepest step to a neighbouring pixel that a value may deviate on top of the noise, so that stars keep their cores.")
      .at_least(0);
  s.field(&TemporalOptions::grow, "grow", "Threshold for the neighbours of outliers, where the wings of a hit are; 0: the usual thresholds.")
      .at_least(0).unit("sigma");
  s.field(&TemporalOptions::min_overlap, "min_overlap", "A frame pixel is rejected when outliers cover at least this fraction of its area.")
      .range(1e-3, 1).namelist("MOSAICRMASKIN", "RM_THRESH");
  s.field(&TemporalOptions::min_coverage, "min_coverage", "A frame takes part in the comparison where it covers at least this fraction of the output pixel.").range(0, 1);
  s.field(&TemporalOptions::candidate, "candidate", "Frame pixels under resampled values this far from the median are tested on their own; 0: the resampled values alone decide, as MOPEX does.")
      .at_least(0).unit("sigma");
  s.field(&TemporalOptions::scatter, "scatter", "How the scatter of the stack is measured: mad = median deviation; gap = the smallest difference of two values that follow each other in order (not recommended, nearly everything is an outlier then).")
      .choices({{"mad", Scatter::mad}, {"gap", Scatter::gap}});
}

namespace {

using Limits = TemporalLimits;

/// Flags (as 2) the unflagged neighbours of flagged values that exceed the lower threshold.
void grow_flags(const ResampledView& frame, const Limits& limits, const TemporalOptions& options, View<std::uint8_t> flags) {
  const Box box = flags.box();
  const float high = static_cast<float>(std::min(options.grow, options.threshold_high));
  const float low = static_cast<float>(std::min(options.grow, options.threshold_low));
  for (int y = box.y0; y < box.y1; ++y)
    for (int x = box.x0; x < box.x1; ++x) {
      if (flags(x, y) != 1) continue;
      const Box around = intersection(Box{x - 1, y - 1, x + 2, y + 2}, box);
      for (int j = around.y0; j < around.y1; ++j)
        for (int i = around.x0; i < around.x1; ++i)
          if (flags(i, j) == 0) {
            std::uint8_t bad = 0;
            limits.test(frame, i, j, 1, high, low, static_cast<float>(options.min_coverage), &bad);
            if (bad) flags(i, j) = 2;
          }
    }
  for (int y = box.y0; y < box.y1; ++y)
    for (std::uint8_t& flag : flags.row(y)) flag = flag != 0;
}

}  // namespace

void flag_temporal(std::span<const ResampledView> stack, const TemporalOptions& options, std::span<const View<std::uint8_t>> outlier,
                   std::span<const float> sky_variance, int frame_pixel) {
  assert(stack.size() == outlier.size() && (sky_variance.empty() || sky_variance.size() == stack.size()));
  if (stack.empty() || stack.front().box().empty()) return;
  const Box box = stack.front().box();
  const Limits limits{stack, sky_variance, box, options, std::max(1, frame_pixel)};
  const float high = static_cast<float>(options.threshold_high), low = static_cast<float>(options.threshold_low);
  for (std::size_t k = 0; k < stack.size(); ++k) {
    assert(stack[k].box() == box && outlier[k].box() == box);
    bool flagged = false;
    for (int y = box.y0; y < box.y1; ++y) {
      const auto flags = outlier[k].row(y);
      limits.test(stack[k], box.x0, y, box.width(), high, low, static_cast<float>(options.min_coverage), flags.data());
      flagged = flagged || std::find(flags.begin(), flags.end(), 1) != flags.end();
    }
    if (flagged && options.grow > 0) grow_flags(stack[k], limits, options, outlier[k]);
  }
}

namespace {

/// Frame coordinates of the corners of the flagged output pixels, row by row.
std::vector<geometry::Quad> flagged_quads(View<const std::uint8_t> outlier, const wcs::PixelMap& map) {
  const Box box = outlier.box();
  std::vector<geometry::Quad> quads;
  std::vector<double> u, v;
  for (int y = box.y0; y < box.y1; ++y) {
    const auto row = outlier.row(y);
    for (std::size_t from = 0; from < row.size(); ++from) {
      if (!row[from]) continue;
      std::size_t to = from;
      while (to < row.size() && row[to]) ++to;
      const std::size_t count = to - from + 1;
      u.resize(2 * count);
      v.resize(2 * count);
      const double x0 = box.x0 + static_cast<double>(from) - 0.5;
      map.apply_row(x0, y - 0.5, {u.data(), count}, {v.data(), count});
      map.apply_row(x0, y + 0.5, {u.data() + count, count}, {v.data() + count, count});
      for (std::size_t k = 0; k + 1 < count; ++k)
        quads.push_back({{u[k], u[k + 1], u[count + k + 1], u[count + k]}, {v[k], v[k + 1], v[count + k + 1], v[count + k]}});
      from = to;
    }
  }
  return quads;
}

}  // namespace

long project_to_frame(View<const std::uint8_t> outlier, const wcs::PixelMap& output_to_frame, const TemporalOptions& options,
                      View<std::uint8_t> rejected) {
  const std::vector<geometry::Quad> quads = flagged_quads(outlier, output_to_frame);
  Box near;
  for (const auto& q : quads) near = hull(near, intersection(geometry::pixels_under(q), rejected.box()));
  if (near.empty()) return 0;
  Image<double> covered{near};
  geometry::OverlapTable table;
  for (const auto& q : quads) {
    const Box under = geometry::pixels_under(q), inside = intersection(under, near);
    if (inside.empty()) continue;
    table.compute(q, under.area() <= (1 << 16) ? under : inside);  // small ones whole: bits must not depend on the window
    const Box box = intersection(table.box(), inside);
    for (int y = box.y0; y < box.y1; ++y)
      for (int x = box.x0; x < box.x1; ++x) covered(x, y) += table(x, y);
  }
  long set = 0;
  for (int y = near.y0; y < near.y1; ++y)
    for (int x = near.x0; x < near.x1; ++x)
      if (covered(x, y) >= options.min_overlap * (1 - 1e-9) && !rejected(x, y)) {
        rejected(x, y) = 1;
        ++set;
      }
  return set;
}

}  // namespace tessera::outlier
