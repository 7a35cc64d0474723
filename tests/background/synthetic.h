/// Synthetic frames for the tests of background/: noise, stars, hits and offsets with known truth.
#pragma once
#include <cmath>
#include <random>
#include <vector>

#include "tessera/background/noise.h"
#include "tessera/background/objects.h"
#include "tessera/background/offsets.h"
#include "tessera/core/frame.h"

namespace synthetic {

using tessera::Box;
using tessera::Frame;

/// level + white noise of standard deviation sigma; the variance plane says stated_sigma².
inline Frame noise(Box box, double level, double sigma, double stated_sigma, unsigned seed) {
  Frame frame{box};
  std::mt19937_64 random{seed};
  std::normal_distribution<double> normal{0.0, 1.0};
  for (auto& v : frame.value.pixels()) v = static_cast<float>(level + sigma * normal(random));
  for (auto& v : frame.variance.pixels()) v = static_cast<float>(stated_sigma * stated_sigma);
  for (auto& g : frame.good.pixels()) g = 1;
  return frame;
}

/// Adds a Gaussian star; (x, y) in pixels of the frame's plane.
inline void add_star(Frame& frame, double x, double y, double peak, double fwhm) {
  const double s2 = fwhm * fwhm / 5.545;
  const int r = static_cast<int>(4 * fwhm) + 1;
  for (int j = static_cast<int>(y) - r; j <= static_cast<int>(y) + r; ++j)
    for (int i = static_cast<int>(x) - r; i <= static_cast<int>(x) + r; ++i)
      if (frame.box().contains(i, j)) frame.value(i, j) += static_cast<float>(peak * std::exp(-0.5 * ((i - x) * (i - x) + (j - y) * (j - y)) / s2));
}

inline void set_bad(Frame& frame, int x, int y) {
  frame.value(x, y) = 0, frame.variance(x, y) = 0, frame.good(x, y) = 0;
}

/// A cell map with independent Gaussian means around `level`, all cells seen.
inline tessera::background::CellMap cells(Box box, double level, double sigma, std::mt19937_64& random) {
  tessera::background::CellMap map{box, tessera::Image<float>{box}, tessera::Image<float>{box, static_cast<float>(sigma * sigma)}, 4};
  std::normal_distribution<double> normal{0.0, 1.0};
  for (auto& v : map.mean.pixels()) v = static_cast<float>(level + sigma * normal(random));
  return map;
}

}  // namespace synthetic
