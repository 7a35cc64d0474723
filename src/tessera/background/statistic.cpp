#include "tessera/background/statistic.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "tessera/core/statistics.h"

namespace tessera::background {
namespace {

double mean_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double v : values) sum += v;
  return sum / static_cast<double>(values.size());
}

/// Of the kernel, over σ: the power of n that is best for the slope of a density, whose zero is the mode.
double mode_width(double n) { return std::pow(n, -1.0 / 7); }

/// Gaussian kernel density at x, unnormalised; values are sorted, those beyond 5 widths left out.
double density(const std::vector<double>& sorted, double width, double x) {
  double sum = 0;
  for (auto v = std::lower_bound(sorted.begin(), sorted.end(), x - 5 * width); v != sorted.end() && *v < x + 5 * width; ++v)
    sum += std::exp(-0.5 * (*v - x) * (*v - x) / (width * width));
  return sum;
}

/// The highest of points a fifth of the kernel apart, refined by the parabola through its neighbours.
double mode(const std::vector<double>& sorted, double sigma) {
  const double width = sigma * mode_width(static_cast<double>(sorted.size())), step = width / 5;
  const double median = statistics::median(std::span<const double>{sorted});
  const double first = std::max(sorted.front(), median - 5 * sigma), last = std::min(sorted.back(), median + 5 * sigma);
  double best = median, highest = -1;
  for (double x = first; x <= last; x += step)
    if (const double d = density(sorted, width, x); d > highest) highest = d, best = x;
  const double below = density(sorted, width, best - step), above = density(sorted, width, best + step), curvature = below - 2 * highest + above;
  return curvature < 0 ? best + step * std::clamp(0.5 * (below - above) / curvature, -1.0, 1.0) : best;
}

/// The value with half of the histogram's counts below it.
double midpoint(const std::vector<double>& sorted, double sigma) {
  const double bin = 0.1 * sigma, half = 0.5 * static_cast<double>(sorted.size());
  const auto of = [&](double v) { return std::floor((v - sorted.front()) / bin); };
  const double median_bin = of(sorted[sorted.size() / 2]);
  double below = 0, inside = 0;
  for (const double v : sorted) below += of(v) < median_bin, inside += of(v) == median_bin;
  return sorted.front() + (median_bin + (half - below) / inside) * bin;
}

}  // namespace

double sky_statistic(std::vector<double> values, Statistic statistic) {
  if (values.empty()) return NAN;
  if (statistic == Statistic::weighted || statistic == Statistic::mean) return mean_of(values);
  std::sort(values.begin(), values.end());
  const double sigma = statistics::mad_sigma(std::span<const double>{values});
  if (statistic == Statistic::median || !(sigma > 0)) return statistics::median(std::span<const double>{values});
  return statistic == Statistic::mode ? mode(values, sigma) : midpoint(values, sigma);
}

double statistic_inefficiency(Statistic statistic, long n) {
  switch (statistic) {
    case Statistic::median:
    case Statistic::midpt: return std::numbers::pi / 2;
    case Statistic::mode: {
      // From the variance of the kernel density's slope at 0 over the square of its second derivative.
      const double h2 = std::pow(mode_width(static_cast<double>(std::max(1L, n))), 2);
      return std::pow(1 + h2, 3) / std::pow(h2 * (2 + h2), 1.5);
    }
    default: return 1;
  }
}

}  // namespace tessera::background
