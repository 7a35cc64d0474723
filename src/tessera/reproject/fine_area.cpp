#include "tessera/reproject/fine_area.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "tessera/geometry/quad_overlap.h"
#include "tessera/reproject/area_block.h"

namespace tessera::reproject {

namespace {

int divided(int x, int by) { return x >= 0 ? x / by : -((-x + by - 1) / by); }  // rounding down

/// The weights of frame pixels in one output pixel, gathered from fine pixels.
class Gathered {
 public:
  Gathered(const FrameView& frame, int fineres) : frame_{frame}, box_{frame.box()}, fineres_{fineres} {
    for (int k = 0; k < fineres; ++k) offset_.push_back((k + 0.5) / fineres - 0.5);
  }
  void begin(Box fine) {
    const Box pixels{divided(fine.x0, fineres_), divided(fine.y0, fineres_), divided(fine.x1 - 1, fineres_) + 1, divided(fine.y1 - 1, fineres_) + 1};
    weights_.reset(intersection(pixels.grown(1), box_));
    total_ = 0;
  }
  void add(int fx, int fy, double area) {
    const int x = divided(fx, fineres_), y = divided(fy, fineres_);
    if (!good(x, y)) return;
    const double dx = offset_[static_cast<std::size_t>(fx - x * fineres_)], dy = offset_[static_cast<std::size_t>(fy - y * fineres_)];
    const int nx = dx < 0 ? x - 1 : x + 1, ny = dy < 0 ? y - 1 : y + 1;
    const double wx = std::abs(dx), wy = std::abs(dy);
    const double b[4] = {(1 - wx) * (1 - wy), good(nx, y) ? wx * (1 - wy) : 0, good(x, ny) ? (1 - wx) * wy : 0, good(nx, ny) ? wx * wy : 0};
    const double scale = area / (b[0] + b[1] + b[2] + b[3]);
    weights_(x, y) += scale * b[0];
    if (b[1] > 0) weights_(nx, y) += scale * b[1];
    if (b[2] > 0) weights_(x, ny) += scale * b[2];
    if (b[3] > 0) weights_(nx, ny) += scale * b[3];
    total_ += area;
  }
  double total() const { return total_; }
  template <class Use>
  void each(Use use) const {
    const Box part = weights_.box();
    for (int y = part.y0; y < part.y1; ++y)
      for (int x = part.x0; x < part.x1; ++x)
        if (weights_(x, y) > 0) use(weights_(x, y), static_cast<double>(frame_.value(x, y)), static_cast<double>(frame_.variance(x, y)));
  }

 private:
  bool good(int x, int y) const { return box_.contains(x, y) && frame_.good(x, y); }
  const FrameView& frame_;
  Box box_;
  int fineres_;
  std::vector<double> offset_;
  Image<double> weights_;
  double total_ = 0;
};

}  // namespace

void fine_area_overlap(const FrameView& frame, const wcs::PixelMap& to_frame, int fineres, ResampledView out) {
  const Box box = out.box();
  if (box.empty()) return;
  const auto corners = static_cast<std::size_t>(box.width()) + 1;
  std::vector<double> below_u(corners), below_v(corners), above_u(corners), above_v(corners);
  const auto map = [&](double y, std::vector<double>& u, std::vector<double>& v) {
    to_frame.apply_row(box.x0 - 0.5, y, u, v);
    for (std::size_t k = 0; k < corners; ++k) u[k] = fineres * (u[k] + 0.5) - 0.5, v[k] = fineres * (v[k] + 0.5) - 0.5;
  };
  const Box f = frame.box(), clip{f.x0 * fineres, f.y0 * fineres, f.x1 * fineres, f.y1 * fineres};
  geometry::OverlapTable table;
  Gathered gathered{frame, fineres};
  map(box.y0 - 0.5, below_u, below_v);
  for (int y = box.y0; y < box.y1; ++y) {
    map(y + 0.5, above_u, above_v);
    for (int x = box.x0; x < box.x1; ++x) {
      const auto k = static_cast<std::size_t>(x - box.x0);
      const geometry::Quad quad{{below_u[k], below_u[k + 1], above_u[k + 1], above_u[k]}, {below_v[k], below_v[k + 1], above_v[k + 1], above_v[k]}};
      out.value(x, y) = out.variance(x, y) = out.coverage(x, y) = 0;
      // A window of the frame must not cut the quadrilateral, which would change bits: what lies outside is left out pixel by pixel.
      const Box under = geometry::pixels_under(quad);
      if (intersection(under, clip).empty()) continue;
      table.compute(quad, under.area() > 100000 ? clip : geometry::OverlapTable::everywhere);
      gathered.begin(table.box());
      for (int fy = table.box().y0; fy < table.box().y1; ++fy)
        for (int fx = table.box().x0; fx < table.box().x1; ++fx)
          if (const double a = table(fx, fy); a > 0) gathered.add(fx, fy, a);
      const double covered = gathered.total() / std::abs(geometry::area(quad));
      if (!(covered > least_coverage)) continue;
      double weighted = 0, variance = 0;
      gathered.each([&](double w, double value, double v) {
        weighted += w * value;
        variance += w * w * v;
      });
      const double inverse = 1 / gathered.total();
      out.value(x, y) = static_cast<float>(weighted * inverse);
      out.variance(x, y) = static_cast<float>(variance * inverse * inverse);
      out.coverage(x, y) = static_cast<float>(covered);
    }
    std::swap(below_u, above_u);
    std::swap(below_v, above_v);
  }
}

}  // namespace tessera::reproject
