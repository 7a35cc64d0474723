/// An analytic zone PSF on the ×10 grid, and noise for Monte Carlo.
#pragma once
#include <cmath>
#include <random>

#include "tessera/core/image.h"

namespace tessera::spectrum {

/// Moffat of FWHM `fwhm` native pixels and β = 3.2 with a slight ellipticity; n × n cells, unit sum.
inline Image<float> moffat_cells(double fwhm, int n = 101, int oversample = 10) {
  Image<float> cells{n, n};
  const double beta = 3.2, alpha = fwhm * oversample / (2 * std::sqrt(std::pow(2, 1 / beta) - 1));
  double sum = 0;
  for (int y = 0; y < n; ++y)
    for (int x = 0; x < n; ++x) {
      const double u = (x - (n - 1) / 2.) / (1.05 * alpha), v = (y - (n - 1) / 2.) / (0.95 * alpha);
      sum += cells(x, y) = static_cast<float>(std::pow(1 + u * u + v * v + 0.1 * u * v, -beta));
    }
  for (float& v : cells.pixels()) v = static_cast<float>(v / sum);
  return cells;
}

}  // namespace tessera::spectrum
