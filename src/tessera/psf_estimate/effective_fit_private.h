/// psf_estimate/effective_fit_private.h — what effective_fit.cpp (stars) and effective_table.cpp (the table) share.
#pragma once
#include <array>
#include <cmath>

#include "tessera/psf_estimate/effective_fit.h"

namespace tessera::psf_estimate {

constexpr double clip_sigma = 6, clip_share = 0.05;   // pixels further off are hits or neighbours; the second is for what the table does not know yet
constexpr double pixel_fwhm = 0.6798;                 // of a Gaussian with a pixel's variance 1/12, times what a sum in quadrature loses
constexpr std::size_t stars_for_width = 60;
constexpr double width_radius = 6, narrowest = 0.7, widest = 12;
constexpr double core_widths = 1.5;                   // full widths about a star where its misfit tells of the response
constexpr double most_step = 0.5, most_move = 2;      // pixels
constexpr double least_scatter = 0.2;                 // of ln χ²: with true noise its scatter says more of the number of pixels than of stars

/// Values of the polynomial's terms.
std::vector<double> powers_of(const psf::Polynomial& polynomial, double x, double y);

struct EffectiveFit::Place {
  double x = 0, y = 0;   // of the star
  int px = 0, py = 0;    // its pixel
  int kx = 0, ky = 0;    // that pixel's first coefficient
  Taps taps;
  std::vector<double> powers;
  std::array<double, 3> expand(std::span<const double> c, TableShape shape, int first_x, int first_y) const;
};

/// Of one star: C, g of (ln flux, u, v), and B: rows of its coupling to the table, times the root of C⁻¹.
struct EffectiveFit::Sums {
  bool used = false;
  std::array<double, 9> factor{};
  std::array<double, 3> right{};
  std::vector<double> coupling;   // 3 × unknowns
};

/// Calls f(index in the window, first coefficient, place) for every pixel within the radius.
template <class F>
void EffectiveFit::for_each_pixel(const StarPixels& p, const Star& star, F f) const {
  const Place at = place(p, star);
  const int last = shape_.side - psf::spline_taps;
  for (int y = p.window.y0; y < p.window.y1; ++y)
    for (int x = p.window.x0; x < p.window.x1; ++x) {
      const auto i = static_cast<std::size_t>((y - p.window.y0) * p.window.width() + x - p.window.x0);
      if (!(p.variance[i] > 0) || std::hypot(x - at.x, y - at.y) > radius_) continue;
      const int kx = at.kx + n_ * (x - at.px), ky = at.ky + n_ * (y - at.py);
      if (kx < 0 || ky < 0 || kx > last || ky > last) continue;
      f(i, kx, ky, at);
    }
}

}  // namespace tessera::psf_estimate
