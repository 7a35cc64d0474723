#include "instrument/support.h"

namespace tessera::instrument {
namespace {

using testing::HasSubstr;

TEST(ExposureCard, TakesThePlaceOfTheProfiles) {
  const TemporaryFolder folder;
  test::Hdu image;
  image.width = image.height = 4;
  image.pixels.assign(16, 1.0);
  image.text("CTYPE1", "RA---TAN").text("CTYPE2", "DEC--TAN").card("CRVAL1", "10.0").card("CRVAL2", "20.0").card("CRPIX1", "2.0").card("CRPIX2", "2.0").card("CDELT1", "-0.0003").card("CDELT2", "0.0003");
  image.card("EXPTIME", "30.0").card("FRAMTIME", "12.0").card("NOTIME", "0.0");
  test::write_fits(folder.path() / "a.fits", {image});
  InputOptions options;
  EXPECT_EQ(open(folder.path() / "a.fits", options).exposure_s, 30);
  options.exposure_card = "FRAMTIME";
  EXPECT_EQ(open(folder.path() / "a.fits", options).exposure_s, 12);
  options.exposure_card = "NOTIME";
  EXPECT_THAT(message_of<DataError>([&] { open(folder.path() / "a.fits", options); }), HasSubstr("not positive"));
  options.exposure_card = "NOWHERE";
  EXPECT_THAT(message_of<DataError>([&] { open(folder.path() / "a.fits", options); }), HasSubstr("NOWHERE"));
}

}  // namespace
}  // namespace tessera::instrument
