/// photometry/overlap.h — exact area of a pixel inside a circle or an ellipse.
#pragma once
#include <cmath>

namespace tessera::photometry {

/// An edge of a pixel, ≥ 0 from the middle of a circle, and where the circle crosses it: √(r² − at²), 0 beyond.
struct Edge {
  double at = 0, crossing = 0;
};

/// Circle about the origin ∩ [x0, x1] × [y0, y1], all edges ≥ 0: what is left of the arc's ends, the trapezoid under the chord, and the segment above it.
inline double circle_overlap_quadrant(const Edge& x0, const Edge& x1, const Edge& y0, const Edge& y1, double r2) {
  if (x0.at * x0.at + y0.at * y0.at >= r2) return 0;
  if (x1.at * x1.at + y1.at * y1.at <= r2) return (x1.at - x0.at) * (y1.at - y0.at);
  // The arc enters through the top or the left side and leaves through the right side or the bottom.
  const bool by_top = y1.crossing > x0.at, by_right = x1.crossing > y0.at;
  const double xa = by_top ? y1.crossing : x0.at, ya = by_top ? y1.at : x0.crossing;
  const double xb = by_right ? x1.at : y0.crossing, yb = by_right ? x1.crossing : y0.at;
  // Segment r² (asin s − s √(1 − s²)) with s = half chord / r; the series where it does not cancel.
  const double s2 = ((xb - xa) * (xb - xa) + (yb - ya) * (yb - ya)) / (4 * r2), s = std::sqrt(s2);
  const double segment = s2 < 0.09 ? s * s2 * (2.0 / 3 + s2 * (1.0 / 5 + s2 * (3.0 / 28 + s2 * (5.0 / 72 + s2 * (35.0 / 704 + s2 * (63.0 / 1664 + s2 * (231.0 / 7680 + s2 * (429.0 / 17408 + s2 * (6435.0 / 311296 + s2 * (12155.0 / 688128 + s2 * 46189.0 / 3014656))))))))))
                                   : std::asin(s) - s * std::sqrt(1 - s2);
  return (xa - x0.at) * (y1.at - y0.at) + (xb - xa) * (0.5 * (ya + yb) - y0.at) + r2 * segment;
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
