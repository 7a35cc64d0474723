#include "tessera/photometry/aperture.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <random>

using namespace tessera;
using namespace tessera::photometry;

namespace {

Frame constant(int size, float value, float variance) {
  Frame f{Box{0, 0, size, size}};
  for (float& v : f.value.pixels()) v = value;
  for (float& v : f.variance.pixels()) v = variance;
  for (auto& g : f.good.pixels()) g = 1;
  return f;
}

void spoil(Frame& f, int x, int y) { f.value(x, y) = f.variance(x, y) = 0, f.good(x, y) = 0; }

}  // namespace

TEST(Aperture, IsTheSumOfPixelsWeightedByTheirExactShare) {
  // core's circular_aperture is another formula for the same shares.
  Frame f = constant(40, 0, 0);
  std::mt19937 random{3};
  for (float& v : f.value.pixels()) v = std::uniform_real_distribution<float>{-1, 3}(random);
  for (float& v : f.variance.pixels()) v = std::uniform_real_distribution<float>{0.1F, 2}(random);
  for (const double r : {0.4, 1.0, 3.3, 8.0})
    for (const double x : {19.0, 19.5, 20.27}) {
      const double y = 18.61;
      const auto sum = sum_circle(f.view(), x, y, r);
      const auto share = circular_aperture(x, y, r);
      double flux = 0, variance = 0, linear = 0;
      for (int v = share.box().y0; v < share.box().y1; ++v)
        for (int u = share.box().x0; u < share.box().x1; ++u) {
          flux += share(u, v) * f.value(u, v);
          variance += share(u, v) * share(u, v) * f.variance(u, v);
          linear += share(u, v) * f.variance(u, v);
        }
      EXPECT_NEAR(sum.flux, flux, 2e-5 * (1 + r * r)) << "core's shares are single precision";
      EXPECT_NEAR(sum.variance, variance, 2e-5 * (1 + r * r));
      EXPECT_NEAR(sum.linear_variance, linear, 2e-5 * (1 + r * r));
      EXPECT_NEAR(sum.area, std::numbers::pi * r * r, 1e-10);
      EXPECT_EQ(sum.bad_area, 0);
      const auto ellipse = sum_ellipse(f.view(), x, y, {r, r, 0.3});
      EXPECT_NEAR(ellipse.flux, sum.flux, 1e-9);
    }
}

TEST(Aperture, BadAndOutsidePixelsCountInTheBadAreaAlone) {
  Frame f = constant(20, 2, 1);
  spoil(f, 10, 10);
  spoil(f, 13, 10);
  const auto sum = sum_circle(f.view(), 10, 10, 3);
  const double half = circle_overlap(2.5, 3.5, -0.5, 0.5, 3);
  EXPECT_NEAR(sum.bad_area, 1 + half, 1e-12);
  EXPECT_NEAR(sum.area + sum.bad_area, 9 * std::numbers::pi, 1e-10);
  EXPECT_NEAR(sum.flux, 2 * sum.area, 1e-9);
  const auto edge = sum_circle(f.view(), -0.5, 10, 4);
  EXPECT_NEAR(edge.area, 8 * std::numbers::pi, 1e-10) << "half of it lies outside";
  EXPECT_NEAR(edge.bad_area, 8 * std::numbers::pi, 1e-10);
  EXPECT_EQ(sum_circle(f.view(), 500, 10, 3).area, 0);
  for (const double r : {0.0, -1.0, std::nan("")}) EXPECT_EQ(sum_circle(f.view(), 10, 10, r).area, 0);
  EXPECT_EQ(sum_circle(f.view(), std::nan(""), 10, 3).area, 0);
  EXPECT_EQ(sum_ellipse(f.view(), 10, std::numeric_limits<double>::infinity(), {3, 2, 0}).area, 0);
}

TEST(Aperture, TheCorrelationFactorIsThatOfTheFullDoubleSum) {
  Image<float> rho{Box{-2, -2, 3, 3}};
  for (int y = -2; y <= 2; ++y)
    for (int x = -2; x <= 2; ++x) rho(x, y) = static_cast<float>(std::exp(-0.7 * (x * x + y * y)));
  const NoiseCorrelation correlation{std::move(rho)};
  Image<float> sigma{Box{-20, -20, 21, 21}};
  for (float& s : sigma.pixels()) s = 0.3F;
  for (const double r : {1.0, 2.5, 6.0}) {
    const double factor = correlation_factor(correlation, r);
    Frame f = constant(41, 0, 0.09F);
    for (const double x : {0.0, 0.31}) {
      const double exact = variance_of_sum(circular_aperture(x, 0.17, r), sigma, correlation);
      const double own = sum_circle(f.view(), 20 + x, 20.17, r).variance;
      EXPECT_NEAR(own * factor, exact, (r < 2 ? 0.06 : 0.02) * exact) << r << ": the mean over sub-pixel positions, of which small circles know more";
    }
  }
  EXPECT_EQ(correlation_factor(NoiseCorrelation{}, 3), 1);
  EXPECT_NEAR(annulus_correlation_factor(correlation, 8, 14), correlation.large_aperture_variance(), 0.15 * correlation.large_aperture_variance()) << "less at its borders";
}

TEST(Annulus, LevelsAreWhatTheyAreCalledAndTheirErrorsTrue) {
  // 400 skies of noise 1: the mean of (level / error)² is 1 within √(2/400) = 7 %; a star in the annulus moves none of the three by much.
  std::mt19937 random{7};
  std::normal_distribution<float> normal;
  std::vector<float> work;
  double squares[3] = {};
  for (int trial = 0; trial < 400; ++trial) {
    Frame f = constant(41, 0, 1);
    for (float& v : f.value.pixels()) v = normal(random);
    for (int k = 0; k < 3; ++k) {
      const auto sky = annulus_sky(f.view(), 20.3, 19.8, 6, 15, static_cast<SkyStatistic>(k), 10, work);
      squares[k] += sky.level * sky.level / (sky.error * sky.error) / 400;
      EXPECT_NEAR(sky.scatter, 1, 0.25);
    }
  }
  EXPECT_NEAR(squares[0], 1, 0.25) << "median";
  EXPECT_NEAR(squares[2], 1, 0.25) << "clipped mean: clipping at 3 sigma adds a little";
  EXPECT_LT(squares[1], 4) << "a mode of 2.5 medians less 1.5 means is the noisiest of the three";
}

TEST(Annulus, TakesWholePixelsByTheirCentresAndSaysWhenThereAreTooFew) {
  Frame f = constant(21, 5, 1);
  std::vector<float> work;
  const auto sky = annulus_sky(f.view(), 10, 10, 2, 3, SkyStatistic::median, 1, work);
  EXPECT_EQ(sky.pixels, 20) << "4 at distance 2, 8 at √5, 4 at √8, 4 at 3";
  EXPECT_EQ(sky.level, 5);
  spoil(f, 12, 10);
  EXPECT_EQ(annulus_sky(f.view(), 10, 10, 2, 3, SkyStatistic::median, 1, work).pixels, 19);
  EXPECT_TRUE(std::isnan(annulus_sky(f.view(), 10, 10, 2, 3, SkyStatistic::mode, 100, work).level));
  EXPECT_TRUE(std::isnan(annulus_sky(f.view(), std::nan(""), 10, 2, 3, SkyStatistic::mode, 1, work).level));
}
