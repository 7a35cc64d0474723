/// geometry/quad_overlap.h — exact overlap areas of a small quadrilateral with the unit pixels under it.
/// Green's theorem: the area inside pixel (i, j) is the sum over the quadrilateral's edges of ∮ x dy clipped to that pixel.
#pragma once
#include <array>
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

/// Overlap areas on the box of pixels the quad touches. Reused from call to call so that nothing is allocated in loops.
class OverlapTable {
 public:
  /// Computes all areas (≥ 0). The quad must be finite; box() is empty when its area is 0.
  void compute(const Quad& q);
  Box box() const { return box_; }
  double operator()(int x, int y) const { return areas_[static_cast<std::size_t>((y - box_.y0) * box_.width() + (x - box_.x0))]; }
  std::span<const double> row(int y) const {
    return {areas_.data() + static_cast<std::size_t>((y - box_.y0) * box_.width()), static_cast<std::size_t>(box_.width())};
  }

 private:
  Box box_;
  std::vector<double> areas_;
};

}  // namespace tessera::geometry
