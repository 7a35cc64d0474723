/// core/statistics.h — robust statistics on spans; every function leaves its result independent of input order.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace tessera::statistics {

/// Median; for an even count the mean of the two middle values. NaN values left out, NaN when empty. Reorders `values`.
double median_inplace(std::span<float> values);
double median_inplace(std::span<double> values);
/// Median of a copy, NaN values left out.
double median(std::span<const float> values);
double median(std::span<const double> values);
/// Median of sorted finite values, at least one.
double sorted_median(std::span<const float> sorted);
double sorted_median(std::span<const double> sorted);
/// Median of |v − centre| of sorted finite values, at least one; differences are taken in single precision.
double sorted_median_deviation(std::span<const float> sorted, float centre);
/// 1.4826 · median |v − median(v)|: the standard deviation of a normal distribution. NaN when empty.
double mad_sigma(std::span<const double> values);
double mad_sigma(std::span<const float> values);
/// Quantile q in [0,1] with linear interpolation between order statistics; NaN values left out.
double quantile(std::span<const double> values, double q);

struct Clipped {
  double mean = 0, sigma = 0, median = 0;
  std::int64_t used = 0;
};
/// Mean and standard deviation (n − 1) of the finite values after rejecting |v − median| > kappa·σ, repeated until nothing changes or `rounds`.
Clipped clipped(std::span<const double> values, double kappa = 3.0, int rounds = 20);

}  // namespace tessera::statistics
