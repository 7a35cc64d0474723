#include "tessera/instrument/inspect.h"

#include <cmath>

#include "instrument/support.h"

namespace tessera::instrument {
namespace {

using testing::HasSubstr;

TEST(Sexagesimal, IsRoundedWithoutSixties) {
  EXPECT_EQ(sexagesimal({120.036320246642, -9.06387408541353}), "08:00:08.717 -09:03:49.95");
  EXPECT_EQ(sexagesimal({0, 0}), "00:00:00.000 +00:00:00.00");
  EXPECT_EQ(sexagesimal({359.99999999, 89.99999999}), "00:00:00.000 +90:00:00.00");
  EXPECT_EQ(sexagesimal({14.99999999, -0.5}), "01:00:00.000 -00:30:00.00");
  EXPECT_EQ(sexagesimal({NAN, 0}), "not on the sky");
}

TEST(Inspect, AnIracFrameIsToldWithItsBits) {
  REQUIRE_SHARED_DATA();
  const auto s = inspect(test::shared_data() / "spitzer_irac_grb120119a/ch1/SPITZER_I1_46291456_0056_0000_2_cbcd.fits", {}, profiles());
  ASSERT_EQ(s.frames.size(), 1u);
  EXPECT_EQ(s.profile, "spitzer-irac");
  EXPECT_THAT(s.why, HasSubstr("INSTRUME = IRAC"));
  EXPECT_TRUE(s.refusal.empty());
  const auto& f = s.frames[0];
  EXPECT_EQ(f.wcs.projection, "TAN");
  EXPECT_TRUE(f.wcs.east_left);
  EXPECT_NEAR(f.wcs.center.ra_deg, 120.0363, 1e-3);
  EXPECT_NEAR(f.wcs.pixel_scale_arcsec, 1.2233, 2e-3);
  EXPECT_NEAR(std::abs(f.wcs.north_angle_deg), 76.75, 0.1);
  const auto mask = io::FitsFile{f.frame.mask->path}.read_bits(0);
  for (const auto& b : f.bits) {
    std::int64_t n = 0;
    for (const auto v : mask.pixels()) n += (v >> b.bit.bit) & 1u;
    EXPECT_EQ(b.pixels, n) << b.bit.name;
    EXPECT_EQ(b.fatal, b.bit.bit == 3 || (b.bit.bit >= 8 && b.bit.bit <= 14));
  }
  EXPECT_GT(f.good_fraction, 0.9);
  EXPECT_NEAR(f.median, 0.085, 0.02);
  EXPECT_NEAR(f.sigma_median, 0.019, 0.002);
}

TEST(Inspect, AFileThatIsNoFrameIsToldAsFarAsItGoes) {
  REQUIRE_SHARED_DATA();
  const auto sigma = inspect(test::shared_data() / "spitzer_irac_grb120119a/ch1/SPITZER_I1_46291456_0056_0000_2_cbunc.fits", {}, profiles());
  EXPECT_THAT(sigma.refusal, HasSubstr("promises a mask"));
  ASSERT_TRUE(sigma.wcs);
  EXPECT_EQ(sigma.wcs->distortion, "SIP");
  const auto table = inspect(test::shared_data() / "decam_bok_mosaic_cutouts/testcase3/tycho2.kd.fits", {}, profiles());
  EXPECT_FALSE(table.refusal.empty());
  EXPECT_FALSE(table.wcs);
  EXPECT_GT(table.hdus.size(), 1u);
}

TEST(Inspect, EveryFileOfTheSharedDataIsDescribedOrRefusedInOneLine) {
  REQUIRE_SHARED_DATA();
  int described = 0, refused = 0;
  for (const auto& e : fs::recursive_directory_iterator(test::shared_data())) {
    const std::string name = e.path().string();
    if (!e.is_regular_file() || name.find("spitzer_irac_grb") != std::string::npos || e.file_size() > 3'000'000) continue;
    if (name.find(".fits") == std::string::npos && name.find(".mt") == std::string::npos) continue;
    try {
      const auto s = inspect(e.path(), {}, profiles());
      EXPECT_TRUE(s.frames.empty() == !s.refusal.empty()) << name;
      EXPECT_EQ(s.refusal.find('\n'), std::string::npos) << name;
      ++described;
    } catch (const DataError& error) {
      EXPECT_THAT(error.what(), HasSubstr(e.path().filename().string()));
      EXPECT_EQ(std::string{error.what()}.find('\n'), std::string::npos) << name;
      ++refused;
    }
  }
  EXPECT_GT(described, 100);
  EXPECT_LT(refused, 20);
}

}  // namespace
}  // namespace tessera::instrument
