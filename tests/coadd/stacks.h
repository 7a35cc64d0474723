/// Small stacks for the coadd's tests.
#pragma once
#include <random>
#include <vector>

#include "tessera/core/frame.h"

namespace tessera::coadd {

inline std::vector<ResampledView> views(std::vector<Resampled>& stack) {
  std::vector<ResampledView> all;
  for (auto& r : stack) all.push_back(r.view());
  return all;
}

/// One pixel with the values given, fully covered.
inline std::vector<Resampled> pixel(const std::vector<float>& values, const std::vector<float>& variances) {
  std::vector<Resampled> stack;
  for (std::size_t k = 0; k < values.size(); ++k) {
    Resampled& r = stack.emplace_back(Box{0, 0, 1, 1});
    r.value(0, 0) = values[k];
    r.variance(0, 0) = variances[k];
    r.coverage(0, 0) = 1;
  }
  return stack;
}

/// A constant sky with normal noise of each frame's own σ.
inline std::vector<Resampled> noisy_sky(Box box, const std::vector<float>& sigmas, float level, unsigned seed) {
  std::mt19937 random{seed};
  std::normal_distribution<float> normal;
  std::vector<Resampled> stack;
  for (const float sigma : sigmas) {
    Resampled& r = stack.emplace_back(box);
    for (float& v : r.value.pixels()) v = level + sigma * normal(random);
    r.variance.reset(box, sigma * sigma);
    r.coverage.reset(box, 1);
  }
  return stack;
}

struct Pulls {
  double mean = 0, width = 0;
};
inline Pulls pulls(const Image<float>& mosaic, const Image<float>& uncertainty, double truth) {
  double sum = 0, squares = 0;
  const auto n = static_cast<double>(mosaic.pixels().size());
  for (std::size_t i = 0; i < mosaic.pixels().size(); ++i) {
    const double pull = (static_cast<double>(mosaic.pixels()[i]) - truth) / static_cast<double>(uncertainty.pixels()[i]);
    sum += pull;
    squares += pull * pull;
  }
  return {sum / n, std::sqrt(squares / n - sum * sum / n / n)};
}

}  // namespace tessera::coadd
