#include "tessera/reproject/adaptive.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

namespace tessera::reproject {

namespace {

constexpr double gaussian_support = 2.5 / 1.3;  // in widths: 3.85 sigma
constexpr double largest_stretch = 1000;        // frame pixels per output pixel; more is a seam or a pole of the map

/// A function on [0, end) as a table, linear between its nodes, 0 beyond; to 10⁻⁷ of the formula.
class Profile {
 public:
  template <class Formula>
  Profile(double end, Formula formula) : per_unit_{nodes / end} {
    for (int k = 0; k <= nodes + 1; ++k) table_.push_back(formula(std::min(end, k / per_unit_)));
  }
  double operator()(double t) const {
    const double at = t * per_unit_;
    if (!(at < nodes)) return 0;
    const auto k = static_cast<std::size_t>(at);
    return table_[k] + (at - static_cast<double>(k)) * (table_[k + 1] - table_[k]);
  }

 private:
  static constexpr int nodes = 16384;
  double per_unit_;
  std::vector<double> table_;
};

/// Weight of a place d in the kernel.
class Kernel {
 public:
  explicit Kernel(const InterpolationOptions& o)
      : hann_{o.adaptive_kernel == AdaptiveKernel::hann}, support_{adaptive_support(o)},
        profile_{hann_ ? Profile{1.0, [](double x) { return 0.5 * (1 + std::cos(std::numbers::pi * x)); }}
                       : Profile{2 * support_ * support_, [&o](double r2) { return std::exp(-2 * r2 / (o.adaptive_width * o.adaptive_width)); }}} {}
  double support() const { return support_; }
  double operator()(double dx, double dy) const {
    const double ax = std::abs(dx), ay = std::abs(dy);
    if (!(ax < support_ && ay < support_)) return 0;
    return hann_ ? profile_(ax) * profile_(ay) : profile_(dx * dx + dy * dy);
  }

 private:
  bool hann_;
  double support_;
  Profile profile_;
};

/// A 2 × 2 matrix, row by row.
struct Matrix {
  double a, b, c, d;
};

/// Kernel coordinates to frame offsets and back; see the header.
struct Shape {
  Matrix to_frame, to_kernel;
};

/// Singular values in closed form: J is the sum of a scaled rotation and a scaled reflection.
Shape padded(const Matrix& j) {
  const double e = 0.5 * (j.a + j.d), f = 0.5 * (j.a - j.d), g = 0.5 * (j.c + j.b), h = 0.5 * (j.c - j.b);
  const double q = std::hypot(e, h), r = std::hypot(f, g);
  const double one = std::atan2(g, f), two = std::atan2(h, e), phi = 0.5 * (two + one), theta = 0.5 * (two - one);
  const double cu = std::cos(phi), su = std::sin(phi), cv = std::cos(theta), sv = std::sin(theta);
  const double mirrored = q < r ? -1 : 1;
  const double s1 = std::max(1.0, q + r), s2 = mirrored * std::max(1.0, std::abs(q - r));
  // U = rotation by phi, Vᵀ = rotation by theta.
  const auto product = [&](double k1, double k2, double cl, double sl, double cr, double sr) {
    return Matrix{cl * k1 * cr - sl * k2 * sr, -cl * k1 * sr - sl * k2 * cr, sl * k1 * cr + cl * k2 * sr, -sl * k1 * sr + cl * k2 * cr};
  };
  return {product(s1, s2, cu, su, cv, sv), product(1 / s1, 1 / s2, cv, -sv, cu, -su)};
}

/// Value, variance, coverage; all 0 when there is no value.
struct Sample {
  float value = 0, variance = 0, coverage = 0;
};

Sample sample(const FrameView& frame, const Kernel& kernel, double u, double v, const Matrix& j, double min_weight) {
  const Box box = frame.box();
  if (!(u >= box.x0 - 0.5 && u < box.x1 - 0.5 && v >= box.y0 - 0.5 && v < box.y1 - 0.5)) return {};
  const double size = std::abs(j.a) + std::abs(j.b) + std::abs(j.c) + std::abs(j.d);
  if (!(size < 2 * largest_stretch)) return {};  // NaN too
  const Shape shape = padded(j);
  const double ru = kernel.support() * (std::abs(shape.to_frame.a) + std::abs(shape.to_frame.b)), rv = kernel.support() * (std::abs(shape.to_frame.c) + std::abs(shape.to_frame.d));
  const int x0 = static_cast<int>(std::ceil(u - ru)), x1 = static_cast<int>(std::floor(u + ru)), y0 = static_cast<int>(std::ceil(v - rv)), y1 = static_cast<int>(std::floor(v + rv));
  double all = 0, weight = 0, weighted = 0, variance = 0;
  for (int y = y0; y <= y1; ++y) {
    const double dv = y - v;
    const bool row = y >= box.y0 && y < box.y1;
    for (int x = x0; x <= x1; ++x) {
      const double du = x - u;
      const double w = kernel(shape.to_kernel.a * du + shape.to_kernel.b * dv, shape.to_kernel.c * du + shape.to_kernel.d * dv);
      all += w;
      if (!row || x < box.x0 || x >= box.x1 || !frame.good(x, y)) continue;
      weight += w;
      weighted += w * static_cast<double>(frame.value(x, y));
      variance += w * w * static_cast<double>(frame.variance(x, y));
    }
  }
  if (!(weight > 0 && weight >= min_weight * (1 - 1e-9) * all)) return {};
  return {static_cast<float>(weighted / weight), static_cast<float>(variance / (weight * weight)), static_cast<float>(weight / all)};
}

}  // namespace

double adaptive_support(const InterpolationOptions& options) { return options.adaptive_kernel == AdaptiveKernel::hann ? 1.0 : gaussian_support * options.adaptive_width; }

void adaptive(const FrameView& frame, const wcs::PixelMap& to_frame, const InterpolationOptions& options, ResampledView out) {
  const Box box = out.box();
  if (box.empty()) return;
  const Kernel kernel{options};
  const auto n = static_cast<std::size_t>(box.width());
  struct Row {
    std::vector<double> u, v;
    explicit Row(std::size_t length) : u(length), v(length) {}
  };
  Row centre{n}, sides{n + 1}, below{n}, above{n};
  to_frame.apply_row(box.x0, box.y0 - 0.5, below.u, below.v);
  for (int y = box.y0; y < box.y1; ++y) {
    to_frame.apply_row(box.x0, y, centre.u, centre.v);
    to_frame.apply_row(box.x0 - 0.5, y, sides.u, sides.v);
    to_frame.apply_row(box.x0, y + 0.5, above.u, above.v);
    const auto value = out.value.row(y), variance = out.variance.row(y), coverage = out.coverage.row(y);
    for (std::size_t k = 0; k < n; ++k) {
      const Matrix j{sides.u[k + 1] - sides.u[k], above.u[k] - below.u[k], sides.v[k + 1] - sides.v[k], above.v[k] - below.v[k]};
      const Sample s = sample(frame, kernel, centre.u[k], centre.v[k], j, options.min_weight);
      value[k] = s.value;
      variance[k] = s.variance;
      coverage[k] = s.coverage;
    }
    std::swap(below, above);
  }
}

}  // namespace tessera::reproject
