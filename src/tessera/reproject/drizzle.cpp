#include "tessera/reproject/drizzle.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "tessera/reproject/area_block.h"
#include "tessera/reproject/drop_quads.h"

namespace tessera::reproject {

namespace {

const double fwhm_per_sigma = 2 * std::sqrt(2 * std::numbers::ln2);

void drop_squares(const FrameView& frame, Box from, const wcs::PixelMap& to_output, double half, DropSums& sums) {
  const auto n = static_cast<std::size_t>(from.width());
  std::vector<double> corners[8];
  for (auto& c : corners) c.assign(n + lane_padding, std::numeric_limits<double>::quiet_NaN());
  geometry::OverlapTable table;
  DropRow row;
  for (int k = 0; k < 4; ++k) {
    row.x[k] = corners[k].data();
    row.y[k] = corners[4 + k].data();
  }
  row.count = from.width();
  row.sums = &sums;
  row.table = &table;
  const auto& kernel = drop_quads_kernels().back();
  const double dx[4] = {-half, half, half, -half}, dy[4] = {-half, -half, half, half};
  for (int y = from.y0; y < from.y1; ++y) {
    for (int k = 0; k < 4; ++k) to_output.apply_row(from.x0 + dx[k], y + dy[k], {corners[k].data(), n}, {corners[4 + k].data(), n});
    row.value = &frame.value(from.x0, y);
    row.variance = &frame.variance(from.x0, y);
    row.good = &frame.good(from.x0, y);
    kernel.drop(row);
  }
}

/// A good frame pixel where it lies on the output grid.
struct Drop {
  double x, y, area, value, variance;
};

/// The output pixels that [x − reach, x + reach] × [y − reach, y + reach] touches.
Box touched(const Drop& d, double reach, Box out) {
  if (!(d.x + reach > out.x0 - 1.0 && d.x - reach < out.x1 && d.y + reach > out.y0 - 1.0 && d.y - reach < out.y1)) return {};
  const auto index = [](double at, int low, int high) { return static_cast<int>(std::clamp(std::floor(at + 0.5), low - 1.0, high + 0.0)); };
  const Box box{index(d.x - reach, out.x0, out.x1), index(d.y - reach, out.y0, out.y1), index(d.x + reach, out.x0, out.x1) + 1,
                index(d.y + reach, out.y0, out.y1) + 1};
  return intersection(box, out);
}

void drop_point(const Drop& d, DropSums& sums) {
  const Box box = touched(d, 0, sums.box());
  if (!box.empty()) sums.add(box.x0, box.y0, d.area, d.value, d.variance);
}

void drop_turbo(const Drop& d, double pixfrac, DropSums& sums) {
  const double half = 0.5 * pixfrac * std::sqrt(d.area);
  const Box box = touched(d, half, sums.box());
  const auto shared = [half](double centre, int pixel) { return std::min(centre + half, pixel + 0.5) - std::max(centre - half, pixel - 0.5); };
  for (int y = box.y0; y < box.y1; ++y) {
    const double height = shared(d.y, y);
    for (int x = box.x0; x < box.x1; ++x) {
      const double width = shared(d.x, x);
      if (width > 0 && height > 0) sums.add(x, y, width * height, d.value, d.variance);
    }
  }
}

void drop_gaussian(const Drop& d, double pixfrac, DropSums& sums) {
  const double side = std::sqrt(d.area), sigma = pixfrac * side / fwhm_per_sigma;
  const double falloff = 0.5 / (sigma * sigma), peak = d.area * falloff / std::numbers::pi;
  const Box box = touched(d, std::max(2.5 * sigma, 1.2 * side), sums.box());
  for (int y = box.y0; y < box.y1; ++y)
    for (int x = box.x0; x < box.x1; ++x) {
      const double dx = x - d.x, dy = y - d.y;
      sums.add(x, y, peak * std::exp(-falloff * (dx * dx + dy * dy)), d.value, d.variance);
    }
}

template <class DropOne>
void drop_each(const FrameView& frame, Box from, const wcs::PixelMap& to_output, DropOne drop_one) {
  PixelsOnOutput place{to_output, from.x0, from.width()};
  for (int y = from.y0; y < from.y1; ++y) {
    place.map(y);
    for (int x = from.x0; x < from.x1; ++x) {
      if (!frame.good(x, y)) continue;
      const int k = x - from.x0;
      const Drop d{place.x(k), place.y(k), place.area(k), static_cast<double>(frame.value(x, y)), static_cast<double>(frame.variance(x, y))};
      if (d.area > 0) drop_one(d);  // a point without a place fails every comparison in touched()
    }
  }
}

}  // namespace

void drizzle(const FrameView& frame, const FrameMaps& maps, double pixfrac, DropKernel kernel, ResampledView out) {
  if (out.box().empty()) return;
  const double half = std::max(on_raster(0.5 * pixfrac), on_raster(1e-3));
  pixfrac = 2 * half;
  DropSums sums{out.box()};
  const Box from = pixels_to_drop(frame, maps.to_frame, out.box());
  double counts_area = 1;  // what of a frame pixel's area the weights of its drop add up to
  if (!from.empty()) switch (kernel) {
      case DropKernel::square: drop_squares(frame, from, maps.to_output, half, sums); break;
      case DropKernel::turbo: drop_each(frame, from, maps.to_output, [&](const Drop& d) { drop_turbo(d, pixfrac, sums); }); break;
      case DropKernel::gaussian: drop_each(frame, from, maps.to_output, [&](const Drop& d) { drop_gaussian(d, pixfrac, sums); }); break;
      case DropKernel::point: drop_each(frame, from, maps.to_output, [&](const Drop& d) { drop_point(d, sums); }); break;
    }
  if (kernel == DropKernel::square || kernel == DropKernel::turbo) counts_area = pixfrac * pixfrac;
  sums.finish(1 / counts_area, out);
}

}  // namespace tessera::reproject
