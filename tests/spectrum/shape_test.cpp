#include <gtest/gtest.h>

#include <algorithm>
#include <numbers>
#include <numeric>

#include "spectrum/cells.h"
#include "tessera/spectrum/sersic.h"
#include "tessera/spectrum/shape_response.h"

namespace tessera::spectrum {
namespace {

constexpr double pixel_deg = 6.15 / 3600;

TEST(Sersics, HalfTheLightLiesInsideTheEffectiveRadius) {
  EXPECT_NEAR(sersic_b(1), 1.6783469900166605, 1e-12);  // scipy.special.gammaincinv(2, .5)
  EXPECT_NEAR(sersic_b(4), 7.669249442500805, 1e-11);   // (8, .5)
  for (const double n : {.5, 1., 2.5, 6.}) EXPECT_NEAR(sersic_growth(n, 1), .5, 1e-12);
  EXPECT_NEAR(sersic_growth(1, 2), 1 - std::exp(-2 * sersic_b(1)) * (1 + 2 * sersic_b(1)), 1e-13);  // the exponential in closed form
}

TEST(Sersics, MixturesFollowTheCurveOfGrowth) {
  EXPECT_EQ(sersic_mixture(.5).size(), 1u);
  EXPECT_EQ(sersic_mixture(.5).front().variance, 1 / (2 * std::numbers::ln2));
  for (const double n : {.5, .55, .6, .63, .8, .95, 1., 1.04, 1.5, 2., 3.33, 4., 6.}) {
    const auto mixture = sersic_mixture(n);
    double total = 0, worst = 0;
    for (const auto& g : mixture) {
      EXPECT_GE(g.amplitude, 0);
      total += g.amplitude;
    }
    EXPECT_NEAR(total, 1, 1e-12);
    for (double r = .01; r < 50; r *= 1.05) {
      double sum = 0;
      for (const auto& g : mixture) sum -= g.amplitude * std::expm1(-r * r / (2 * g.variance));
      worst = std::max(worst, std::abs(sum - sersic_growth(n, r)));
    }
    EXPECT_LT(worst, 1e-3) << "n = " << n;
  }
}

TEST(Sersics, NonNegativeLeastSquaresLeavesOutWhatWouldBeNegative) {
  const std::vector<std::vector<double>> columns{{1, 0, 0}, {1, 1, 0}, {0, 1, 1}};
  const auto x = non_negative_least_squares(columns, {2, 1, -1});
  EXPECT_NEAR(x[0], 1, 1e-12);
  EXPECT_NEAR(x[1], 1, 1e-12);
  EXPECT_EQ(x[2], 0);
}

TEST(Shapes, TheMajorAxisLiesEastOfNorth) {
  // North up, east to the left: x falls with ξ. 30° east of north points up and to the left.
  const auto v = pixel_covariance({1, 6.15 * 2, .5, 30}, {-pixel_deg, 0, 0, pixel_deg});
  const double s = std::sin(std::numbers::pi / 6), c = std::cos(std::numbers::pi / 6);
  EXPECT_NEAR(v[0], 4 * (s * s + .25 * c * c), 1e-12);
  EXPECT_NEAR(v[2], 4 * (c * c + .25 * s * s), 1e-12);
  EXPECT_NEAR(v[1], -4 * .75 * s * c, 1e-12);
}

double at(const Stamp& s, int x, int y) {
  if (x < s.x0 || y < s.y0 || x >= s.x0 + s.width || y >= s.y0 + s.height) return 0;
  return s.values[static_cast<std::size_t>(y - s.y0) * static_cast<std::size_t>(s.width) + static_cast<std::size_t>(x - s.x0)];
}

/// The direct way: the profile as rings of equal light, each of them points all round, every point with the zone's response.
std::vector<double> by_points(const ZoneResponse& point, const SersicShape& shape, double x0, double y0, int side, int rings, int spokes) {
  std::vector<double> pixels(static_cast<std::size_t>(side) * static_cast<std::size_t>(side));
  const double angle = shape.angle_deg * std::numbers::pi / 180;
  double r = 1e-9;
  for (int k = 0; k < rings; ++k) {
    const double share = (k + .5) / rings;
    double low = r, high = std::max(2 * r, 1e-4);
    while (sersic_growth(shape.n, high) < share) high *= 1.5;
    for (int i = 0; i < 40; ++i) (sersic_growth(shape.n, (low + high) / 2) < share ? low : high) = (low + high) / 2;
    r = (low + high) / 2;
    const double a = r * shape.r_e_arcsec / 6.15, b = a * shape.axis_ratio;
    if (b > 40) break;
    for (int j = 0; j < spokes; ++j) {
      const double t = 2 * std::numbers::pi * (j + (k % 2) * .5) / spokes, u = a * std::cos(t), v = b * std::sin(t);  // along the major axis and across
      const double east = u * std::sin(angle) + v * std::cos(angle), north = u * std::cos(angle) - v * std::sin(angle);
      const double x = x0 - east, y = y0 + north;
      if (std::abs(x - x0) > side || std::abs(y - y0) > side) continue;
      const Stamp s = point.stamp(x, y);
      for (int py = std::max(0, s.y0); py < std::min(side, s.y0 + s.height); ++py)
        for (int px = std::max(0, s.x0); px < std::min(side, s.x0 + s.width); ++px) pixels[static_cast<std::size_t>(py * side + px)] += at(s, px, py) / (static_cast<double>(rings) * spokes);
    }
  }
  return pixels;
}

struct Differences {
  double light = 0, flux = 0, pixels = 0;  // of the cut-out; that a fit of the made stamp gives the direct one; pixel by pixel
};
Differences against_points(const ZoneResponse& point, const SersicShape& shape, double x, double y) {
  constexpr int side = 15;
  const Stamp made = ShapeMaker{point, 18}.stamp(shape, {-pixel_deg, 0, 0, pixel_deg}, x, y);
  const auto direct = by_points(point, shape, x, y, side, 300, 40);
  double sum = 0, truth = 0, cross = 0, squares = 0, away = 0;
  for (int py = 0; py < side; ++py)
    for (int px = 0; px < side; ++px) {
      const double m = at(made, px, py), d = direct[static_cast<std::size_t>(py * side + px)];
      sum += m, truth += d, cross += m * d, squares += m * m, away += std::abs(m - d);
    }
  return {sum / truth - 1, cross / squares - 1, away / truth};
}

void expect_three_per_mille(const ZoneResponse& point, const SersicShape& shape, double x, double y) {
  const auto d = against_points(point, shape, x, y);
  const auto name = ::testing::Message() << "n " << shape.n << ", R_e " << shape.r_e_arcsec << ", axis ratio " << shape.axis_ratio;
  EXPECT_NEAR(d.light, 0, 3e-3) << name;
  EXPECT_NEAR(d.flux, 0, 1e-3) << name;
  EXPECT_LT(d.pixels, 3e-3) << name;  // the rings' coarseness too
}

TEST(Shapes, AreTheConvolutionByPointsToThreePerMille) {
  const auto cells = moffat_cells(1.0);
  const auto point = ZoneResponse::from_cells(cells, 10, Placement::exact);
  for (const auto& shape : {SersicShape{.5, 1, 1, 0}, {.5, 20, .4, 70}, {.75, 5, .8, 0}, {1, 1.2, .3, -20}, {1, 19, .6, 120}, {2.5, 3, .5, 45}, {4, 2, 1, 0}, {4, 12, .7, 10}, {6, 1, .9, 0}, {6, 19.9, .5, 200}, {4, 19.9, .08, 50}})
    expect_three_per_mille(point, shape, 7.23, 6.61);
}

TEST(Shapes, FollowAnEvenGridAShiftAndAnEpsf) {
  const SersicShape shape{1.5, 4, .5, 30};
  expect_three_per_mille(ZoneResponse::from_cells(moffat_cells(.75, 100), 10, Placement::exact, -.05, .12), shape, 7.5, 6.02);
  const auto wide = moffat_cells(1.2, 33, 5);
  expect_three_per_mille(ZoneResponse::from_epsf(wide, 5), shape, 6.74, 7.31);
}

TEST(Shapes, KeepTheLightOfASmallSourceAndMoveByWholePixelsToTheBit) {
  const auto cells = moffat_cells(.8);
  const ShapeMaker maker{ZoneResponse::from_cells(cells, 10, Placement::exact), 18};
  const std::array<double, 4> jacobian{-pixel_deg, 0, 0, pixel_deg};
  const Stamp s = maker.stamp({.5, 5, .7, 60}, jacobian, 10.25, 20.75);
  EXPECT_NEAR(std::accumulate(s.values.begin(), s.values.end(), 0.), 1, 2e-6);
  EXPECT_EQ(s.x0, 10 - 18);
  EXPECT_EQ(s.y0, 21 - 18);
  EXPECT_EQ(maker.stamp({.5, 5, .7, 60}, jacobian, 110.25, 1020.75).values, s.values);
}

}  // namespace
}  // namespace tessera::spectrum
