#include "tessera/outlier/local_fit.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace {

using namespace tessera::outlier;

std::vector<Sample> parabola(int count, double sigma, unsigned seed) {
  std::mt19937 random{seed};
  std::uniform_real_distribution<double> place{-0.7, 0.7};
  std::normal_distribution<double> unit;
  std::vector<Sample> samples;
  for (int k = 0; k < count; ++k) {
    const double x = place(random), y = place(random);
    samples.push_back({x, y, 5 + 3 * x - 2 * y - 4 * x * x + x * y - 3 * y * y + sigma * unit(random), 0.01});
  }
  return samples;
}

TEST(LocalSurface, GoesThroughAQuadratic) {
  LocalSurface surface;
  surface.fit(parabola(16, 0, 1));
  ASSERT_TRUE(surface.good());
  EXPECT_NEAR(surface.value(0, 0), 5, 1e-9);
  EXPECT_NEAR(surface.value(0.3, -0.2), 5 + 0.9 + 0.4 - 0.36 - 0.06 - 0.12, 1e-9);
  EXPECT_NEAR(surface.scatter(), 0, 1e-12);
  EXPECT_DOUBLE_EQ(surface.noise(), 0.01);
}

TEST(LocalSurface, IsNotBentByTwoOutliersAmongTwenty) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    auto samples = parabola(20, 0.1, seed);
    samples[3].value += 50;
    samples[11].value += 200;
    LocalSurface surface;
    surface.fit(samples);
    ASSERT_TRUE(surface.good());
    EXPECT_NEAR(surface.value(0, 0), 5, 0.4);
    EXPECT_LT(std::sqrt(surface.scatter()), 0.3);
  }
}

TEST(LocalSurface, LeverageIsTheVarianceOfTheValueToItsOrder) {
  LocalSurface surface;
  double squares = 0, leverage = 0;
  constexpr int repeats = 2000;
  for (unsigned seed = 0; seed < repeats; ++seed) {
    surface.fit(parabola(20, 0.1, 100 + seed));
    ASSERT_TRUE(surface.good());
    const double error = surface.value(0.1, 0.1) - (5 + 0.3 - 0.2 - 0.04 + 0.01 - 0.03);
    squares += error * error / 0.01;
    leverage += surface.leverage(0.1, 0.1);
  }
  EXPECT_NEAR(squares / leverage, 1, 0.2);  // one that ignores what least absolute deviations lose against least squares
}

TEST(LocalSurface, SaysWhenItHasTooLittle) {
  LocalSurface surface;
  surface.fit(parabola(5, 0.1, 1));
  EXPECT_FALSE(surface.good());
  std::vector<Sample> line;
  for (int k = 0; k < 12; ++k) line.push_back({0.1 * k - 0.6, 0, 1.0, 0.01});
  surface.fit(line);
  EXPECT_FALSE(surface.good());
}

}  // namespace
