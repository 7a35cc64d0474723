#include "tessera/core/noise_correlation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <random>

namespace tessera {
namespace {

double sum(const Image<float>& image) {
  double s = 0;
  for (const float v : image.pixels()) s += static_cast<double>(v);
  return s;
}

TEST(CircularAperture, HasTheAreaOfTheCircleWhereverItLies) {
  for (const double r : {0.2, 0.49, 0.7, 1.0, 2.3, 5.0, 17.9})
    for (const auto& [x, y] : {std::pair{0.0, 0.0}, {0.5, 0.5}, {3.21, -7.43}, {-0.999, 12.0001}})
      EXPECT_NEAR(sum(circular_aperture(x, y, r)) / (std::numbers::pi * r * r), 1, 2e-6) << r << " " << x << " " << y;
}

TEST(CircularAperture, AgreesWithCountingPoints) {
  const Image<float> share = circular_aperture(1.3, -0.4, 2.2);
  constexpr int n = 400;
  for (int y = share.box().y0; y < share.box().y1; ++y)
    for (int x = share.box().x0; x < share.box().x1; ++x) {
      int inside = 0;
      for (int b = 0; b < n; ++b)
        for (int a = 0; a < n; ++a) inside += std::hypot(x - 0.5 + (a + 0.5) / n - 1.3, y - 0.5 + (b + 0.5) / n + 0.4) < 2.2;
      EXPECT_NEAR(static_cast<double>(share(x, y)), inside / double{n * n}, 1e-3);
    }
}

TEST(NoiseCorrelation, OfIndependentPixelsGivesTheQuadraticSum) {
  Image<float> sigma{Box{-5, -5, 6, 6}, 2.0F};
  const Image<float> weight = circular_aperture(0, 0, 3);
  double expected = 0;
  for (const float w : weight.pixels()) expected += 4.0 * static_cast<double>(w) * static_cast<double>(w);
  EXPECT_NEAR(variance_of_sum(weight, sigma, {}), expected, 1e-9 * expected);
}

/// White noise smoothed by a kernel: its correlation is the kernel's autocorrelation, and the sum's variance is known directly.
TEST(NoiseCorrelation, GivesTheErrorOfSumsOverSmoothedNoise) {
  const double kernel[3][3] = {{0.1, 0.2, 0.0}, {0.3, 0.5, 0.1}, {-0.1, 0.2, 0.05}};
  double square = 0;
  for (const auto& row : kernel)
    for (const double k : row) square += k * k;
  Image<float> rho{Box{-2, -2, 3, 3}};
  for (int dy = -2; dy <= 2; ++dy)
    for (int dx = -2; dx <= 2; ++dx) {
      double s = 0;
      for (int y = 0; y < 3; ++y)
        for (int x = 0; x < 3; ++x)
          if (x + dx >= 0 && x + dx < 3 && y + dy >= 0 && y + dy < 3) s += kernel[y][x] * kernel[y + dy][x + dx];
      rho(dx, dy) = static_cast<float>(s / square);
    }
  const NoiseCorrelation correlation{std::move(rho)};
  const Image<float> weight = circular_aperture(8.2, 7.9, 4.4);
  const Image<float> sigma{Box{0, 0, 17, 17}, static_cast<float>(std::sqrt(square))};
  double expected = 0;  // each pixel of the white noise enters with the aperture smoothed
  for (int v = -2; v < 20; ++v)
    for (int u = -2; u < 20; ++u) {
      double a = 0;
      for (int y = 0; y < 3; ++y)
        for (int x = 0; x < 3; ++x)
          if (weight.box().contains(u + x - 1, v + y - 1)) a += kernel[y][x] * static_cast<double>(weight(u + x - 1, v + y - 1));
      expected += a * a;
    }
  EXPECT_NEAR(variance_of_sum(weight, sigma, correlation), expected, 1e-5 * expected);
}

TEST(NoiseCorrelation, RefusesTablesThatAreNone) {
  EXPECT_THROW(NoiseCorrelation(Image<float>{Box{0, 0, 3, 3}, 1.0F}), DataError);
  EXPECT_THROW(NoiseCorrelation(Image<float>{Box{-1, -1, 2, 2}, 0.5F}), DataError);
  EXPECT_THROW(variance_of_sum(circular_aperture(0, 0, 3), Image<float>{Box{0, 0, 9, 9}, 1.0F}, {}), UsageError);
}

TEST(NoiseCorrelation, IsUnknownWhereThereIsNoUncertainty) {
  Image<float> sigma{Box{-5, -5, 6, 6}, 1.0F};
  sigma(1, 1) = std::nanf("");
  EXPECT_TRUE(std::isnan(variance_of_sum(circular_aperture(0, 0, 3), sigma, {})));
  EXPECT_FALSE(std::isnan(variance_of_sum(circular_aperture(-3, -3, 1), sigma, {})));
}

}  // namespace
}  // namespace tessera
