#include "tessera/reproject/grid.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace tessera::reproject {

namespace {

/// How many points of one frame pixel fell in each output pixel.
class Tally {
 public:
  void clear() { cells_.clear(); }
  void add(int x, int y) {
    // Mostly it is the cell met last.
    for (auto c = cells_.rbegin(); c != cells_.rend(); ++c)
      if (c->x == x && c->y == y) {
        ++c->count;
        return;
      }
    cells_.push_back({x, y, 1});
  }
  void drop(double area_per_point, double value, double variance, DropSums& sums) const {
    for (const auto& c : cells_) sums.add(c.x, c.y, c.count * area_per_point, value, variance);
  }

 private:
  struct Cell {
    int x, y, count;
  };
  std::vector<Cell> cells_;
};

/// The points of one row of frame pixels on the output grid: of pixel k those at place(k, 0 … ratio²−1).
class RowOfPoints {
 public:
  RowOfPoints(const wcs::PixelMap& to_output, int x0, int count, int ratio)
      : map_{to_output}, x0_{x0}, count_{static_cast<std::size_t>(count)}, x_(static_cast<std::size_t>(ratio * ratio) * count_), y_(x_.size()) {
    for (int k = 0; k < ratio; ++k) offsets_.push_back(on_raster((k + 0.5) / ratio - 0.5));
  }
  void map(int y) {
    std::size_t at = 0;
    for (const double dy : offsets_)
      for (const double dx : offsets_) {
        map_.apply_row(x0_ + dx, y + dy, {x_.data() + at, count_}, {y_.data() + at, count_});
        at += count_;
      }
  }
  std::size_t points_per_pixel() const { return offsets_.size() * offsets_.size(); }
  double x(int k, std::size_t point) const { return x_[point * count_ + static_cast<std::size_t>(k)]; }
  double y(int k, std::size_t point) const { return y_[point * count_ + static_cast<std::size_t>(k)]; }

 private:
  const wcs::PixelMap& map_;
  int x0_;
  std::size_t count_;
  std::vector<double> offsets_, x_, y_;
};

}  // namespace

void drop_grid(const FrameView& frame, const FrameMaps& maps, int ratio, ResampledView out) {
  if (out.box().empty()) return;
  DropSums sums{out.box()};
  const Box box = out.box(), from = pixels_to_drop(frame, maps.to_frame, box);
  if (!from.empty()) {
    PixelsOnOutput place{maps.to_output, from.x0, from.width()};
    RowOfPoints points{maps.to_output, from.x0, from.width(), ratio};
    Tally tally;
    for (int y = from.y0; y < from.y1; ++y) {
      place.map(y);
      points.map(y);
      for (int x = from.x0; x < from.x1; ++x) {
        const int k = x - from.x0;
        const double area = place.area(k);
        if (!frame.good(x, y) || !(area > 0)) continue;
        tally.clear();
        for (std::size_t p = 0; p < points.points_per_pixel(); ++p) {
          const double u = points.x(k, p) + 0.5, v = points.y(k, p) + 0.5;
          if (u >= box.x0 && u < box.x1 && v >= box.y0 && v < box.y1) tally.add(static_cast<int>(std::floor(u)), static_cast<int>(std::floor(v)));
        }
        tally.drop(area / (ratio * ratio), static_cast<double>(frame.value(x, y)), static_cast<double>(frame.variance(x, y)), sums);
      }
    }
  }
  sums.finish(1, out);
}

}  // namespace tessera::reproject
