#include "tessera/psf/profile.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <vector>

namespace tessera::psf {

void describe(param::Schema<ProfileOptions>& s) {
  s.field(&ProfileOptions::profile, "profile", "Radial profile of a star.")
      .choices({{"gaussian", ProfileShape::gaussian}, {"moffat", ProfileShape::moffat}});
  s.field(&ProfileOptions::fwhm_pix, "fwhm_pix", "Full width at half maximum in frame pixels; 0 takes the camera's.").unit("pixel").range(0, 100);
  s.field(&ProfileOptions::beta, "beta", "Exponent of the Moffat profile.").range(1.1, 20);
  s.field(&ProfileOptions::axis_ratio, "axis_ratio", "Minor over major axis; FWHM is that of their geometric mean.").range(0.2, 1);
  s.field(&ProfileOptions::angle_deg, "angle_deg", "Direction of the major axis, from +x towards +y of the frame.").unit("deg").range(-360, 360);
}

namespace {

struct Rule {
  std::array<double, 8> node{}, weight{};
  int points = 0;
};

/// Gauss–Legendre points on [−½, ½]: roots of the Legendre polynomial by Newton's method.
Rule gauss_legendre(int n) {
  Rule rule;
  rule.points = n;
  for (int i = 0; i < n; ++i) {
    double x = std::cos(std::numbers::pi * (i + 0.75) / (n + 0.5)), slope = 1;
    for (int round = 0; round < 50; ++round) {
      double p = 1, before = 0;
      for (int k = 1; k <= n; ++k) {
        const double older = before;
        before = p;
        p = ((2 * k - 1) * x * before - (k - 1) * older) / k;
      }
      slope = n * (x * p - before) / (x * x - 1);
      const double step = p / slope;
      x -= step;
      if (std::abs(step) < 1e-15) break;
    }
    rule.node[static_cast<std::size_t>(i)] = x / 2;
    rule.weight[static_cast<std::size_t>(i)] = 1 / ((1 - x * x) * slope * slope);
  }
  return rule;
}

const Rule& rule_of(int points) {
  static const std::array<Rule, 4> rules{gauss_legendre(2), gauss_legendre(3), gauss_legendre(4), gauss_legendre(8)};
  return rules[points == 8 ? 3 : static_cast<std::size_t>(points - 2)];
}

/// ∫ over one pixel of the unit normal density of width sigma; erfc keeps the digits of far pixels.
double normal_pixel(double offset, double sigma) {
  const double scale = 1 / (sigma * std::numbers::sqrt2);
  const double a = (std::abs(offset) - 0.5) * scale, b = (std::abs(offset) + 0.5) * scale;
  return a > 1 ? 0.5 * (std::erfc(a) - std::erfc(b)) : 0.5 * (std::erf(b) - std::erf(a));
}

}  // namespace

Profile::Profile(const ProfileOptions& o)
    : profile_{o.profile}, fwhm_{o.fwhm_pix}, beta_{o.beta},
      cos_{std::cos(o.angle_deg * std::numbers::pi / 180)}, sin_{std::sin(o.angle_deg * std::numbers::pi / 180)} {
  if (!(fwhm_ > 0)) throw UsageError{"psf.fwhm_pix: the width of a star must be positive"};
  if (profile_ == ProfileShape::moffat && !(beta_ > 1)) throw UsageError{"psf.beta: a Moffat profile holds a finite flux only for beta > 1"};
  const double width = profile_ == ProfileShape::gaussian ? fwhm_ / std::sqrt(8 * std::numbers::ln2)
                                                        : fwhm_ / (2 * std::sqrt(std::pow(2, 1 / beta_) - 1));
  if (2 * beta_ == std::floor(2 * beta_) && beta_ < 12) half_powers_ = static_cast<int>(2 * beta_);
  major_ = width / std::sqrt(o.axis_ratio);
  minor_ = width * std::sqrt(o.axis_ratio);
  norm_ = profile_ == ProfileShape::gaussian ? 1 / (2 * std::numbers::pi * width * width)
                                           : (beta_ - 1) / (std::numbers::pi * width * width);
  // The fraction outside the ellipse ρ = r is exp(−r²/2σ²) or (1 + r²/α²)^(1−β).
  const double widths = profile_ == ProfileShape::gaussian ? std::sqrt(-2 * std::log(1e-9))
                                                         : std::sqrt(std::pow(1e-6, -1 / (beta_ - 1)) - 1);
  reach_ = static_cast<int>(std::min(std::ceil(widths * major_ + 1), 1e6));
}

/// t^−β; whole and half powers, which most PSF fits give or come close to, need no pow: wings of bright stars are wide.
double Profile::moffat_fall(double t) const {
  if (half_powers_ == 0) return std::pow(t, -beta_);
  double power = half_powers_ % 2 ? std::sqrt(t) : 1;
  for (int i = half_powers_ / 2; i > 0; --i) power *= t;
  return 1 / power;
}

double Profile::density(double dx, double dy) const {
  const double u = (cos_ * dx + sin_ * dy) / major_, v = (-sin_ * dx + cos_ * dy) / minor_;
  const double q = u * u + v * v;
  return norm_ * (profile_ == ProfileShape::gaussian ? std::exp(-q / 2) : moffat_fall(1 + q));
}

bool Profile::separable() const {
  return profile_ == ProfileShape::gaussian && (major_ == minor_ || std::abs(sin_) < 1e-15 || std::abs(cos_) < 1e-15);
}

double Profile::quadrature(double dx, double dy) const {
  // Along a line the Moffat profile has its complex singularities at least hypot(minor, distance·minor/major) away: cells
  // narrower than the profile make n points good to about ((z + √(z²+1))^−2n, z that distance over half the cell.
  const double away = std::hypot(minor_, std::max(0.0, std::hypot(dx, dy) - 0.75) * minor_ / major_);
  const int cells = static_cast<int>(std::ceil(1 / std::min(1.0, profile_ == ProfileShape::gaussian ? minor_ : away)));
  const double cell = 1.0 / cells, z = 2 * away / cell;
  const Rule& rule = rule_of(profile_ == ProfileShape::gaussian || z < 8 ? 8 : z < 24 ? 4 : z < 80 ? 3 : 2);
  double sum = 0;
  for (int cy = 0; cy < cells; ++cy)
    for (int cx = 0; cx < cells; ++cx) {
      const double x0 = dx - 0.5 + (cx + 0.5) * cell, y0 = dy - 0.5 + (cy + 0.5) * cell;
      for (int j = 0; j < rule.points; ++j)
        for (int i = 0; i < rule.points; ++i) {
          const auto a = static_cast<std::size_t>(i), b = static_cast<std::size_t>(j);
          sum += rule.weight[a] * rule.weight[b] * density(x0 + rule.node[a] * cell, y0 + rule.node[b] * cell);
        }
    }
  return sum * cell * cell;
}

double Profile::pixel_fraction(double dx, double dy) const {
  if (!separable()) return quadrature(dx, dy);
  const bool upright = std::abs(cos_) < 1e-15;
  return normal_pixel(dx, upright ? minor_ : major_) * normal_pixel(dy, upright ? major_ : minor_);
}

double Profile::narrow_fwhm_pix() const { return fwhm_ * std::sqrt(minor_ / major_); }

void Profile::add_to(View<double> image, double at_x, double at_y, double flux) const {
  const Box box = image.box();
  // Compared as doubles first: a far position need not fit an int.
  if (!(at_x > box.x0 - reach_ - 1.0 && at_x < box.x1 + reach_ + 1.0)) return;
  if (!(at_y > box.y0 - reach_ - 1.0 && at_y < box.y1 + reach_ + 1.0)) return;
  const int cx = static_cast<int>(std::lround(at_x)), cy = static_cast<int>(std::lround(at_y));
  const Box stamp = intersection(box, Box{cx - reach_, cy - reach_, cx + reach_ + 1, cy + reach_ + 1});
  if (stamp.empty()) return;

  if (!separable()) {
    for (int y = stamp.y0; y < stamp.y1; ++y)
      for (int x = stamp.x0; x < stamp.x1; ++x) image(x, y) += flux * quadrature(x - at_x, y - at_y);
    return;
  }
  const bool upright = std::abs(cos_) < 1e-15;
  std::vector<double> along_x(static_cast<std::size_t>(stamp.width()));
  for (int x = stamp.x0; x < stamp.x1; ++x)
    along_x[static_cast<std::size_t>(x - stamp.x0)] = normal_pixel(x - at_x, upright ? minor_ : major_);
  for (int y = stamp.y0; y < stamp.y1; ++y) {
    const double here = flux * normal_pixel(y - at_y, upright ? major_ : minor_);
    double* const row = &image(stamp.x0, y);
    for (std::size_t i = 0; i < along_x.size(); ++i) row[i] += here * along_x[i];
  }
}

}  // namespace tessera::psf
