#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "tessera/fit/levenberg.h"
#include "tessera/fit/simplex.h"

using namespace tessera::fit;

namespace {

/// χ² of curves y(x; p) with unit errors, its Jacobian given.
struct Curve : Objective {
  std::vector<double> x, y;
  std::size_t n = 2;
  std::function<double(double, std::span<const double>, std::span<double>)> model;  // value; fills the row of derivatives

  std::size_t parameters() const override { return n; }
  double expand(std::span<const double> p, std::span<double> a, std::span<double> g) override {
    std::fill(a.begin(), a.end(), 0.0);
    std::fill(g.begin(), g.end(), 0.0);
    std::vector<double> row(n);
    double chi2 = 0;
    for (std::size_t k = 0; k < x.size(); ++k) {
      const double r = y[k] - model(x[k], p, row);
      chi2 += r * r;
      for (std::size_t i = 0; i < n; ++i) {
        g[i] += r * row[i];
        for (std::size_t j = 0; j <= i; ++j) a[i * n + j] += row[i] * row[j];
      }
    }
    return chi2;
  }
  double chi2(std::span<const double> p) override {
    std::vector<double> row(n);
    double sum = 0;
    for (std::size_t k = 0; k < x.size(); ++k) sum += std::pow(y[k] - model(x[k], p, row), 2);
    return sum;
  }
};

/// NIST Statistical Reference Datasets, nonlinear regression, Misra1a: y = b1 (1 − exp(−b2 x)); certified values from its page.
Curve misra1a() {
  Curve c;
  c.x = {77.6, 114.9, 141.1, 190.8, 239.9, 289.0, 332.8, 378.4, 434.8, 477.3, 536.8, 593.1, 689.1, 760.0};
  c.y = {10.07, 14.73, 17.94, 23.93, 29.61, 35.18, 40.02, 44.82, 50.76, 55.05, 61.01, 66.40, 75.47, 81.78};
  c.model = [](double x, std::span<const double> p, std::span<double> d) {
    const double e = std::exp(-p[1] * x);
    d[0] = 1 - e;
    d[1] = p[0] * x * e;
    return p[0] * (1 - e);
  };
  return c;
}

/// The same collection, Thurber: a ratio of cubic polynomials, seven parameters, "higher level of difficulty".
Curve thurber() {
  Curve c;
  c.n = 7;
  c.y = {80.574, 84.248, 87.264, 87.195, 89.076, 89.608, 89.868, 90.101, 92.405, 95.854, 100.696, 101.060, 401.672, 390.724, 567.534, 635.316, 733.054, 759.087, 894.206,
         990.785, 1090.109, 1080.914, 1122.643, 1178.351, 1260.531, 1273.514, 1288.339, 1327.543, 1353.863, 1414.509, 1425.208, 1421.384, 1442.962, 1464.350, 1468.705, 1447.894, 1457.628};
  c.x = {-3.067, -2.981, -2.921, -2.912, -2.840, -2.797, -2.702, -2.699, -2.633, -2.481, -2.363, -2.322, -1.501, -1.460, -1.274, -1.212, -1.100, -1.046, -0.915,
         -0.714, -0.566, -0.545, -0.400, -0.309, -0.109, -0.103, 0.010, 0.119, 0.377, 0.790, 0.963, 1.006, 1.115, 1.572, 1.841, 2.047, 2.200};
  c.model = [](double x, std::span<const double> p, std::span<double> d) {
    const double top = p[0] + x * (p[1] + x * (p[2] + x * p[3])), below = 1 + x * (p[4] + x * (p[5] + x * p[6]));
    double power = 1;
    for (std::size_t k = 0; k < 4; ++k, power *= x) d[k] = power / below;
    power = x;
    for (std::size_t k = 4; k < 7; ++k, power *= x) d[k] = -top * power / (below * below);
    return top / below;
  };
  return c;
}

const double infinity = std::numeric_limits<double>::infinity();

}  // namespace

TEST(Levenberg, MeetsNistsCertifiedValuesFromBothStarts) {
  for (const auto& start : {std::vector<double>{500, 0.0001}, std::vector<double>{250, 0.0005}}) {
    Curve c = misra1a();
    auto p = start;
    LevenbergWorkspace w;
    const auto result = minimise(c, p, {}, {}, {.max_iterations = 200, .tolerance = 1e-16}, w);
    EXPECT_EQ(result.status, FitStatus::converged);
    EXPECT_NEAR(p[0], 2.3894212918E+02, 1e-7 * p[0]);
    EXPECT_NEAR(p[1], 5.5015643181E-04, 1e-7 * p[1]);
    EXPECT_NEAR(result.chi2, 1.2455138894E-01, 1e-9);
    // Certified standard deviations are for errors from the residuals: times √(RSS/dof).
    const double scale = std::sqrt(result.chi2 / 12);
    EXPECT_NEAR(scale * std::sqrt(w.covariance[0]), 2.7070075241E+00, 1e-6);
    EXPECT_NEAR(scale * std::sqrt(w.covariance[3]), 7.2668688436E-06, 1e-12);
  }
}

TEST(Levenberg, MeetsNistsThurberFromItsFarStart) {
  Curve c = thurber();
  std::vector<double> p{1000, 1000, 400, 40, 0.7, 0.3, 0.03};
  LevenbergWorkspace w;
  const auto result = minimise(c, p, {}, {}, {.max_iterations = 300, .tolerance = 1e-12}, w);
  EXPECT_EQ(result.status, FitStatus::converged);
  const double certified[] = {1.2881396800E+03, 1.4910792535E+03, 5.8323836877E+02, 7.5416644291E+01, 9.6629502864E-01, 3.9797285797E-01, 4.9727297349E-02};
  for (std::size_t k = 0; k < 7; ++k) EXPECT_NEAR(p[k], certified[k], 1e-5 * certified[k]);
  EXPECT_NEAR(result.chi2, 5.6427082397E+03, 1e-5 * 5.6e3);
}

TEST(Levenberg, GoesOnByGradientsWhereChiSquareCannotTell) {
  Curve c = misra1a();
  std::vector<double> p{240, 0.00054};
  LevenbergWorkspace w;
  // Every step promises less than its share of χ² that is called rounding.
  const auto result = minimise(c, p, {}, {}, {.max_iterations = 200, .tolerance = 1e-16, .relative_tolerance = 1e3}, w);
  EXPECT_EQ(result.status, FitStatus::converged);
  EXPECT_NEAR(p[0], 2.3894212918E+02, 1e-7 * p[0]);
  EXPECT_NEAR(p[1], 5.5015643181E-04, 1e-7 * p[1]);
}

TEST(Levenberg, ALinearModelIsDoneAfterOneStep) {
  Curve c;
  c.x = {0, 1, 2, 3};
  c.y = {1, 3.2, 4.9, 7};
  c.model = [](double x, std::span<const double> p, std::span<double> d) { return d[0] = 1, d[1] = x, p[0] + p[1] * x; };
  std::vector<double> p{-100, 50};
  LevenbergWorkspace w;
  const auto result = minimise(c, p, {}, {}, {}, w);
  EXPECT_EQ(result.status, FitStatus::converged);
  EXPECT_EQ(result.iterations, 1);
  EXPECT_NEAR(p[1], 1.97, 1e-10);
}

TEST(Levenberg, StaysWithinItsBoundsAndSaysSo) {
  Curve c = misra1a();
  std::vector<double> p{300, 0.0001};
  LevenbergWorkspace w;
  const auto result = minimise(c, p, std::vector<double>{0, -infinity}, std::vector<double>{200, infinity}, {.max_iterations = 200, .tolerance = 1e-14}, w);
  EXPECT_EQ(result.status, FitStatus::at_bound);
  EXPECT_EQ(p[0], 200);
  // At the bound the other parameter is where χ² of it alone is least.
  const double h = 1e-8;
  const auto at = [&](double b2) { return c.chi2(std::vector<double>{200, b2}); };
  EXPECT_LT(at(p[1]), at(p[1] + h));
  EXPECT_LT(at(p[1]), at(p[1] - h));
  // Bounds that the minimum respects change nothing.
  std::vector<double> inside{500, 0.0001};
  EXPECT_EQ(minimise(c, inside, std::vector<double>{1, 0}, std::vector<double>{1000, 1}, {.max_iterations = 200, .tolerance = 1e-16}, w).status, FitStatus::converged);
  EXPECT_NEAR(inside[0], 2.3894212918E+02, 1e-6 * inside[0]);
}

TEST(Levenberg, SaysWhenTheDataLeaveAParameterOpenOrThereAreNone) {
  Curve c;
  c.x = {0, 1, 2};
  c.y = {1, 2, 3};
  c.model = [](double, std::span<const double> p, std::span<double> d) { return d[0] = 1, d[1] = 1, p[0] + p[1]; };
  std::vector<double> p{0, 0};
  LevenbergWorkspace w;
  EXPECT_EQ(minimise(c, p, {}, {}, {}, w).status, FitStatus::degenerate);
  c.y[1] = std::nan("");
  p = {0, 0};
  EXPECT_EQ(minimise(c, p, {}, {}, {}, w).status, FitStatus::no_data);
}

TEST(Simplex, FindsWhatLevenbergFinds) {
  Curve c = misra1a();
  std::vector<double> p{250, 0.0005};
  const auto result = minimise_by_simplex([&](std::span<const double> q) { return c.chi2(q); }, p, std::vector<double>{20, 1e-4}, {}, {}, {.max_evaluations = 4000, .tolerance = 1e-14});
  EXPECT_TRUE(result.converged);
  EXPECT_NEAR(p[0], 2.3894212918E+02, 1e-4 * p[0]);
  EXPECT_NEAR(result.value, 1.2455138894E-01, 1e-8);
}

TEST(Simplex, WalksRosenbrocksValleyAndKeepsItsBounds) {
  const auto rosenbrock = [](std::span<const double> p) { return 100 * std::pow(p[1] - p[0] * p[0], 2) + std::pow(1 - p[0], 2); };
  std::vector<double> p{-1.2, 1};
  EXPECT_TRUE(minimise_by_simplex(rosenbrock, p, std::vector<double>{0.5, 0.5}, {}, {}, {.max_evaluations = 5000, .tolerance = 1e-15}).converged);
  EXPECT_NEAR(p[0], 1, 1e-5);
  p = {-1.2, 1};
  minimise_by_simplex(rosenbrock, p, std::vector<double>{0.5, 0.5}, std::vector<double>{-2, -2}, std::vector<double>{0.5, 2}, {});
  EXPECT_NEAR(p[0], 0.5, 1e-4);
  EXPECT_NEAR(p[1], 0.25, 1e-3);
}
