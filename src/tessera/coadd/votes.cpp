#include "tessera/coadd/votes.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "tessera/core/statistics.h"

namespace tessera::coadd {

double median_variance_factor(std::size_t n) {
  // n·Var of the middle order statistic (of the mean of the two middle ones) of n normal values, integrated numerically.
  static constexpr std::array<double, 21> table = {0,       1,       1,       1.34601, 1.19280, 1.43417, 1.28846, 1.47313, 1.34546, 1.49491, 1.38329,
                                                   1.50879, 1.41022, 1.51839, 1.43039, 1.52542, 1.44605, 1.53079, 1.45856, 1.53503, 1.46880};
  if (n < table.size()) return table[n];
  // Beyond: π/2 with the first correction in 1/n, (4 − π)/2 for odd counts, fitted to the integrals for even ones.
  return std::numbers::pi / 2 * (1 - (n % 2 ? 0.429 : 1.33) / static_cast<double>(n));
}

void Votes::gather(std::span<const ResampledView> stack, int x, int y) {
  float best = 0;
  for (const auto& frame : stack) best = std::max(best, frame.coverage(x, y));
  value_.clear();
  variance_.clear();
  if (!(best > 0)) return;
  for (const auto& frame : stack)
    if (frame.coverage(x, y) >= 0.5F * best) {
      value_.push_back(frame.value(x, y));
      variance_.push_back(frame.variance(x, y));
    }
}

Median Votes::median() {
  sorted_ = value_;
  const auto value = static_cast<float>(statistics::median_inplace(std::span<float>{sorted_}));
  const auto n = static_cast<double>(value_.size());
  if (value_.size() <= 2) {
    double sum = 0;
    for (const float v : variance_) sum += static_cast<double>(v);
    return {value, static_cast<float>(std::sqrt(sum) / n)};
  }
  // The error of a median goes with the density of the values at its place, the mean of 1/σ: a few noisy values hardly harm it.
  double inverse = 0;
  for (const float v : variance_) inverse += 1 / std::sqrt(static_cast<double>(v));
  return {value, static_cast<float>(std::sqrt(median_variance_factor(value_.size()) * n) / inverse)};
}

}  // namespace tessera::coadd
