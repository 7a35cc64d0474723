#include "tessera/detect/combine.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "tessera/base/error.h"

using namespace tessera;

TEST(Combine, OneBandIsItself) {
  std::vector<Image<float>> bands;
  bands.emplace_back(Box{0, 0, 5, 1});
  const float values[] = {0.5F, 3, 7.25F, 30, 120};
  for (int x = 0; x < 5; ++x) bands[0](x, 0) = values[x];
  const auto c = detect::combined_significance(bands);
  for (int x = 0; x < 5; ++x) EXPECT_NEAR(c(x, 0), values[x], 2e-4 * values[x]);
}

TEST(Combine, NoiseExceedsEveryLevelAsOftenAsOneNormalVariable) {
  std::mt19937 random{11};
  std::normal_distribution<float> normal;
  for (const std::size_t n : {2U, 3U, 5U}) {
    std::vector<Image<float>> bands;
    for (std::size_t k = 0; k < n; ++k) {
      bands.emplace_back(Box{0, 0, 1000, 700});
      for (float& v : bands.back().pixels()) v = normal(random);
    }
    const auto c = detect::combined_significance(bands);
    for (const double level : {1.0, 2.0, 3.0}) {
      double above = 0;
      for (const float v : c.pixels()) above += static_cast<double>(v) > level;
      const double expected = 700000 * 0.5 * std::erfc(level / std::sqrt(2));
      EXPECT_NEAR(above, expected, 4.5 * std::sqrt(expected)) << n << " " << level;
    }
  }
}

TEST(Combine, BandsAddUpAndGapsAndDarkPixelsDoNot) {
  std::vector<Image<float>> bands;
  for (int k = 0; k < 2; ++k) bands.emplace_back(Box{0, 0, 4, 1}, 4.0F);
  bands[1](1, 0) = NAN;
  bands[1](2, 0) = -20;
  bands[0](3, 0) = bands[1](3, 0) = NAN;
  const auto c = detect::combined_significance(bands);
  EXPECT_GT(c(0, 0), 5);  // √32 = 5.66 less what two bands have by chance
  EXPECT_LT(c(0, 0), 5.66);
  EXPECT_NEAR(c(1, 0), 4, 1e-3);
  EXPECT_LT(c(2, 0), 4);
  EXPECT_GT(c(2, 0), 3.5);
  EXPECT_TRUE(std::isnan(c(3, 0)));
  bands.emplace_back(Box{0, 0, 3, 1});
  EXPECT_THROW(detect::combined_significance(bands), UsageError);
}

TEST(Combine, AHundredBandsOfNoiseAreStillANormalVariable) {
  constexpr int side = 120;
  std::mt19937 random{17};
  std::normal_distribution<float> noise{0, 1};
  std::vector<Image<float>> bands;
  for (int k = 0; k < 102; ++k) {
    bands.emplace_back(Box{0, 0, side, side});
    for (float& v : bands.back().pixels()) v = noise(random);
  }
  const auto combined = detect::combined_significance(bands);
  double above[3] = {};
  for (const float v : combined.pixels())
    for (int s = 0; s < 3; ++s) above[s] += v > static_cast<float>(s);
  EXPECT_NEAR(above[0] / (side * side), 0.5, 0.02);
  EXPECT_NEAR(above[1] / (side * side), 0.1587, 0.015);
  EXPECT_NEAR(above[2] / (side * side), 0.02275, 0.006);
}

TEST(Combine, AFlatSpectrumIsWeightedByErrorsAndNoiseStaysNormal) {
  std::vector<Image<float>> bands, errors;
  const float s[] = {2, -1, 3}, e[] = {1, 2, 0.5};
  for (int k = 0; k < 3; ++k) bands.emplace_back(Box{0, 0, 2, 1}, s[k]), errors.emplace_back(Box{0, 0, 2, 1}, e[k]);
  bands[2](1, 0) = NAN;
  const auto c = detect::flat_significance(bands, errors);
  EXPECT_NEAR(c(0, 0), (2 / 1. - 1 / 2. + 3 / .5) / std::sqrt(1 + 1 / 4. + 4), 1e-6);
  EXPECT_NEAR(c(1, 0), (2 / 1. - 1 / 2.) / std::sqrt(1 + 1 / 4.), 1e-6);
  bands[0](1, 0) = bands[1](1, 0) = NAN;
  EXPECT_TRUE(std::isnan(detect::flat_significance(bands, errors)(1, 0)));
  errors.pop_back();
  EXPECT_THROW(detect::flat_significance(bands, errors), UsageError);
}

TEST(Combine, TheLessLikelyOfTwoIndependentOnesIsNormalAgain) {
  constexpr int side = 200;
  std::mt19937 random{23};
  std::normal_distribution<float> noise{0, 1};
  Image<float> a{Box{0, 0, side, side}}, b{a.box()};
  for (float& v : a.pixels()) v = noise(random);
  for (float& v : b.pixels()) v = noise(random);
  a(0, 0) = 7, b(0, 0) = NAN, a(1, 0) = 12, a(2, 0) = 8.0001F, a(3, 0) = 7.9999F;
  const auto c = detect::less_likely(a, b);
  EXPECT_EQ(c(0, 0), 7.F);
  EXPECT_NEAR(c(1, 0), 12 - std::log(2.) / 12, 1e-3);
  EXPECT_NEAR(c(2, 0), c(3, 0), 1e-3);  // where exact numbers end
  double above[4] = {};
  for (const float v : c.pixels())
    for (int s = 0; s < 4; ++s) above[s] += v > static_cast<float>(s - 1);
  const double expected[] = {0.8413, 0.5, 0.1587, 0.02275};
  for (int s = 0; s < 4; ++s) EXPECT_NEAR(above[s] / (side * side), expected[s], 0.01) << s;
}
