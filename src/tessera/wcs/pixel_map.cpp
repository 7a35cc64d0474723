#include "tessera/wcs/pixel_map.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "tessera/base/error.h"

namespace tessera::wcs {
namespace {

class Affine final : public PixelMap {
 public:
  Affine(double a, double b, double c, double d, double e, double f) : a_{a}, b_{b}, c_{c}, d_{d}, e_{e}, f_{f} {}
  void apply(std::span<const double> x, std::span<const double> y, std::span<double> u, std::span<double> v) const override {
    for (std::size_t k = 0; k < x.size(); ++k) {
      u[k] = a_ * x[k] + b_ * y[k] + c_;
      v[k] = d_ * x[k] + e_ * y[k] + f_;
    }
  }

 private:
  double a_, b_, c_, d_, e_, f_;
};

class PlaneToPlane final : public PixelMap {
 public:
  PlaneToPlane(SkyWcs from, SkyWcs to) : from_{std::move(from)}, to_{std::move(to)} {}
  void apply(std::span<const double> x, std::span<const double> y, std::span<double> u, std::span<double> v) const override {
    constexpr std::size_t chunk = 512;
    std::array<double, chunk> ra, dec;
    for (std::size_t first = 0; first < x.size(); first += chunk) {
      const std::size_t n = std::min(chunk, x.size() - first);
      const auto ra_n = std::span{ra}.first(n), dec_n = std::span{dec}.first(n);
      from_.pixel_to_sky(x.subspan(first, n), y.subspan(first, n), ra_n, dec_n);
      to_.sky_to_pixel(ra_n, dec_n, u.subspan(first, n), v.subspan(first, n));
    }
  }

 private:
  SkyWcs from_, to_;
};

}  // namespace

void PixelMap::apply_row(double x0, double y, std::span<double> u, std::span<double> v) const {
  constexpr std::size_t chunk = 512;
  std::array<double, chunk> xs, ys;
  ys.fill(y);
  for (std::size_t first = 0; first < u.size(); first += chunk) {
    const std::size_t n = std::min(chunk, u.size() - first);
    for (std::size_t k = 0; k < n; ++k) xs[k] = x0 + static_cast<double>(first + k);
    apply(std::span{xs}.first(n), std::span{ys}.first(n), u.subspan(first, n), v.subspan(first, n));
  }
}

PixelMapPtr affine(double a, double b, double c, double d, double e, double f) { return std::make_shared<Affine>(a, b, c, d, e, f); }

PixelMapPtr plane_to_plane(const SkyWcs& from, const SkyWcs& to) { return std::make_shared<PlaneToPlane>(from, to); }

}  // namespace tessera::wcs
