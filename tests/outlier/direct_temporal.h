/// The plain temporal scheme again, for the tests to compare with.
#pragma once
#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>
#include <vector>

#include "tessera/core/frame.h"
#include "tessera/outlier/temporal.h"

namespace tessera::testing {

/// The rule of outlier/temporal.h and docs/steps/mosaic.md, pixel by pixel, everything sorted, in double precision.
struct DirectTemporal {
  const std::vector<Resampled>& planes;
  const outlier::TemporalOptions& o;
  int frame_pixel;
  struct Pixel {
    int count = 0;
    double reference = 0, scatter = 0, mean_variance = 0;
  };
  bool takes_part(std::size_t k, int x, int y) const { return planes[k].coverage(x, y) > 0 && static_cast<double>(planes[k].coverage(x, y)) >= o.min_coverage; }
  Pixel at(int x, int y) const {
    std::vector<std::pair<double, double>> v;  // value, variance
    for (std::size_t k = 0; k < planes.size(); ++k)
      if (takes_part(k, x, y)) v.emplace_back(planes[k].value(x, y), planes[k].variance(x, y));
    std::sort(v.begin(), v.end());
    Pixel p;
    p.count = static_cast<int>(v.size());
    const std::size_t n = v.size();
    if (n == 0) return p;
    const auto middle = [](const std::vector<double>& sorted) { return (sorted[(sorted.size() - 1) / 2] + sorted[sorted.size() / 2]) / 2; };
    std::vector<double> values, away, gaps;
    for (const auto& [value, variance] : v) values.push_back(value), p.mean_variance += variance / static_cast<double>(n);
    p.reference = n == 2 || n == 4 ? values[n / 2 - 1] : middle(values);
    for (std::size_t i = 0; i < n; ++i) away.push_back(std::abs(values[i] - p.reference));
    for (std::size_t i = 0; i + 1 < n; ++i) gaps.push_back(values[i + 1] - values[i]);
    std::sort(away.begin(), away.end());
    p.scatter = n < 3 ? std::sqrt(v.front().second) : o.scatter == outlier::Scatter::gap ? *std::min_element(gaps.begin(), gaps.end()) : middle(away) / 0.6745;
    return p;
  }
  double allowed(int x, int y) const {
    const auto noise = [](const Pixel& p) { return std::numbers::pi / 2 * p.mean_variance / p.count; };
    const Pixel here = at(x, y);
    double step = 0;
    for (int d = 1; d <= frame_pixel; ++d)
      for (const auto& [i, j] : {std::pair{x - d, y}, {x + d, y}, {x, y - d}, {x, y + d}}) {
        if (!planes.front().value.box().contains(i, j)) continue;
        if (const Pixel there = at(i, j); there.count > 0) step = std::max(step, std::abs(there.reference - here.reference) - 2 * std::sqrt(noise(here) + noise(there)));
      }
    return o.gradient * (here.count >= o.min_images ? 0.5 : 1.0) * step;
  }
  /// How far beyond the threshold, in its units: > 1 flags. `steep` and `scatter`: shares of the gradient term and of the scatter's variance that count.
  double excess(std::size_t k, int x, int y, double high, double low, double steep = 1, double scatter = 1) const {
    const Pixel p = at(x, y);
    if (!takes_part(k, x, y) || p.count < 2) return 0;
    double variance = planes[k].variance(x, y);
    if (p.count >= o.min_images) variance = std::max(variance, scatter * p.scatter * p.scatter);
    if (p.count == 2) variance += p.scatter * p.scatter;
    const double d = static_cast<double>(planes[k].value(x, y)) - p.reference;
    return (std::abs(d) - steep * allowed(x, y)) / ((d > 0 ? high : low) * std::sqrt(variance));
  }
};

}  // namespace tessera::testing
