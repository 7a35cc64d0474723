#include "tessera/core/statistics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

namespace tessera::statistics {
namespace {

const double nan = std::numeric_limits<double>::quiet_NaN();

std::vector<double> normal(std::size_t count, double mean, double sigma, unsigned seed) {
  std::mt19937_64 engine{seed};
  std::normal_distribution<double> draw{mean, sigma};
  std::vector<double> values(count);
  for (auto& v : values) v = draw(engine);
  return values;
}

/// The textbook: sort, take the middle.
double slow_quantile(std::vector<double> v, double q) {
  std::sort(v.begin(), v.end());
  const double at = q * static_cast<double>(v.size() - 1);
  const auto low = static_cast<std::size_t>(std::floor(at)), high = static_cast<std::size_t>(std::ceil(at));
  return v[low] + (v[high] - v[low]) * (at - std::floor(at));
}

/// What counting by leading bits must not change: the order statistics themselves.
TEST(Median, OfManyFloatsIsThatOfTheSortedValues) {
  std::mt19937 random{11};
  std::normal_distribution<float> normal{0, 1};
  const float inf = std::numeric_limits<float>::infinity();
  for (const std::size_t n : {4096u, 4097u, 70001u, 70002u}) {
    std::vector<std::vector<float>> kinds(5, std::vector<float>(n));
    for (auto& v : kinds[0]) v = normal(random);                                          // both signs
    for (auto& v : kinds[1]) v = normal(random) * normal(random) * 1e-3F;                 // many magnitudes
    for (auto& v : kinds[2]) v = static_cast<float>(random() % 3);                        // ties
    for (auto& v : kinds[3]) v = random() % 2 ? -0.0F : 0.0F;                             // one value, two signs
    for (auto& v : kinds[4]) v = random() % 3 == 0 ? inf : random() % 2 ? -inf : normal(random);
    for (std::size_t k = 0; k < kinds.size(); ++k) {
      auto values = kinds[k], sorted = kinds[k];
      values.insert(values.begin() + 7, 3, std::numeric_limits<float>::quiet_NaN());
      std::sort(sorted.begin(), sorted.end());
      const double lower = sorted[(n - 1) / 2], upper = sorted[n / 2];
      EXPECT_EQ(median_inplace(std::span<float>{values}), lower == upper ? upper : 0.5 * lower + 0.5 * upper) << n << " kind " << k;
    }
  }
}

TEST(Median, IsTheMiddleOfTheSortedValues) {
  for (const std::size_t count : {1u, 2u, 3u, 10u, 101u, 1000u}) {
    const auto values = normal(count, 5, 2, static_cast<unsigned>(count));
    EXPECT_NEAR(median(values), slow_quantile(values, 0.5), 1e-14) << count;
    auto copy = values;
    EXPECT_EQ(median_inplace(copy), median(values));
    std::vector<float> single(values.begin(), values.end());
    EXPECT_NEAR(median(std::span<const float>{single}), median(values), 1e-6);
    EXPECT_EQ(median_inplace(single), median(std::span<const float>{single}));
  }
}

TEST(Median, LeavesNaNOutAndIsNaNWhenNothingIsLeft) {
  EXPECT_EQ(median(std::vector<double>{nan, 3, nan, 1, 2}), 2);
  std::vector<float> values{1, std::nanf(""), 2, 4};
  EXPECT_EQ(median_inplace(values), 2);
  EXPECT_TRUE(std::isnan(median(std::vector<double>{})));
  EXPECT_TRUE(std::isnan(median(std::vector<double>{nan, nan})));
}

TEST(Median, DoesNotOverflow) {
  const double big = std::numeric_limits<double>::max(), inf = std::numeric_limits<double>::infinity();
  EXPECT_EQ(median(std::vector<double>{big, big}), big);
  EXPECT_EQ(median(std::vector<double>{inf, inf, 1}), inf);
  EXPECT_EQ(median(std::vector<double>{inf, inf}), inf);
}

TEST(Quantile, InterpolatesBetweenOrderStatistics) {
  const auto values = normal(57, 0, 1, 3);
  for (const double q : {0.0, 0.01, 0.25, 0.5, 0.841, 0.99, 1.0}) EXPECT_NEAR(quantile(values, q), slow_quantile(values, q), 1e-14);
  EXPECT_EQ(quantile(std::vector<double>{1, nan, 2}, 0.25), 1.25);
  EXPECT_EQ(quantile(std::vector<double>{7}, 0.3), 7);
  EXPECT_EQ(quantile(std::vector<double>{1, 2}, -1), 1);
  EXPECT_EQ(quantile(std::vector<double>{1, 2}, 2), 2);
  EXPECT_TRUE(std::isnan(quantile(std::vector<double>{}, 0.5)));
}

TEST(MadSigma, MeetsTheDirectFormula) {
  const auto values = normal(1001, 40, 3, 9);
  const double centre = slow_quantile(values, 0.5);
  std::vector<double> deviations;
  for (const double v : values) deviations.push_back(std::abs(v - centre));
  EXPECT_NEAR(mad_sigma(values), 1.4826 * slow_quantile(deviations, 0.5), 1e-4);
}

TEST(MadSigma, IsTheSigmaOfANormalDistributionEvenWithOutliers) {
  auto values = normal(100000, 10, 2.5, 4);
  EXPECT_NEAR(mad_sigma(values), 2.5, 0.03);  // its standard error: 1.17 σ/√n = 0.009
  for (std::size_t i = 0; i < 2000; ++i) values[i] = 1e6;
  EXPECT_NEAR(mad_sigma(values), 2.5, 0.1);  // 2 % outliers widen it by about 2 %
}

TEST(MadSigma, OfConstantsIsZeroAndOfNothingNaN) {
  EXPECT_EQ(mad_sigma(std::vector<double>{2, 2, 2, nan}), 0);
  EXPECT_EQ(mad_sigma(std::vector<float>{2, 2, 2}), 0);
  EXPECT_TRUE(std::isnan(mad_sigma(std::vector<double>{nan})));
}

/// Rejection as the definition says it, one value at a time, in the order given.
Clipped slow_clipped(std::vector<double> v, double kappa, int rounds) {
  Clipped c;
  for (int round = 0;; ++round) {
    double sum = 0, squares = 0;
    for (const double x : v) sum += x;
    c.mean = sum / static_cast<double>(v.size());
    for (const double x : v) squares += (x - c.mean) * (x - c.mean);
    c.sigma = v.size() > 1 ? std::sqrt(squares / static_cast<double>(v.size() - 1)) : 0;
    c.median = slow_quantile(v, 0.5);
    c.used = static_cast<std::int64_t>(v.size());
    if (round == rounds) return c;
    const auto end = std::remove_if(v.begin(), v.end(), [&](double x) { return std::abs(x - c.median) > kappa * c.sigma; });
    if (end == v.end()) return c;
    v.erase(end, v.end());
  }
}

TEST(Clipped, MeetsTheDirectFormula) {
  auto values = normal(500, 3, 0.5, 11);
  const auto outliers = normal(40, 9, 4, 12);
  values.insert(values.end(), outliers.begin(), outliers.end());
  for (const double kappa : {1.5, 3.0, 5.0}) {
    for (const int rounds : {0, 1, 2, 20}) {
      const auto fast = clipped(values, kappa, rounds), slow = slow_clipped(values, kappa, rounds);
      EXPECT_EQ(fast.used, slow.used);
      EXPECT_NEAR(fast.mean, slow.mean, 1e-12);
      EXPECT_NEAR(fast.sigma, slow.sigma, 1e-12);
      EXPECT_NEAR(fast.median, slow.median, 1e-14);
    }
  }
}

TEST(Clipped, IsTheSameToTheBitInAnyOrder) {
  auto values = normal(999, 0, 1, 21);
  values[7] = 50;
  const auto first = clipped(values);
  std::mt19937_64 engine{5};
  for (int i = 0; i < 10; ++i) {
    std::shuffle(values.begin(), values.end(), engine);
    const auto again = clipped(values);
    EXPECT_EQ(again.mean, first.mean);
    EXPECT_EQ(again.sigma, first.sigma);
    EXPECT_EQ(again.median, first.median);
    EXPECT_EQ(again.used, first.used);
  }
}

TEST(Clipped, IgnoresWhatIsNotFinite) {
  const double inf = std::numeric_limits<double>::infinity();
  const auto c = clipped(std::vector<double>{1, nan, 3, inf, -inf});
  EXPECT_EQ(c.used, 2);
  EXPECT_EQ(c.mean, 2);
  EXPECT_NEAR(c.sigma, std::sqrt(2.0), 1e-15);
  const auto none = clipped(std::vector<double>{nan});
  EXPECT_EQ(none.used, 0);
  EXPECT_TRUE(std::isnan(none.mean));
}

TEST(Clipped, KeepsASmallScatterOnAHighLevel) {
  const auto scatter = normal(2000, 0, 1e-6, 31);
  std::vector<double> values;
  for (const double v : scatter) values.push_back(1e6 + v);
  EXPECT_NEAR(clipped(values, 5).sigma, 1e-6, 5e-8);
}

TEST(Clipped, OfConstantsKeepsThemAll) {
  const auto c = clipped(std::vector<double>(9, 0.1));
  EXPECT_EQ(c.used, 9);
  EXPECT_EQ(c.mean, 0.1);
  EXPECT_EQ(c.sigma, 0);
}

}  // namespace
}  // namespace tessera::statistics
