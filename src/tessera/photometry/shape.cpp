#include "tessera/photometry/shape.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "tessera/photometry/aperture.h"

namespace tessera::photometry {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double pi = 3.14159265358979323846;

/// Quadrature of ∫ r e^(−r) f(r) dr: generalised Gauss–Laguerre, α = 1 (Abramowitz & Stegun 25.4.45 for α = 0; nodes are roots of L₃⁽¹⁾).
constexpr std::array<double, 3> disc_radii{0.93582222752408785, 3.3054072893322786, 7.7587704831436336};
constexpr std::array<double, 3> disc_weights{0.5886814810396594, 0.39121605922231, 0.02010245973803057};
constexpr int disc_angles = 6;
constexpr double scale_length = 1.0 / 16;  // of the response's full width

}  // namespace

Kron kron(const FrameView& frame, double x, double y, const Ellipse& axes, const KronOptions& options) {
  Kron k{nan, axes};
  if (!std::isfinite(x) || !std::isfinite(y) || !(axes.a > 0) || !(axes.b > 0)) return k;
  const double c = std::cos(axes.angle), s = std::sin(axes.angle), reach = std::min(options.search * axes.a, 1e4);
  const auto low = [reach](double v) { return static_cast<int>(std::floor(v - reach)); };
  const auto high = [reach](double v) { return static_cast<int>(std::ceil(v + reach)) + 1; };
  const Box box = intersection(frame.box(), {low(x), low(y), high(x), high(y)});
  double light = 0, moment = 0;
  for (int j = box.y0; j < box.y1; ++j)
    for (int i = box.x0; i < box.x1; ++i) {
      if (!frame.good(i, j)) continue;
      const double dx = i - x, dy = j - y;
      const double r = std::hypot((dx * c + dy * s) / axes.a, (dy * c - dx * s) / axes.b);
      if (r > options.search) continue;
      const double v = static_cast<double>(frame.value(i, j));
      light += v, moment += r * v;
    }
  const double first = light > 0 ? moment / light : 0;
  k.radius = std::max(options.least, std::min(options.factor * first, options.factor * options.search));
  k.aperture.a *= k.radius, k.aperture.b *= k.radius;
  return k;
}

double half_light_radius(const FrameView& frame, double x, double y, double total, double limit) {
  if (!(total > 0) || !std::isfinite(total) || !(limit > 0)) return nan;
  const auto lacking = [&](double r) { return sum_circle(frame, x, y, r).flux < 0.5 * total; };
  // The first of the growing circles that holds half, then by halves inside that ring.
  double outer = 0.5;
  while (outer < limit && lacking(outer)) outer = std::min(limit, outer + 1);
  if (lacking(outer)) return nan;
  double inner = outer <= 0.5 ? 0 : outer - 1;
  while (outer - inner > 1e-4 * outer) {
    const double middle = 0.5 * (inner + outer);
    (lacking(middle) ? inner : outer) = middle;
  }
  return 0.5 * (inner + outer);
}

Spread spread(const FrameView& frame, const psf::PointResponse& response, double x, double y) {
  Spread result{nan, nan};
  if (!std::isfinite(x) || !std::isfinite(y) || std::abs(x) > 1e8 || std::abs(y) > 1e8) return result;
  const double width = response.fwhm_pix();
  const int half = static_cast<int>(std::ceil(2 * width));
  const int cx = static_cast<int>(std::lround(x)), cy = static_cast<int>(std::lround(y));
  const Box box = intersection(frame.box(), {cx - half, cy - half, cx + half + 1, cy + half + 1});
  if (box.empty()) return result;
  const auto n = static_cast<std::size_t>(box.area());
  std::vector<float> point(n), part(n);
  std::vector<double> disc(n, 0.0);
  response.evaluate(x, y, box, point, {}, {});
  for (std::size_t k = 0; k < disc_radii.size(); ++k)
    for (int t = 0; t < disc_angles; ++t) {
      const double r = disc_radii[k] * scale_length * width, angle = 2 * pi * (t + 0.5 * static_cast<double>(k % 2)) / disc_angles;
      response.evaluate(x + r * std::cos(angle), y + r * std::sin(angle), box, part, {}, {});
      for (std::size_t i = 0; i < n; ++i) disc[i] += disc_weights[k] / disc_angles * static_cast<double>(part[i]);
    }
  // Sums over good pixels: g of the disc, p of the point, d of the data, v of the variance.
  double gd = 0, pd = 0, gp = 0, pp = 0, gvg = 0, pvp = 0, gvp = 0;
  std::size_t i = 0;
  for (int row = box.y0; row < box.y1; ++row)
    for (int column = box.x0; column < box.x1; ++column, ++i) {
      if (!frame.good(column, row)) continue;
      const double g = disc[i], p = static_cast<double>(point[i]), d = static_cast<double>(frame.value(column, row)), v = static_cast<double>(frame.variance(column, row));
      gd += g * d, pd += p * d, gp += g * p, pp += p * p;
      gvg += g * v * g, pvp += p * v * p, gvp += g * v * p;
    }
  if (!(pd > 0) || !(pp > 0)) return result;
  result.value = gd / pd - gp / pp;
  result.error = std::sqrt(std::max(0.0, gvg * pd * pd + pvp * gd * gd - 2 * gvp * gd * pd)) / (pd * pd);
  return result;
}

}  // namespace tessera::photometry
