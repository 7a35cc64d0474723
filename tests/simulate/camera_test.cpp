#include "tessera/simulate/camera.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "tessera/simulate/stack.h"
#include "tessera/wcs/separation.h"

using namespace tessera;
using namespace tessera::simulate;

namespace {

using Vector = std::array<double, 3>;
Vector unit(wcs::SkyPoint p) {
  const double r = std::numbers::pi / 180;
  return {std::cos(p.dec_deg * r) * std::cos(p.ra_deg * r), std::cos(p.dec_deg * r) * std::sin(p.ra_deg * r), std::sin(p.dec_deg * r)};
}
Vector minus(const Vector& a, const Vector& b) { return {a[0] - b[0], a[1] - b[1], a[2] - b[2]}; }
/// Area of a small quadrilateral on the unit sphere: half the cross product of its diagonals (chords), good to the square of its size.
double quad_area(const Vector& a, const Vector& b, const Vector& c, const Vector& d) {
  const Vector p = minus(c, a), q = minus(d, b);
  const Vector n{p[1] * q[2] - p[2] * q[1], p[2] * q[0] - p[0] * q[2], p[0] * q[1] - p[1] * q[0]};
  return 0.5 * std::sqrt(n[0] * n[0] + n[1] * n[1] + n[2] * n[2]);
}

wcs::SkyWcs wcs_of(const Camera& c, wcs::SkyPoint at = {120, -9}, double pa = -76.75) {
  return wcs::SkyWcs::from_header(wcs_header(c, at, pa), "test");
}

}  // namespace

TEST(Camera, PresetsHaveTheirSizesAndAnyOfTheirValuesMayBeSet) {
  const Camera irac = make_camera({});
  EXPECT_EQ(irac.width, 256);
  EXPECT_DOUBLE_EQ(irac.pixel_scale_arcsec, 1.22);
  EXPECT_DOUBLE_EQ(irac.fwhm_pix, 1.4);
  EXPECT_EQ(make_camera({.preset = Preset::spherex}).width, 2048);
  EXPECT_DOUBLE_EQ(make_camera({.preset = Preset::spherex}).pixel_scale_arcsec, 6.15);
  EXPECT_EQ(make_camera({.preset = Preset::roman}).height, 4088);
  const Camera own = make_camera({.width = 100, .height = 50, .pixel_scale_arcsec = 3, .gain = 2});
  EXPECT_EQ(own.width, 100);
  EXPECT_EQ(own.height, 50);
  EXPECT_DOUBLE_EQ(own.gain, 2);
  EXPECT_DOUBLE_EQ(own.exposure_s, irac.exposure_s);
}

TEST(Camera, ElectronsFollowTheIracFormula) {
  EXPECT_DOUBLE_EQ(make_camera({}).electrons_per_mjysr(), 93.6 * 3.7 / 0.1257);
}

TEST(Camera, RefusesWhatNoTangentPlaneHolds) {
  EXPECT_THROW(make_camera({.width = 4000, .pixel_scale_arcsec = 600}), UsageError);
  EXPECT_THROW(make_camera({.sip_order = 1}), UsageError);
}

TEST(SolidAngle, EqualsTheAreaOfThePixelsCornersOnTheSky) {
  for (const int order : {0, 3, 5}) {
    const Camera c = make_camera({.sip_order = order});
    const Image<double> omega = solid_angle_sr(c);
    const wcs::SkyWcs sky = wcs_of(c);
    for (const auto& [x, y] : {std::pair{0, 0}, {255, 0}, {127, 127}, {30, 200}, {255, 255}}) {
      const auto corner = [&](double dx, double dy) { return unit(sky.pixel_to_sky(wcs::PixelPoint{x + dx, y + dy})); };
      const double area = quad_area(corner(-.5, -.5), corner(.5, -.5), corner(.5, .5), corner(-.5, .5));
      EXPECT_NEAR(omega(x, y) / area, 1, 3e-7) << order << ' ' << x << ' ' << y;
      EXPECT_NEAR(omega(x, y) / sky.pixel_area_sr({double(x), double(y)}), 1, 1e-6) << order << ' ' << x << ' ' << y;
    }
  }
}

TEST(SolidAngle, OfAPlainTangentPlaneIsCosineCubed) {
  const Camera c = make_camera({.preset = Preset::spherex, .sip_order = 0});
  const Image<double> omega = solid_angle_sr(c);
  const double s = 6.15 / 3600 * std::numbers::pi / 180;
  const double r = s * std::hypot(1 - c.crpix1(), 1 - c.crpix2());
  EXPECT_NEAR(omega(0, 0), s * s * std::pow(std::cos(std::atan(r)), 3), 1e-12 * s * s);
}

TEST(SolidAngle, VariesByFourPerCentOverAnIracLikeFieldOfAnySize) {
  for (const int size : {128, 256, 1024}) {
    const Camera c = make_camera({.width = size, .height = size, .pixel_scale_arcsec = 1.22 * 256 / size});
    const Image<double> omega = solid_angle_sr(c);
    const auto [low, high] = std::minmax_element(omega.pixels().begin(), omega.pixels().end());
    EXPECT_NEAR(*high / *low - 1, 0.04, 0.015) << size;
  }
}

TEST(Distortion, TheInversePolynomialUndoesTheForwardOneToAHundredthOfAPixel) {
  for (const auto preset : {Preset::irac, Preset::spherex}) {
    const Camera c = make_camera({.preset = preset});
    const auto value = [](const SipPolynomial& s, double u, double v) {
      double sum = 0;
      for (int p = 0; p < 6; ++p)
        for (int q = 0; p + q < 6; ++q) sum += s.c[p][q] * std::pow(u, p) * std::pow(v, q);
      return sum;
    };
    double worst = 0, largest = 0;
    for (int i = -8; i <= 8; ++i)
      for (int j = -8; j <= 8; ++j) {
        const double u = i * c.width / 16.0, v = j * c.height / 16.0;
        const double fu = value(c.a, u, v), fv = value(c.b, u, v);
        largest = std::max({largest, std::abs(fu), std::abs(fv)});
        worst = std::max({worst, std::abs(fu + value(c.ap, u + fu, v + fv)), std::abs(fv + value(c.bp, u + fu, v + fv))});
      }
    EXPECT_LT(worst, preset == Preset::irac ? 0.01 : 0.08);
    EXPECT_GT(largest, c.width / 256.0);  // more than a pixel in 256, as in IRAC
  }
}

TEST(WcsHeader, PointsTheYAxisAtThePositionAngle) {
  const Camera c = make_camera({.sip_order = 0});
  for (const double pa : {-76.75, 0.0, 30.0, 170.0}) {
    const wcs::SkyWcs sky = wcs_of(c, {200, 40}, pa);
    const wcs::SkyPoint centre = sky.pixel_to_sky(wcs::PixelPoint{c.crpix1() - 1, c.crpix2() - 1});
    EXPECT_NEAR(centre.ra_deg, 200, 1e-9);
    EXPECT_NEAR(centre.dec_deg, 40, 1e-9);
    const wcs::SkyPoint up = sky.pixel_to_sky(wcs::PixelPoint{c.crpix1() - 1, c.crpix2() + 9});
    const wcs::SkyPoint expected = displaced({200, 40}, std::atan(12.2 / 3600 * std::numbers::pi / 180) * 180 / std::numbers::pi, pa);
    EXPECT_LT(separation_deg(up, expected) * 3600, 1e-6) << pa;
    EXPECT_TRUE(sky.flipped({127, 127}));  // east is left of north
  }
}

TEST(Displaced, KeepsDistanceAndDirectionUpToThePoles) {
  for (const wcs::SkyPoint from : {wcs::SkyPoint{10, 0}, {0.001, -60}, {359.9, 89.9}, {40, -90}})
    for (const double pa : {0.0, 77.0, 181.0, -20.0}) {
      const wcs::SkyPoint to = displaced(from, 0.3, pa);
      EXPECT_NEAR(separation_deg(from, to), 0.3, 1e-12);
      EXPECT_TRUE(to.ra_deg >= 0 && to.ra_deg <= 360);
    }
  EXPECT_NEAR(displaced({10, 0}, 1, 90).ra_deg, 11, 1e-12);
  EXPECT_NEAR(displaced({10, 0}, 1, 0).dec_deg, 1, 1e-12);
}
