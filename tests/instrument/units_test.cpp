#include "tessera/instrument/units.h"

#include <gtest/gtest.h>

#include <numbers>

namespace tessera::instrument {
namespace {

using Kind = Unit::Kind;

TEST(Units, ASquareArcsecondIsItsSolidAngle) {
  const double arcsec = std::numbers::pi / 648000;
  EXPECT_NEAR(arcsec2_in_sr / (arcsec * arcsec), 1, 1e-15);
}

TEST(Units, SurfaceBrightnessBecomesMegajanskyPerSteradian) {
  EXPECT_EQ(parse_unit("MJy/sr").factor, 1);
  EXPECT_EQ(parse_unit("MJY/SR ").factor, 1);
  EXPECT_DOUBLE_EQ(parse_unit("Jy/sr").factor, 1e-6);
  EXPECT_DOUBLE_EQ(parse_unit("kJy sr-1").factor, 1e-3);
  for (const char* s : {"uJy/arcsec2", "uJy/arcsec^2", "uJy/arcsec**2", "\u00b5Jy arcsec-2", "uJy / sq arcsec"}) {
    EXPECT_EQ(parse_unit(s).kind, Kind::surface_brightness) << s;
    EXPECT_NEAR(parse_unit(s).factor, 0.0425451703, 1e-10) << s;  // 10⁻¹² MJy over (π/648000)² sr
  }
  EXPECT_NEAR(parse_unit("mJy/arcsec2").factor, 42.5451703, 1e-7);
}

TEST(Units, MilliAndMegaAreNotOneThing) {
  EXPECT_DOUBLE_EQ(parse_unit("mJy/sr").factor, 1e-9);
  EXPECT_DOUBLE_EQ(parse_unit("MJy/sr").factor, 1);
}

TEST(Units, FluxPerPixelIsKnownByAnyName) {
  for (const char* s : {"Jy/pixel", "Jy/pix", "Jy pixel-1"}) {
    EXPECT_EQ(parse_unit(s).kind, Kind::flux_per_pixel) << s;
    EXPECT_DOUBLE_EQ(parse_unit(s).factor, 1e-6) << s;
    EXPECT_FALSE(parse_unit(s).assumed_per_pixel) << s;
  }
  EXPECT_TRUE(parse_unit("nJy").assumed_per_pixel);
  EXPECT_DOUBLE_EQ(parse_unit("nJy").factor, 1e-15);
}

TEST(Units, CountsAreNamedInOneWay) {
  EXPECT_EQ(parse_unit("ELECTRONS").name, "electron");
  EXPECT_EQ(parse_unit("ELECTRONS/S").name, "electron/s");
  EXPECT_EQ(parse_unit("e-/s").name, "electron/s");
  EXPECT_EQ(parse_unit("counts/s").name, "count/s");
  EXPECT_EQ(parse_unit("ADU").name, "adu");
  EXPECT_EQ(parse_unit("DN/s").name, "DN/s");
  EXPECT_EQ(parse_unit("electron/s/pixel").name, "electron/s");
  EXPECT_EQ(parse_unit("electron/pixel/s").name, "electron/s");
  EXPECT_TRUE(parse_unit("counts/s").per_second);
  EXPECT_EQ(parse_unit("nanomaggies").kind, Kind::counts_per_pixel);
}

TEST(Units, WhatIsUnknownStaysAsItStands) {
  for (const char* s : {"JY/BEAM", "W/m^2-sr", "10**(-6)counts/s", "mag", "", "erg/s/cm2/A", "TJy/sr"}) {
    EXPECT_EQ(parse_unit(s).kind, Kind::other) << s;
    EXPECT_EQ(parse_unit(s).name, s);
    EXPECT_EQ(parse_unit(s).factor, 1);
  }
}

}  // namespace
}  // namespace tessera::instrument
