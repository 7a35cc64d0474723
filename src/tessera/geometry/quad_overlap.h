/// geometry/quad_overlap.h — exact overlap areas of a quadrilateral of any size with the unit pixels under it.
/// Green's theorem: an edge adds, to every pixel of a row, the area that lies to its right in that pixel; summed with sign
/// around the quadrilateral this leaves the area inside. Each edge is cut at the grid lines it crosses, where the sum is exact.
#pragma once
#include <array>
#include <limits>
#include <span>
#include <vector>

#include "tessera/core/box.h"

namespace tessera::geometry {

/// Corners in order around the quadrilateral (either sense), in pixel coordinates: pixel (i, j) is [i−½, i+½] × [j−½, j+½].
struct Quad {
  std::array<double, 4> x, y;
};

/// Signed area by the shoelace formula, positive when counter-clockwise.
double area(const Quad& q);

/// Pixels that a quadrilateral with these corners can touch; empty when a corner is not finite or it has no extent.
/// Coordinates beyond ±2²⁹ are cut there.
Box pixels_under(const Quad& q);

/// Overlap areas on the box of pixels the quad touches. Reused from call to call so that nothing is allocated in loops.
class OverlapTable {
 public:
  static constexpr Box everywhere{-(1 << 29), -(1 << 29), 1 << 29, 1 << 29};

  /// Computes the areas (≥ 0) of the pixels inside `clip`; where the clip cuts the quad the last bits may differ from those
  /// without it. box() is empty when there are no pixels or the quad's area is 0.
  /// Cost: the number of pixels in box(), however large the quad.
  void compute(const Quad& q, Box clip = everywhere);
  Box box() const { return box_; }
  double operator()(int x, int y) const { return areas_[static_cast<std::size_t>((y - box_.y0) * box_.width() + (x - box_.x0))]; }
  std::span<const double> row(int y) const {
    return {areas_.data() + static_cast<std::size_t>((y - box_.y0) * box_.width()), static_cast<std::size_t>(box_.width())};
  }

 private:
  void add_edge(double x0, double y0, double x1, double y1);
  void add_in_row(double* row, double xa, double xb, double dy) const;
  void sum_rows(double sign);

  Box box_;
  std::vector<double> areas_;
};

}  // namespace tessera::geometry
