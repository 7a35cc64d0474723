#include "tessera/simulate_spherex/galaxy.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace tessera::simulate_spherex {
namespace {

constexpr double radian = std::numbers::pi / 180;

/// By its series, good where x < a + 1.
double gamma_series(double a, double x) {
  double term = 1 / a, sum = term;
  for (int i = 1; i < 1000 && term > sum * 1e-17; ++i) sum += term *= x / (a + i);
  return sum * std::exp(-x + a * std::log(x) - std::lgamma(a));
}

/// The upper function by its continued fraction (Lentz), good elsewhere.
double gamma_fraction(double a, double x) {
  constexpr double tiny = 1e-300;
  double b = x + 1 - a, c = 1 / tiny, d = 1 / b, h = d;
  for (int i = 1; i < 1000; ++i) {
    const double an = -i * (i - a);
    b += 2;
    d = an * d + b;
    d = 1 / (std::fabs(d) < tiny ? tiny : d);
    c = b + an / c;
    if (std::fabs(c) < tiny) c = tiny;
    const double step = d * c;
    h *= step;
    if (std::fabs(step - 1) < 1e-16) break;
  }
  return std::exp(-x + a * std::log(x) - std::lgamma(a)) * h;
}

}  // namespace

double gamma_p(double a, double x) {
  if (!(x > 0)) return 0;
  return x < a + 1 ? gamma_series(a, x) : 1 - gamma_fraction(a, x);
}

double sersic_b(double n) {
  double low = 0, high = 2 * n + 10;
  for (int i = 0; i < 200 && high - low > 1e-15 * high; ++i) {
    const double middle = (low + high) / 2;
    (gamma_p(2 * n, middle) < .5 ? low : high) = middle;
  }
  return (low + high) / 2;
}

double sersic_growth(double n, double radii) { return gamma_p(2 * n, sersic_b(n) * std::pow(radii, 1 / n)); }

std::vector<LightPoint> light_points(const SersicShape& s, const std::array<double, 4>& j) {
  const double scale = 3600 * std::sqrt(std::fabs(j[0] * j[3] - j[1] * j[2]));  // arcsec per pixel
  const double re = s.effective_radius_arcsec / scale, b = sersic_b(s.n);
  const double most = std::min(std::max(12 * re, 25.0), 60.0), pa = s.position_angle_deg * radian;
  const double determinant = j[0] * j[3] - j[1] * j[2];
  // Unit vectors along the major and minor axes, in pixels per pixel of mean scale.
  const auto in_pixels = [&](double east, double north) {
    const double xi = east * scale / 3600, eta = north * scale / 3600;
    return std::array<double, 2>{(j[3] * xi - j[1] * eta) / determinant, (j[0] * eta - j[2] * xi) / determinant};
  };
  const auto major = in_pixels(std::sin(pa), std::cos(pa)), minor = in_pixels(std::cos(pa), -std::sin(pa));
  // ∫ r² over the light inside a radius is R_e² b^(−2n) Γ(4n)/Γ(2n) P(4n, x).
  const double moment = re * re * std::exp(-2 * s.n * std::log(b) + std::lgamma(4 * s.n) - std::lgamma(2 * s.n));
  std::vector<LightPoint> points;
  double inner = 0, light = 0, square = 0;
  for (int ring = 0; inner < most && light < .99999; ++ring) {
    const double outer = std::min(most, inner + std::clamp(.1 + .05 * (inner - 2), .1, .5)), x = b * std::pow(outer / re, 1 / s.n);
    const double light_now = gamma_p(2 * s.n, x), square_now = moment * gamma_p(4 * s.n, x);
    const double share = light_now - light;
    if (share > 0) {
      const double r = std::clamp(std::sqrt(std::max(0.0, square_now - square) / share), inner, outer);
      const int n = std::max(8, static_cast<int>(std::ceil(2 * std::numbers::pi * r / .35)));
      for (int i = 0; i < n; ++i) {
        const double angle = 2 * std::numbers::pi * (i + .5 * (ring % 2)) / n, u = r * std::cos(angle), v = r * s.axis_ratio * std::sin(angle);
        points.push_back({u * major[0] + v * minor[0], u * major[1] + v * minor[1], share / n});
      }
    }
    inner = outer, light = light_now, square = square_now;
  }
  return points;
}

}  // namespace tessera::simulate_spherex
