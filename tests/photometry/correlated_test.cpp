#include "tessera/photometry/correlated.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "tessera/base/error.h"
#include "tessera/fit/linear.h"

using namespace tessera;

namespace {

constexpr Box box{0, 0, 9, 9};

/// A star's flux and a constant below it: a linear model whose fit is written out.
std::vector<Image<float>> derivatives() {
  std::vector<Image<float>> all;
  all.emplace_back(box);
  all.emplace_back(box, 1.0F);
  for (int y = 0; y < 9; ++y)
    for (int x = 0; x < 9; ++x) all[0](x, y) = static_cast<float>(std::exp(-0.5 * (std::pow(x - 4.2, 2) + std::pow(y - 3.9, 2)) / 1.4));
  return all;
}

std::vector<double> inverse_of(const std::vector<Image<float>>& j, const Image<float>& weight) {
  fit::NormalEquations n{2};
  for (int y = 0; y < 9; ++y)
    for (int x = 0; x < 9; ++x) {
      const double row[2] = {static_cast<double>(j[0](x, y)), 1};
      n.add(row, 0, static_cast<double>(weight(x, y)));
    }
  return fit::solve(n).covariance;
}

}  // namespace

TEST(CorrelatedCovariance, OfIndependentPixelsIsTheInverseOfTheCurvature) {
  const auto j = derivatives();
  Image<float> weight{box}, sigma{box};
  for (int y = 0; y < 9; ++y)
    for (int x = 0; x < 9; ++x) sigma(x, y) = 1 + 0.1F * static_cast<float>(x), weight(x, y) = 1 / (sigma(x, y) * sigma(x, y));
  weight(3, 3) = 0;
  const auto c = inverse_of(j, weight);
  const std::size_t rows[2] = {0, 1};
  const auto got = photometry::correlated_covariance(j, weight, sigma, c, rows, {});
  for (std::size_t k = 0; k < 4; ++k) EXPECT_NEAR(got[k], c[k], 1e-5 * std::abs(c[k]));
}

TEST(CorrelatedCovariance, IsThatOfFitsToCorrelatedNoise) {
  // Each pixel the mean of 2 × 2 independent ones: ρ = ½ beside, ¼ across.
  Image<float> rho{Box{-1, -1, 2, 2}, 0.25F};
  rho(0, 0) = 1;
  rho(1, 0) = rho(-1, 0) = rho(0, 1) = rho(0, -1) = 0.5F;
  const auto j = derivatives();
  const Image<float> one{box, 1.0F};
  const auto c = inverse_of(j, one);
  const std::size_t flux[1] = {0};
  const double stated = photometry::correlated_covariance(j, one, one, c, flux, NoiseCorrelation{std::move(rho)})[0];
  std::mt19937 random{3};
  std::normal_distribution<double> normal;
  double squares = 0;
  constexpr int trials = 4000;
  for (int t = 0; t < trials; ++t) {
    double fine[10][10];
    for (auto& row : fine)
      for (double& v : row) v = normal(random);
    double g[2] = {};
    for (int y = 0; y < 9; ++y)
      for (int x = 0; x < 9; ++x) {
        const double v = 0.5 * (fine[y][x] + fine[y][x + 1] + fine[y + 1][x] + fine[y + 1][x + 1]);  // variance 1
        g[0] += static_cast<double>(j[0](x, y)) * v;
        g[1] += v;
      }
    squares += std::pow(c[0] * g[0] + c[1] * g[1], 2);
  }
  EXPECT_NEAR(squares / trials / stated, 1, 4 * std::sqrt(2.0 / trials));
  EXPECT_GT(stated, 1.5 * c[0]);
}

TEST(CorrelatedCovariance, RefusesPlanesThatDoNotFit) {
  const auto j = derivatives();
  const Image<float> one{box, 1.0F}, other{Box{0, 0, 8, 9}, 1.0F};
  const std::size_t rows[1] = {0};
  const std::vector<double> c(4, 1.0), short_c(1, 1.0);
  EXPECT_THROW(photometry::correlated_covariance(j, one, other, c, rows, {}), UsageError);
  EXPECT_THROW(photometry::correlated_covariance(j, one, one, short_c, rows, {}), UsageError);
}
