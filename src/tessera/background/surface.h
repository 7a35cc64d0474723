/// background/surface.h — polynomial surfaces over a frame: products of Legendre polynomials P_a(u) P_b(v), a + b ≤ order, where
/// u and v run from −1 to 1 between the outer edges of the frame's pixels. The first is the constant 1; the others have mean zero over the frame.
#pragma once
#include <span>

#include "tessera/core/box.h"

namespace tessera::background {

constexpr int most_surface_terms = 15;  // order 4

class SurfaceBasis {
 public:
  explicit SurfaceBasis(int order = 0) : order_{order} {}
  int order() const { return order_; }
  int terms() const { return (order_ + 1) * (order_ + 2) / 2; }
  /// Values of all terms at (u, v): by a + b, then by b.
  void values(double u, double v, std::span<double> out) const;
  /// Σ coefficient · term at (u, v); as many coefficients as terms.
  double sum(double u, double v, std::span<const double> coefficients) const;

 private:
  int order_;
};

/// Pixel coordinates of a frame (centres at integers) to u, v.
struct FrameScale {
  double cx = 0, cy = 0, hx = 1, hy = 1;
  explicit FrameScale(Box frame) : cx{0.5 * (frame.x0 + frame.x1 - 1)}, cy{0.5 * (frame.y0 + frame.y1 - 1)}, hx{0.5 * frame.width()}, hy{0.5 * frame.height()} {}
  double u(double x) const { return (x - cx) / hx; }
  double v(double y) const { return (y - cy) / hy; }
};

}  // namespace tessera::background
