#include "tessera/fit/linear.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

using namespace tessera::fit;

TEST(Linear, AWeightedStraightLineHasItsClosedForm) {
  const double x[] = {0, 1, 2, 5, 9}, y[] = {1.1, 2.9, 5.2, 10.7, 19.5}, sigma[] = {0.5, 0.1, 0.2, 1, 0.4};
  NormalEquations equations{2};
  double s = 0, sx = 0, sy = 0, sxx = 0, sxy = 0;
  for (int i = 0; i < 5; ++i) {
    const double w = 1 / (sigma[i] * sigma[i]);
    equations.add(std::vector<double>{1, x[i]}, y[i], w);
    s += w, sx += w * x[i], sy += w * y[i], sxx += w * x[i] * x[i], sxy += w * x[i] * y[i];
  }
  equations.add(std::vector<double>{5, 5}, 1e9, 0);  // no weight, no influence
  const LinearFit fit = solve(equations);
  ASSERT_TRUE(fit.solved);
  const double d = s * sxx - sx * sx, a = (sxx * sy - sx * sxy) / d, b = (s * sxy - sx * sy) / d;
  EXPECT_NEAR(fit.parameters[0], a, 1e-12);
  EXPECT_NEAR(fit.parameters[1], b, 1e-12);
  EXPECT_NEAR(fit.covariance[0], sxx / d, 1e-14);
  EXPECT_NEAR(fit.covariance[1], -sx / d, 1e-14);
  EXPECT_EQ(fit.covariance[1], fit.covariance[2]);
  EXPECT_NEAR(fit.covariance[3], s / d, 1e-14);
  double chi2 = 0;
  for (int i = 0; i < 5; ++i) chi2 += std::pow((y[i] - a - b * x[i]) / sigma[i], 2);
  EXPECT_NEAR(fit.chi2, chi2, 1e-10 * chi2);
  EXPECT_EQ(fit.dof, 3);
}

TEST(Linear, TheInverseTimesTheMatrixIsOneForRandomMatrices) {
  std::mt19937 random{11};
  std::normal_distribution<> normal;
  for (const std::size_t n : {1UL, 3UL, 12UL, 60UL}) {
    std::vector<double> rows(n * 2 * n), matrix(n * n), inverse(n * n);
    for (double& v : rows) v = normal(random);
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j)
        for (std::size_t k = 0; k < 2 * n; ++k) matrix[i * n + j] += rows[i * 2 * n + k] * rows[j * 2 * n + k];
    auto factor = matrix;
    ASSERT_TRUE(cholesky(factor, n));
    invert_with(factor, n, inverse);
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j) {
        double sum = 0;
        for (std::size_t k = 0; k < n; ++k) sum += matrix[i * n + k] * inverse[k * n + j];
        EXPECT_NEAR(sum, i == j ? 1 : 0, 1e-9);
      }
  }
}

TEST(Linear, ParametersTheDataDoNotTellApartAreNotSolved) {
  NormalEquations equations{2};
  for (int i = 0; i < 9; ++i) equations.add(std::vector<double>{1.0 + i, 2.0 + 2 * i}, i, 1);
  EXPECT_FALSE(solve(equations).solved);
  EXPECT_FALSE(solve(NormalEquations{2}).solved) << "no data at all";
}

TEST(Linear, PullsOfItsParametersHaveWidthOne) {
  // 2000 fits of a parabola with unequal errors: the width of (fit − truth)/σ is known to 1/√4000 = 1.6 %.
  std::mt19937 random{23};
  std::normal_distribution<> normal;
  double squares[3] = {};
  for (int trial = 0; trial < 2000; ++trial) {
    NormalEquations equations{3};
    for (int i = 0; i < 12; ++i) {
      const double x = i / 6.0 - 1, sigma = 0.2 + 0.1 * i;
      equations.add(std::vector<double>{1, x, x * x}, 3 - x + 2 * x * x + sigma * normal(random), 1 / (sigma * sigma));
    }
    const LinearFit fit = solve(equations);
    const double truth[] = {3, -1, 2};
    for (std::size_t k = 0; k < 3; ++k) squares[k] += std::pow(fit.parameters[k] - truth[k], 2) / fit.covariance[k * 4];
  }
  for (const double s : squares) EXPECT_NEAR(std::sqrt(s / 2000), 1, 0.06);
}
