/// photometry/overlap.h — exact area of a pixel inside a circle or an ellipse.
#pragma once
#include <cmath>

namespace tessera::photometry {

/// Circle about the origin ∩ [x0, x1] × [y0, y1] with 0 ≤ x0 < x1 and 0 ≤ y0 < y1: what is left of the arc's ends, the trapezoid under the chord, and the
/// segment above it.
inline double circle_overlap_quadrant(double x0, double x1, double y0, double y1, double r) {
  const double r2 = r * r;
  if (x0 * x0 + y0 * y0 >= r2) return 0;
  if (x1 * x1 + y1 * y1 <= r2) return (x1 - x0) * (y1 - y0);
  // The arc enters through the top or the left side and leaves through the right side or the bottom.
  double xa = x0, ya = y1, xb = x1, yb = y0;
  if (x0 * x0 + y1 * y1 < r2)
    xa = std::sqrt(r2 - y1 * y1);
  else
    ya = std::sqrt(r2 - x0 * x0);
  if (x1 * x1 + y0 * y0 < r2)
    yb = std::sqrt(r2 - x1 * x1);
  else
    xb = std::sqrt(r2 - y0 * y0);
  // Segment r² (asin s − s √(1 − s²)) with s = half chord / r; the series where it does not cancel.
  const double s2 = ((xb - xa) * (xb - xa) + (yb - ya) * (yb - ya)) / (4 * r2), s = std::sqrt(s2);
  const double segment = s2 < 0.04 ? s * s2 * (2.0 / 3 + s2 * (1.0 / 5 + s2 * (3.0 / 28 + s2 * (5.0 / 72 + s2 * (35.0 / 704 + s2 * (63.0 / 1664 + s2 * 231.0 / 7680))))))
                                   : std::asin(s) - s * std::sqrt(1 - s2);
  return (xa - x0) * (y1 - y0) + (xb - xa) * (0.5 * (ya + yb) - y0) + r2 * segment;
}

/// Circle of radius r about the origin ∩ any rectangle.
double circle_overlap(double x0, double x1, double y0, double y1, double r);

/// An ellipse about the origin: semi-axes a ≥ b, the major one turned by `angle` from +x to +y.
struct Ellipse {
  double a = 1, b = 1, angle = 0;
};
/// Ellipse ∩ rectangle: the plane is mapped so that the ellipse is the unit circle, and the area of a circle and a polygon is a sum over the
/// polygon's edges of triangles and sectors.
double ellipse_overlap(double x0, double x1, double y0, double y1, const Ellipse& ellipse);

}  // namespace tessera::photometry
