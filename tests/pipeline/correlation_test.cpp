#include "tessera/pipeline/correlation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace tessera::pipeline {
namespace {

TEST(CorrelationOfMedian, IsTheMeansOfOneOrTwoValuesAndKeepsItsEnds) {
  for (const double r : {0.0, 0.3, 0.7, 1.0}) {
    EXPECT_EQ(correlation_of_median(r, 1), r);
    EXPECT_EQ(correlation_of_median(r, 2), r);
    EXPECT_NEAR(correlation_of_median(r, 100000), 2 / M_PI * std::asin(r), 1e-3) << "quadrant probabilities";
    EXPECT_DOUBLE_EQ(correlation_of_median(-r, 7), -correlation_of_median(r, 7));
  }
  EXPECT_NEAR(correlation_of_median(1, 5), 1, 1e-12);
}

TEST(CorrelationOfMedian, IsThatOfDrawnMedians) {
  std::mt19937_64 random{5};
  std::normal_distribution<double> normal;
  constexpr int draws = 60000;  // ρ to 0.004
  for (const std::size_t n : {3u, 4u, 5u, 9u, 24u})
    for (const double r : {0.2, 0.5, 0.8}) {
      double xx = 0, yy = 0, xy = 0;
      std::vector<double> x(n), y(n);
      const auto median = [&](std::vector<double>& v) {
        std::sort(v.begin(), v.end());
        return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
      };
      for (int k = 0; k < draws; ++k) {
        for (std::size_t i = 0; i < n; ++i) {
          x[i] = normal(random);
          y[i] = r * x[i] + std::sqrt(1 - r * r) * normal(random);
        }
        const double a = median(x), b = median(y);
        xx += a * a, yy += b * b, xy += a * b;
      }
      EXPECT_NEAR(xy / std::sqrt(xx * yy), correlation_of_median(r, n), 0.018) << n << ' ' << r;
    }
}

}  // namespace
}  // namespace tessera::pipeline
