/// outlier/local_fit.h — what scattered values say the sky is nearby: a polynomial through them that outliers do not bend
/// (least absolute deviations by reweighting; Cleveland 1979, JASA 74, 829).
#pragma once
#include <array>
#include <cstddef>
#include <span>
#include <vector>

namespace tessera::outlier {

struct Sample {
  double x = 0, y = 0;      ///< place, in units of the reach
  double value = 0;
  double variance = 0;      ///< > 0
};

/// Quadratic from ten values on, linear from six.
class LocalSurface {
 public:
  /// Memory is kept between calls. Depends on the order of the samples in the last bits only.
  void fit(std::span<const Sample> samples);
  bool good() const { return good_; }        ///< false: too few values, or they lie badly
  double value(double x, double y) const;
  /// Variance of value() over that of one value, nearly: large where the surface is extrapolated.
  double leverage(double x, double y) const;
  double scatter() const { return scatter_; }  ///< variance of a value around the surface: noise, and what a polynomial cannot follow
  double noise() const { return noise_; }      ///< median of the values' own variances

 private:
  static constexpr std::size_t most_terms = 6;
  using Terms = std::array<double, most_terms>;
  struct Normal;
  static Terms terms_at(double x, double y) { return {1, x, y, x * x, x * y, y * y}; }
  bool good_ = false;
  std::size_t terms_ = 0;
  Terms coefficients_{};
  std::array<Terms, most_terms> root_{};       ///< of the normal equations without outliers' weights
  double scatter_ = 0, noise_ = 0;
};

}  // namespace tessera::outlier
