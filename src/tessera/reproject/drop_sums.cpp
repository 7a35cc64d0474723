#include "tessera/reproject/drop_sums.h"

#include <algorithm>
#include <cmath>

#include "tessera/geometry/quad_overlap.h"
#include "tessera/reproject/area.h"
#include "tessera/reproject/area_block.h"

namespace tessera::reproject {

void DropSums::finish(double coverage_per_weight, ResampledView out) const {
  const Sum* s = sums_.data();
  for (int y = box_.y0; y < box_.y1; ++y) {
    const auto value = out.value.row(y), variance = out.variance.row(y), coverage = out.coverage.row(y);
    for (std::size_t i = 0; i < value.size(); ++i, ++s) {
      const double covered = s->weight * coverage_per_weight;
      const bool any = covered > least_coverage;
      const double inverse = any ? 1.0 / s->weight : 0.0;
      value[i] = static_cast<float>(s->weighted * inverse);
      variance[i] = static_cast<float>(s->variance * inverse * inverse);
      coverage[i] = any ? static_cast<float>(covered) : 0.0f;
    }
  }
}

Box pixels_to_drop(const FrameView& frame, const wcs::PixelMap& to_frame, Box out) {
  const Box needed = needed_window(to_frame, out, frame.box().grown(drop_margin));
  if (needed.empty()) return {};
  const Box box = intersection(needed.grown(drop_margin), frame.box());
  return box.empty() ? Box{} : box;
}

double on_raster(double x) {
  constexpr double raster = 1 << 30;
  return std::round(x * raster) / raster;
}

PixelsOnOutput::PixelsOnOutput(const wcs::PixelMap& to_output, int x0, int count) : map_{to_output}, x0_{x0} {
  const auto n = static_cast<std::size_t>(count);
  for (auto* centres : {&x_, &y_}) centres->resize(n);
  for (auto* corners : {&below_x_, &below_y_, &above_x_, &above_y_}) corners->resize(n + 1);
}

void PixelsOnOutput::map(int y) {
  if (mapped_ && above_is_ == y - 1) {
    std::swap(below_x_, above_x_);
    std::swap(below_y_, above_y_);
  } else {
    map_.apply_row(x0_ - 0.5, y - 0.5, below_x_, below_y_);
  }
  map_.apply_row(x0_ - 0.5, y + 0.5, above_x_, above_y_);
  map_.apply_row(x0_, y, x_, y_);
  above_is_ = y;
  mapped_ = true;
}

double PixelsOnOutput::area(int k) const {
  const auto i = static_cast<std::size_t>(k);
  const geometry::Quad q{{below_x_[i], below_x_[i + 1], above_x_[i + 1], above_x_[i]}, {below_y_[i], below_y_[i + 1], above_y_[i + 1], above_y_[i]}};
  const double area = std::abs(geometry::area(q));
  const auto [xa, xb] = std::minmax_element(q.x.begin(), q.x.end());
  const auto [ya, yb] = std::minmax_element(q.y.begin(), q.y.end());
  const double length = std::max(*xb - *xa, *yb - *ya);
  return length * length < longest_squared * area ? area : 0.0;  // false for NaN
}

}  // namespace tessera::reproject
