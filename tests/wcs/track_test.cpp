#include "tessera/wcs/track.h"

#include <gtest/gtest.h>

#include <cmath>

#include "headers.h"
#include "tessera/base/error.h"

namespace {

using namespace tessera;
using namespace tessera::wcs;

double apart_arcsec(SkyPoint a, SkyPoint b) {
  const double mean = (a.dec_deg + b.dec_deg) / 2 * M_PI / 180;
  return 3600 * std::hypot(std::remainder(a.ra_deg - b.ra_deg, 360) * std::cos(mean), a.dec_deg - b.dec_deg);
}

/// An orbit with parallax: a drift and a circle of 20″ in 0.3 days; crosses RA 0 near the middle.
SkyPoint object(double mjd) {
  const double t = mjd - 60000;
  return {std::fmod(360 + 0.2 * (t - 1) + 20.0 / 3600 * std::cos(t * 20.9), 360), 65 - 0.3 * t + 20.0 / 3600 * std::sin(t * 20.9)};
}

Track track(double step) {
  std::vector<double> mjd;
  std::vector<SkyPoint> at;
  for (double t = 60002; t >= 60000 - 1e-9; t -= step) mjd.push_back(t), at.push_back(object(t));
  return {mjd, at, "track"};
}

TEST(Track, FollowsAnEphemerisToTheErrorOfItsCubic) {
  double previous = 0;
  for (const double step : {1.0 / 48, 1.0 / 96}) {
    const Track t = track(step);
    double worst = 0;
    for (double mjd = 60000.05; mjd < 60001.95; mjd += 0.00317) worst = std::max(worst, apart_arcsec(*t.at(mjd), object(mjd)));
    // 3/128 h⁴ |d⁴|, the fourth derivative being 20″ · 20.9⁴
    EXPECT_LT(worst, 1.1 * 3.0 / 128 * std::pow(step * 20.9, 4) * 20);
    if (previous > 0) { EXPECT_NEAR(previous / worst, 16, 3); }
    previous = worst;
  }
}

TEST(Track, IsExactInItsRowsAndEndsWithThem) {
  const Track t = track(0.125);
  EXPECT_EQ(t.at(60000)->ra_deg, object(60000).ra_deg);
  EXPECT_FALSE(t.at(59999.999));
  EXPECT_FALSE(t.at(t.end() + 1e-6));
  EXPECT_FALSE(t.at(NAN));
  EXPECT_TRUE(Track({60000.0}, {{1, 2}}, "one").at(60000));
}

TEST(Track, RefusesWhatIsNoTrack) {
  EXPECT_THROW(Track({}, {}, "none"), DataError);
  EXPECT_THROW(Track({1, 1}, {{0, 0}, {1, 1}}, "twice"), DataError);
  EXPECT_THROW(Track({1, NAN}, {{0, 0}, {1, 1}}, "nan"), DataError);
  EXPECT_THROW(Track({1, 2}, {{0, 0}, {1, 91}}, "pole"), DataError);
}

TEST(CarriedSky, TakesTheObjectAndNorthAlong) {
  const auto before = SkyWcs::from_header(wcs_tests::sip(359.99, 71, 33), "frame");
  const SkyPoint from{0.01, 71.02}, to{0.35, 70.2};
  const auto after = before.carried(from, to);
  const auto pixel = before.sky_to_pixel(from), again = after.sky_to_pixel(to);
  EXPECT_NEAR(pixel.x, again.x, 1e-8);
  EXPECT_NEAR(pixel.y, again.y, 1e-8);
  EXPECT_NEAR(before.north_angle_deg(pixel), after.north_angle_deg(pixel), 1e-6);
  EXPECT_NEAR(before.pixel_area_sr(pixel), after.pixel_area_sr(pixel), 1e-9 * before.pixel_area_sr(pixel));
  // A turn keeps every distance, here to the opposite corner.
  const SkyPoint a = before.pixel_to_sky({3, 250}), b = after.pixel_to_sky({3, 250});
  const auto distance = [](SkyPoint p, SkyPoint q) {
    const double d = M_PI / 180, s = std::pow(std::sin((p.dec_deg - q.dec_deg) / 2 * d), 2) + std::cos(p.dec_deg * d) * std::cos(q.dec_deg * d) * std::pow(std::sin((p.ra_deg - q.ra_deg) / 2 * d), 2);
    return 2 * std::asin(std::sqrt(s)) / d * 3600;
  };
  EXPECT_NEAR(distance(a, from), distance(b, to), 1e-6);
  // And the way back is the way forth.
  const auto home = after.carried(to, from).pixel_to_sky({3, 250});
  EXPECT_NEAR(home.ra_deg, a.ra_deg, 1e-10);
  EXPECT_NEAR(home.dec_deg, a.dec_deg, 1e-10);
}

}  // namespace
