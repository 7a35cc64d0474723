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
