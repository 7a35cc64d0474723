#include "tessera/spectrum/shape_response.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace tessera::spectrum {
namespace {

constexpr double pi = std::numbers::pi;

/// Power of two that holds what is kept and the response's wings on both sides.
int side_for(int kept, int cells) {
  int side = 64;
  while (side < kept + cells) side *= 2;
  return side;
}

/// Gaussians narrower than this share of the grid's side vanish before they come round.
constexpr double narrow_share = 1. / 13;

/// Σ a e^{−c v q} as a function of q > 0: linear between points equally spaced in ln q, which errs by some 10⁻⁵ of the sum.
class SumOfExponentials {
 public:
  SumOfExponentials(const std::vector<Gaussian>& terms, double low, double high) : low_{std::log(low)}, step_{(std::log(high) - low_) / (points - 2)} {
    for (const auto& t : terms) at_zero_ += t.amplitude;
    for (int i = 0; i < points; ++i) {
      const double q = std::exp(low_ + i * step_);
      double sum = 0;
      for (const auto& t : terms) sum += t.amplitude * std::exp(-t.variance * q);
      values_.push_back(sum);
    }
  }
  /// q up to `high`; below `low` the sum at 0, so that low belongs where the widest term has not begun to fall.
  double operator()(double q) const {
    const double place = q > 0 ? (std::log(q) - low_) / step_ : -1;
    if (place < 0) return at_zero_;
    const auto i = std::min(static_cast<std::size_t>(place), values_.size() - 2);
    return values_[i] + (place - static_cast<double>(i)) * (values_[i + 1] - values_[i]);
  }

 private:
  static constexpr int points = 4096;
  double low_, step_, at_zero_ = 0;
  std::vector<double> values_;
};

double widest(const std::array<double, 3>& v) {
  const double mean = (v[0] + v[2]) / 2, half = (v[0] - v[2]) / 2;
  return std::sqrt(mean + std::hypot(half, v[1]));
}

}  // namespace

std::array<double, 3> pixel_covariance(const SersicShape& shape, const std::array<double, 4>& j) {
  const double pa = shape.angle_deg * pi / 180, r = shape.r_e_arcsec / 3600, q = shape.axis_ratio;
  const double e = std::sin(pa), n = std::cos(pa);  // the major axis, east and north
  const double ee = r * r * (e * e + q * q * n * n), en = r * r * (1 - q * q) * e * n, nn = r * r * (n * n + q * q * e * e);
  const double det = j[0] * j[3] - j[1] * j[2];
  const double xe = j[3] / det, xn = -j[1] / det, ye = -j[2] / det, yn = j[0] / det;  // d(x, y)/d(ξ, η)
  return {xe * xe * ee + 2 * xe * xn * en + xn * xn * nn, xe * ye * ee + (xe * yn + xn * ye) * en + xn * yn * nn, ye * ye * ee + 2 * ye * yn * en + yn * yn * nn};
}

ShapeMaker::ShapeMaker(const ZoneResponse& zone, double reach)
    : point_{zone}, kept_{2 * static_cast<int>(std::ceil(reach * zone.oversample())) + 1}, fourier_{side_for(kept_, zone.cells().box().width())} {
  const auto cells = zone.cells();
  const int n = fourier_.side(), w = cells.box().width(), h = cells.box().height();
  zone_.assign(static_cast<std::size_t>(n) * static_cast<std::size_t>(n), 0.);
  const auto round = [n](int i) { return static_cast<std::size_t>((i % n + n) % n); };
  for (int y = 0; y < h; ++y)
    for (int x = 0; x < w; ++x) zone_[round(y - h / 2) * static_cast<std::size_t>(n) + round(x - w / 2)] = cells(x, y);
  fourier_.transform(zone_, false);
}

ZoneResponse ShapeMaker::response(const SersicShape& shape, const std::array<double, 4>& jacobian) const {
  auto unit = pixel_covariance(shape, jacobian);
  for (double& v : unit) v *= static_cast<double>(point_.oversample()) * point_.oversample();
  const int n = fourier_.side();
  const auto size = static_cast<std::size_t>(n);
  const double limit = narrow_share * n, across = widest(unit);
  std::vector<Gaussian> narrow, wide;
  for (const auto& g : sersic_mixture(shape.n)) (std::sqrt(g.variance) * across <= limit ? narrow : wide).push_back(g);
  std::vector<std::complex<double>> image(size * size);
  const auto at = [&](int x, int y) -> std::complex<double>& { return image[static_cast<std::size_t>(y) * size + static_cast<std::size_t>(x)]; };
  if (!wide.empty()) {
    const double det = unit[0] * unit[2] - unit[1] * unit[1];
    std::vector<Gaussian> terms;
    for (const auto& g : wide) terms.push_back({g.amplitude / (2 * pi * g.variance * std::sqrt(det)), 1 / (2 * g.variance)});
    const SumOfExponentials profile{terms, 1e-7 * wide.front().variance, 4. * n * n * (unit[0] + unit[2]) / det};
    for (int y = 0; y < n; ++y)
      for (int x = 0; x < n; ++x) {
        const double u = x < n / 2 ? x : x - n, v = y < n / 2 ? y : y - n;
        at(x, y) = profile((unit[2] * u * u - 2 * unit[1] * u * v + unit[0] * v * v) / det);
      }
    fourier_.transform(image, false);
  }
  std::vector<Gaussian> terms;
  double most = 0;
  for (const auto& g : narrow) terms.push_back({g.amplitude, 2 * pi * pi * g.variance}), most = std::max(most, terms.back().variance);
  const SumOfExponentials spectrum{terms, 1e-7 / std::max(most, 1e-300), 2 * (unit[0] + unit[2])};
  for (int y = 0; y < n; ++y)
    for (int x = 0; x < n; ++x) {
      const double fx = fourier_.frequency(x), fy = fourier_.frequency(y);
      at(x, y) = (at(x, y) + spectrum(unit[0] * fx * fx + 2 * unit[1] * fx * fy + unit[2] * fy * fy)) * zone_[static_cast<std::size_t>(y) * size + static_cast<std::size_t>(x)];
    }
  fourier_.transform(image, true);
  Image<double> kept{kept_, kept_};
  const auto round = [n](int i) { return static_cast<std::size_t>((i + n) % n); };
  for (int y = 0; y < kept_; ++y)
    for (int x = 0; x < kept_; ++x) kept(x, y) = image[round(y - kept_ / 2) * size + round(x - kept_ / 2)].real();
  return ZoneResponse::of_shape(std::move(kept), point_);
}

}  // namespace tessera::spectrum
