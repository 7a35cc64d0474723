#include "tessera/photometry/overlap.h"

#include <algorithm>
#include <array>
#include <utility>

namespace tessera::photometry {
namespace {

/// Unit circle ∩ the triangle (0, p, q), signed by its orientation.
double circle_and_triangle(double px, double py, double qx, double qy) {
  const double dx = qx - px, dy = qy - py, a = dx * dx + dy * dy;
  if (a == 0) return 0;
  const double b = px * dx + py * dy, c = px * px + py * py - 1, under = b * b - a * c;
  const auto sector = [](double ux, double uy, double vx, double vy) { return 0.5 * std::atan2(ux * vy - uy * vx, ux * vx + uy * vy); };
  const auto triangle = [](double ux, double uy, double vx, double vy) { return 0.5 * (ux * vy - uy * vx); };
  if (under <= 0) return sector(px, py, qx, qy);
  const double root = std::sqrt(under), t0 = std::clamp((-b - root) / a, 0.0, 1.0), t1 = std::clamp((-b + root) / a, 0.0, 1.0);
  if (!(t1 > t0)) return sector(px, py, qx, qy);
  const double ux = px + t0 * dx, uy = py + t0 * dy, vx = px + t1 * dx, vy = py + t1 * dy;
  return (t0 > 0 ? sector(px, py, ux, uy) : 0) + triangle(ux, uy, vx, vy) + (t1 < 1 ? sector(vx, vy, qx, qy) : 0);
}

}  // namespace

double circle_overlap(double x0, double x1, double y0, double y1, double r) {
  // Mirrored into the first quadrant; a rectangle across an axis is cut there.
  if (x0 < 0 && x1 > 0) return circle_overlap(0, -x0, y0, y1, r) + circle_overlap(0, x1, y0, y1, r);
  if (y0 < 0 && y1 > 0) return circle_overlap(x0, x1, 0, -y0, r) + circle_overlap(x0, x1, 0, y1, r);
  if (x1 <= 0) std::swap(x0 = -x0, x1 = -x1);
  if (y1 <= 0) std::swap(y0 = -y0, y1 = -y1);
  const auto edge = [r](double at) { return Edge{at, at < r ? std::sqrt(r * r - at * at) : 0}; };
  return circle_overlap_quadrant(edge(x0), edge(x1), edge(y0), edge(y1), r * r);
}

double ellipse_overlap(double x0, double x1, double y0, double y1, const Ellipse& e) {
  if (e.a == e.b) return circle_overlap(x0, x1, y0, y1, e.a);
  const double c = std::cos(e.angle), s = std::sin(e.angle);
  const std::array<std::pair<double, double>, 4> corner{{{x0, y0}, {x1, y0}, {x1, y1}, {x0, y1}}};
  std::array<double, 4> u{}, v{};
  for (std::size_t k = 0; k < 4; ++k) {
    u[k] = (c * corner[k].first + s * corner[k].second) / e.a;
    v[k] = (-s * corner[k].first + c * corner[k].second) / e.b;
  }
  double area = 0;
  for (std::size_t k = 0; k < 4; ++k) area += circle_and_triangle(u[k], v[k], u[(k + 1) % 4], v[(k + 1) % 4]);
  return std::max(0.0, area * e.a * e.b);
}

}  // namespace tessera::photometry
