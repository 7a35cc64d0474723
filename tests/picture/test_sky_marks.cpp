#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>

#include "tessera/picture/sky_marks.h"
#include "tessera/wcs/grid.h"

using namespace tessera;
using namespace tessera::picture;

namespace {

void expect_direction(const Direction& d, double x, double y) {
  EXPECT_NEAR(d.x, x, 1e-9);
  EXPECT_NEAR(d.y, y, 1e-9);
}

}  // namespace

TEST(Compass, HasEastOnTheLeftWhenNorthIsUp) {
  const auto c = compass({-1e-4, 0, 0, 1e-4});
  ASSERT_TRUE(c);
  expect_direction(c->north, 0, 1);
  expect_direction(c->east, -1, 0);
}

TEST(Compass, TurnsWithTheImageAndFollowsItsParity) {
  for (const double parity : {-1.0, 1.0})
    for (int degrees = 0; degrees < 360; degrees += 15) {
      const double a = degrees * std::numbers::pi / 180;
      // North lies at angle a from +x; east a quarter turn on, to the side the parity says. ξ = p·east, η = p·north.
      const double nx = std::cos(a), ny = std::sin(a), ex = -parity * std::sin(a), ey = parity * std::cos(a);
      const auto c = compass({2e-4 * ex, 2e-4 * ey, 2e-4 * nx, 2e-4 * ny});
      ASSERT_TRUE(c);
      expect_direction(c->north, nx, ny);
      expect_direction(c->east, ex, ey);
    }
}

TEST(Compass, PointsAlongThePixelStepForSkewedAxes) {
  const std::array<double, 4> j{-2, 0.5, 0.3, 1};
  const auto c = compass(j);
  ASSERT_TRUE(c);
  EXPECT_NEAR(j[0] * c->north.x + j[1] * c->north.y, 0, 1e-12) << "a step to the north does not move east";
  EXPECT_GT(j[2] * c->north.x + j[3] * c->north.y, 0);
  EXPECT_NEAR(j[2] * c->east.x + j[3] * c->east.y, 0, 1e-12);
  EXPECT_GT(j[0] * c->east.x + j[1] * c->east.y, 0);
}

TEST(Compass, IsAbsentWhereTheSkyIs) {
  EXPECT_FALSE(compass({NAN, 0, 0, 1}));
  EXPECT_FALSE(compass({1, 2, 2, 4}));
  EXPECT_FALSE(compass({0, 0, 0, 0}));
}

TEST(Compass, AgreesWithTheSkyAroundTheCentreOfARotatedGrid) {
  wcs::Grid grid;
  grid.crval1_deg = 40, grid.crval2_deg = 60;
  grid.crpix1 = grid.crpix2 = 50.5;
  grid.cdelt1_deg = -3e-4, grid.cdelt2_deg = 3e-4, grid.crota2_deg = 33;
  grid.width = grid.height = 100;
  const auto wcs = grid.wcs();
  const auto c = compass(wcs.jacobian({49.5, 49.5}));
  ASSERT_TRUE(c);
  const auto step = [&](double dra, double ddec) {
    const auto p = wcs.sky_to_pixel({40 + dra, 60 + ddec});
    const double dx = p.x - 49.5, dy = p.y - 49.5;
    return Direction{dx / std::hypot(dx, dy), dy / std::hypot(dx, dy)};
  };
  const auto north = step(0, 1e-4), east = step(1e-4, 0);
  EXPECT_NEAR(c->north.x, north.x, 1e-4);
  EXPECT_NEAR(c->north.y, north.y, 1e-4);
  EXPECT_NEAR(c->east.x, east.x, 1e-4);
  EXPECT_NEAR(c->east.y, east.y, 1e-4);
}

TEST(ScaleBar, IsTheLongestRoundAngleThatFits) {
  const auto label = [](double longest) { return scale_bar(longest).label; };
  EXPECT_EQ(label(44), "30″");
  EXPECT_EQ(label(30), "30″");
  EXPECT_EQ(label(59.9), "30″");
  EXPECT_EQ(label(60), "1′");
  EXPECT_EQ(label(150), "2′");
  EXPECT_EQ(label(3599), "30′");
  EXPECT_EQ(label(3600), "1°");
  EXPECT_EQ(label(1e7), "90°");
  EXPECT_EQ(label(0.7), "0.5″");
  EXPECT_EQ(label(0.013), "0.01″");
  EXPECT_EQ(label(0), "");
  EXPECT_EQ(label(NAN), "");
  for (double longest = 1e-3; longest < 3e5; longest *= 1.07) {
    const auto bar = scale_bar(longest);
    EXPECT_LE(bar.arcsec, longest * (1 + 1e-8));
    EXPECT_GE(bar.arcsec, 0.39 * longest);
  }
}

TEST(Positions, AreWrittenSexagesimal) {
  EXPECT_EQ(right_ascension_text(120.03), "08h00m07.2s");
  EXPECT_EQ(right_ascension_text(359.99999), "00h00m00.0s") << "rounded over the turn, never 60.0s";
  EXPECT_EQ(right_ascension_text(-90), "18h00m00.0s");
  EXPECT_EQ(declination_text(-9.08), "−09°04′48″");
  EXPECT_EQ(declination_text(-0.5), "−00°30′00″");
  EXPECT_EQ(declination_text(89.99999), "+90°00′00″");
  EXPECT_EQ(declination_text(-0.00001), "+00°00′00″");
}

TEST(Angles, AreWrittenInAFittingUnit) {
  EXPECT_EQ(angle_text(1.2), "1.2″");
  EXPECT_EQ(angle_text(541), "9.02′");
  EXPECT_EQ(angle_text(9000), "2.5°");
}
