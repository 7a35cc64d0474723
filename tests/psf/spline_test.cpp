#include "tessera/psf/spline.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

using namespace tessera;
using namespace tessera::psf;

namespace {

double value_at(const std::vector<double>& c, double u) {
  const auto row = spline_values(std::vector<double>{u}, static_cast<int>(c.size()));
  double sum = 0;
  for (std::size_t k = 0; k < c.size(); ++k) sum += row[k] * c[k];
  return sum;
}

std::vector<double> random_samples(int n) {
  std::mt19937 random{7};
  std::vector<double> s(static_cast<std::size_t>(n));
  for (double& v : s) v = std::uniform_real_distribution<>{-1, 1}(random);
  return s;
}

}  // namespace

TEST(Spline, PassesThroughItsSamplesHoweverFewTheyAre) {
  for (const int n : {2, 3, 6, 17, 200}) {
    const auto samples = random_samples(n);
    auto c = samples;
    to_coefficients(c);
    for (int k = 0; k < n; ++k) ASSERT_NEAR(value_at(c, k), samples[static_cast<std::size_t>(k)], 1e-12) << n << ' ' << k;
  }
}

TEST(Spline, WeightsReproduceAPolynomialOfDegreeFive) {
  // Away from the ends a spline of degree 5 through samples of a polynomial of degree 5 is that polynomial.
  std::vector<double> c(121);
  const auto p = [](double x) { const double v = (x - 60) / 60; return 1 + v * (2 + v * (-1 + v * (3 + v * (0.5 + v * 2)))); };
  for (int k = 0; k < 121; ++k) c[static_cast<std::size_t>(k)] = p(k);
  to_coefficients(c);
  for (const double u : {60.0, 60.25, 61.5, 58.9}) EXPECT_NEAR(value_at(c, u), p(u), 1e-10);
}

TEST(Spline, SlopesAreDerivativesOfValuesAndWeightsSumToOne) {
  for (const double t : {0.0, 0.1, 0.37, 0.5, 0.93}) {
    const auto w = spline_weights(t), up = spline_weights(t + 1e-6), down = spline_weights(t > 0 ? t - 1e-6 : t);
    double sum = 0, slopes = 0;
    for (std::size_t j = 0; j < 6; ++j) {
      sum += w.value[j];
      slopes += w.slope[j];
      EXPECT_NEAR(w.slope[j], (up.value[j] - down.value[j]) / (t > 0 ? 2e-6 : 1e-6), 2e-6);
    }
    EXPECT_NEAR(sum, 1, 1e-14);
    EXPECT_NEAR(slopes, 0, 1e-14);
  }
}

TEST(Spline, IntegralsAreThoseOfAFineMidpointSum) {
  const auto c = random_samples(30);
  for (const double u : {12.0, 14.37, 2.5, -3.0, 27.9, 40.0})
    for (const double width : {1.0, 4.7, 100.0}) {
      const auto row = spline_integrals(std::vector<double>{u}, width, 30);
      double exact = 0, sum = 0;
      for (std::size_t k = 0; k < 30; ++k) exact += row[k] * c[k];
      // Nothing beyond the coefficients: neither mirrored nor clamped.
      const int steps = 40000;
      for (int i = 0; i < steps; ++i) {
        const double v = u + width * ((i + 0.5) / steps - 0.5), knot = std::floor(v);
        const auto w = spline_weights(v - knot);
        for (int j = 0; j < 6; ++j) {
          const int k = static_cast<int>(knot) - 2 + j;
          if (k >= 0 && k < 30) sum += w.value[static_cast<std::size_t>(j)] * c[static_cast<std::size_t>(k)];
        }
      }
      EXPECT_NEAR(exact, sum * width / steps, 1e-7 * width) << u << ' ' << width;
    }
}

TEST(Spline, CellsGiveTheirOverlap) {
  const auto row = cell_integrals(std::vector<double>{2.25}, 2, 5);  // [1.25, 3.25]
  EXPECT_EQ(row, (std::vector<double>{0, 0.25, 1, 0.75, 0}));
}
