#include "tessera/instrument/pointing.h"

#include <cmath>

#include "instrument/support.h"

namespace tessera::instrument {
namespace {

using testing::HasSubstr;

Header turned(double turn_deg, bool with_cd) {
  Header h;
  h.set("CTYPE1", std::string{"RA---TAN"});
  h.set("CTYPE2", std::string{"DEC--TAN"});
  h.set("CRVAL1", 40.0);
  h.set("CRVAL2", -20.0);
  h.set("CRPIX1", 65.0);
  h.set("CRPIX2", 60.0);
  const double s = 1.2 / 3600, c = std::cos(turn_deg * M_PI / 180), t = std::sin(turn_deg * M_PI / 180);
  if (with_cd) {
    h.set("CD1_1", -s * c), h.set("CD1_2", -s * t), h.set("CD2_1", -s * t), h.set("CD2_2", s * c);
  } else {
    h.set("CDELT1", -s), h.set("CDELT2", s), h.set("CROTA2", turn_deg);
  }
  return h;
}

/// Position angle of +y at a pixel, north to east.
double position_angle(const wcs::SkyWcs& w, wcs::PixelPoint p) {
  const auto j = w.jacobian(p);
  return std::atan2(j[1], j[3]) * 180 / M_PI;
}

TEST(Pointing, TakesPlaceAndAngleAndKeepsTheScale) {
  for (const bool with_cd : {true, false}) {
    const auto before = wcs::SkyWcs::from_header(turned(30, with_cd), "a");
    ASSERT_NEAR(position_angle(before, {64, 59}), -30, 1e-9);
    const auto after = wcs::SkyWcs::from_header(with_pointing(turned(30, with_cd), {40.01, -20.02, -30.25}, "a"), "a");
    const auto at = after.pixel_to_sky({64, 59});
    EXPECT_NEAR(at.ra_deg, 40.01, 1e-12);
    EXPECT_NEAR(at.dec_deg, -20.02, 1e-12);
    EXPECT_NEAR(position_angle(after, {64, 59}), -30.25, 1e-6);
    EXPECT_NEAR(after.pixel_scale_arcsec({64, 59}), 1.2, 1e-9);
  }
}

TEST(Pointing, RefusesAnAngleThatIsNone) {
  const auto message = message_of<DataError>([] { with_pointing(turned(30, true), {40, -20, 30}, "a.fits"); });
  EXPECT_THAT(message, HasSubstr("a.fits"));
  EXPECT_THAT(message, HasSubstr("input.pointing = header"));
}

TEST(Pointing, OfIracFramesIsThatOfTheirCards) {
  REQUIRE_SHARED_DATA();
  InputOptions refined;
  refined.pointing = Pointing::refined;
  for (const char* name : {"ch1/SPITZER_I1_46291456_0056_0000_2_cbcd.fits", "ch2/SPITZER_I2_46291456_0010_0000_2_cbcd.fits"}) {
    const auto path = test::shared_data() / "spitzer_irac_grb120119a" / name;
    const auto a = open(path), b = open(path, refined);
    const wcs::PixelPoint reference{127, 127};
    const auto at = b.wcs.pixel_to_sky(reference);
    EXPECT_NEAR(at.ra_deg, b.header.number("RARFND").value(), 1e-10);
    EXPECT_NEAR(at.dec_deg, b.header.number("DECRFND").value(), 1e-10);
    EXPECT_NEAR(position_angle(b.wcs, reference), b.header.number("CT2RFND").value(), 1e-6);
    // The same camera: places relative to the reference pixel move by the turn alone, 2e-4 deg or less.
    const auto corner_a = a.wcs.pixel_to_sky({255, 255}), corner_b = b.wcs.pixel_to_sky({255, 255}), at_a = a.wcs.pixel_to_sky(reference);
    EXPECT_NEAR(corner_b.dec_deg - at.dec_deg, corner_a.dec_deg - at_a.dec_deg, 2e-7);
    EXPECT_GT(std::abs(at.dec_deg - at_a.dec_deg), 1e-6) << "and the refinement is not nothing";
  }
}

TEST(Pointing, AskedForInVainIsRefused) {
  const TemporaryFolder folder;
  InputOptions refined;
  refined.pointing = Pointing::refined;
  test::Hdu image;
  image.width = image.height = 4;
  image.pixels.assign(16, 1.0);
  image.text("CTYPE1", "RA---TAN").text("CTYPE2", "DEC--TAN").card("CRVAL1", "10.0").card("CRVAL2", "20.0").card("CRPIX1", "2.0").card("CRPIX2", "2.0").card("CDELT1", "-0.0003").card("CDELT2", "0.0003");
  test::write_fits(folder.path() / "a.fits", {image});
  EXPECT_THAT(message_of<DataError>([&] { open(folder.path() / "a.fits", refined); }), HasSubstr("no cards of a refined pointing"));
}

}  // namespace
}  // namespace tessera::instrument
