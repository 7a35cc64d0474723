/// spectrum/radial_sum.h — Σ a exp(−c q) as a table in q, for many q at once.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "tessera/spectrum/sersic.h"

namespace tessera::spectrum {

/// Linear between 64 points per octave of q: errs by 2·10⁻⁵ of a term at most.
class RadialSum {
 public:
  /// Terms a exp(−2π² v q) of a mixture, up to `most` or to where the sum falls below 10⁻⁷ of that at 0.
  RadialSum(std::span<const Gaussian> terms, double most);
  /// From here on the sum counts as 0.
  double end() const { return end_; }
  /// re, im: (zone_re, zone_im) times the sum at q = c0 + c1 x + c2 x², x = first … first + n − 1; q below end(), but for rounding.
  void products(double c0, double c1, double c2, int first, int n, const float* zone_re, const float* zone_im, float* re, float* im) const;

 private:
  static constexpr int per_octave = 64;
  std::vector<float> values_;
  float low_ = 0;
  double end_ = 0;
};

}  // namespace tessera::spectrum
