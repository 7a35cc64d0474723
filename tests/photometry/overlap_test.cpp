#include "tessera/photometry/overlap.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numbers>
#include <random>

using namespace tessera::photometry;

namespace {

/// ∫ over x of the height inside y² ≤ h(x)²: the midpoint rule, slow and obvious.
template <class Half>
double by_strips(double x0, double x1, double y0, double y1, Half half) {
  const int n = 200000;
  double sum = 0;
  for (int i = 0; i < n; ++i) {
    const auto [low, high] = half(x0 + (x1 - x0) * (i + 0.5) / n);
    sum += std::max(0.0, std::min(y1, high) - std::max(y0, low));
  }
  return sum * (x1 - x0) / n;
}

}  // namespace

TEST(Overlap, OfACircleIsTheIntegralOfItsHeight) {
  std::mt19937 random{1};
  std::uniform_real_distribution<> at{-4, 4}, size{0.05, 3}, radius{0.2, 4};
  for (int trial = 0; trial < 60; ++trial) {
    const double x = at(random), y = at(random), w = size(random), h = size(random), r = radius(random);
    const auto half = [r](double u) {
      const double t = u * u < r * r ? std::sqrt(r * r - u * u) : 0;
      return std::pair{-t, t};
    };
    // The midpoint rule across the square-root ends of an arc: (step)^1.5 ≈ 6e-8 times the size.
    EXPECT_NEAR(circle_overlap(x, x + w, y, y + h, r), by_strips(x, x + w, y, y + h, half), 1e-6) << x << ' ' << y << ' ' << w << ' ' << h << ' ' << r;
  }
}

TEST(Overlap, OfAnEllipseIsTheIntegralOfItsHeight) {
  std::mt19937 random{2};
  std::uniform_real_distribution<> at{-4, 4}, size{0.05, 3}, radius{0.3, 4}, angle{-3, 3};
  for (int trial = 0; trial < 60; ++trial) {
    const double x = at(random), y = at(random), w = size(random), h = size(random);
    const Ellipse e{radius(random) + 1, radius(random) * 0.3 + 0.1, angle(random)};
    const double c = std::cos(e.angle), s = std::sin(e.angle);
    // A y² + 2 B y + C = 0 on the ellipse.
    const double A = s * s / (e.a * e.a) + c * c / (e.b * e.b), K = c * s * (1 / (e.a * e.a) - 1 / (e.b * e.b)), M = c * c / (e.a * e.a) + s * s / (e.b * e.b);
    const auto half = [&](double u) {
      const double under = K * K * u * u - A * (M * u * u - 1);
      if (under <= 0) return std::pair{0.0, 0.0};
      return std::pair{(-K * u - std::sqrt(under)) / A, (-K * u + std::sqrt(under)) / A};
    };
    EXPECT_NEAR(ellipse_overlap(x, x + w, y, y + h, e), by_strips(x, x + w, y, y + h, half), 2e-6);
  }
}

TEST(Overlap, PixelsShareACircleWithoutLoss) {
  for (const double r : {0.3, 0.5, 1.0, 2.5, 7.31, 40.0})
    for (const double x : {0.0, 0.5, 0.123}) {
      double sum = 0, turned = 0;
      const int reach = static_cast<int>(r) + 2;
      for (int v = -reach; v <= reach; ++v)
        for (int u = -reach; u <= reach; ++u) {
          sum += circle_overlap(u - 0.5 - x, u + 0.5 - x, v - 0.7, v + 0.3, r);
          turned += ellipse_overlap(u - 0.5 - x, u + 0.5 - x, v - 0.7, v + 0.3, {r, 0.6 * r, 0.7});
        }
      EXPECT_NEAR(sum, std::numbers::pi * r * r, 1e-12 * (1 + r * r) * 10) << r << ' ' << x;
      EXPECT_NEAR(turned, 0.6 * std::numbers::pi * r * r, 1e-11 * (1 + r * r)) << r << ' ' << x;
    }
}
