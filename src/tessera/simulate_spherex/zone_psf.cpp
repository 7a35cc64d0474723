#include "tessera/simulate_spherex/zone_psf.h"

#include <algorithm>
#include <cmath>

namespace tessera::simulate_spherex {
namespace {

constexpr double fwhm_per_sigma = 2.3548200450309493;
constexpr double wide_share = .15, wide_factor = 2.2;
constexpr int middle = psf_cells / 2;

double gaussian(double u, double v, double sigma_u, double sigma_v) {
  return std::exp(-.5 * (u * u / (sigma_u * sigma_u) + v * v / (sigma_v * sigma_v))) / (sigma_u * sigma_v);
}

}  // namespace

ZonePsf::ZonePsf(double fwhm_pix, double stretch, double angle_rad, int reach) : cells_{psf_cells, psf_cells}, sums_(static_cast<std::size_t>((psf_cells + 1) * (psf_cells + 1))) {
  const double sigma = fwhm_pix * psf_oversample / fwhm_per_sigma, along = sigma * std::sqrt(1 + stretch), across = sigma / std::sqrt(1 + stretch);
  const double c = std::cos(angle_rad), s = std::sin(angle_rad);
  std::vector<double> values;
  double sum = 0;
  for (int j = -middle; j <= middle; ++j)
    for (int i = -middle; i <= middle; ++i) {
      const double u = c * i + s * j, v = c * j - s * i;
      const bool inside = std::max(std::abs(i), std::abs(j)) <= reach;
      values.push_back(inside ? (1 - wide_share) * gaussian(u, v, along, across) + wide_share * gaussian(u, v, wide_factor * along, wide_factor * across) : 0);
      sum += values.back();
    }
  for (std::size_t k = 0; k < values.size(); ++k) cells_.pixels()[k] = static_cast<float>(values[k] / sum);
  for (int j = 0; j < psf_cells; ++j)
    for (int i = 0; i < psf_cells; ++i) {
      const auto at = [&](int x, int y) -> double& { return sums_[static_cast<std::size_t>(y * (psf_cells + 1) + x)]; };
      at(i + 1, j + 1) = at(i, j + 1) + at(i + 1, j) - at(i, j) + cells_(i, j);
    }
}

double ZonePsf::below(double cell_x, double cell_y) const {
  const double x = std::clamp(cell_x, 0.0, double{psf_cells}), y = std::clamp(cell_y, 0.0, double{psf_cells});
  const int i = std::min(static_cast<int>(x), psf_cells - 1), j = std::min(static_cast<int>(y), psf_cells - 1);
  const double u = x - i, v = y - j;
  const double* low = &sums_[static_cast<std::size_t>(j * (psf_cells + 1) + i)];
  const double* high = low + psf_cells + 1;
  return (1 - v) * ((1 - u) * low[0] + u * low[1]) + v * ((1 - u) * high[0] + u * high[1]);
}

double ZonePsf::fraction(double x0, double x1, double y0, double y1) const {
  constexpr double zero = psf_cells / 2.0;
  const double a = x0 * psf_oversample + zero, b = x1 * psf_oversample + zero, c = y0 * psf_oversample + zero, d = y1 * psf_oversample + zero;
  return below(b, d) - below(a, d) - below(b, c) + below(a, c);
}

ZonePsfs::ZonePsfs(const Detector& detector, int columns, int rows, int reach) {
  layout_.zones = detector.zones(columns, rows);
  const double half = detector.size() / 2.0;
  for (const auto& zone : layout_.zones) {
    const double x = zone.x - 1, y = zone.y - 1;  // the cards count from 1
    const double um = detector.wavelength(x, y).centre_um;
    const double dx = (x + .5 - half) / half, dy = (y + .5 - half) / half;
    fwhm_arcsec_.push_back(4.6 + 2.3 * (um - .75) / (5 - .75));
    psfs_.emplace_back(fwhm_arcsec_.back() / pixel_scale_arcsec, .08 * std::hypot(dx, dy) / std::sqrt(2.0), std::atan2(dy, dx), reach);
  }
}

double ZonePsfs::median_fwhm_arcsec() const {
  auto sorted = fwhm_arcsec_;
  std::ranges::sort(sorted);
  return sorted[sorted.size() / 2];
}

}  // namespace tessera::simulate_spherex
