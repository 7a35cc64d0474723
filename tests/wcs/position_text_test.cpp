#include "tessera/wcs/position_text.h"

#include <gtest/gtest.h>

using namespace tessera;

TEST(PositionText, ReadsDegreesAndParts) {
  for (const auto* text : {"188.7375,-1.5", "188.7375 -1.5", "12:34:57 -01:30:00", "12h34m57s,-01d30m00s", " 12:34:57,  -1:30 "}) {
    const auto p = wcs::parse_position(text);
    ASSERT_TRUE(p) << text;
    EXPECT_NEAR(p->ra_deg, 188.7375, 1e-9) << text;
    EXPECT_NEAR(p->dec_deg, -1.5, 1e-9) << text;
  }
  EXPECT_NEAR(wcs::parse_position("0:0:36,-0:30:00")->dec_deg, -0.5, 1e-12);
}

TEST(PositionText, RefusesWhatIsNone) {
  for (const auto* text : {"", "12", "nine,2", "12,91", "361,0", "12:61:00,3", "1,2,3", "nan,2", "mosaic.fits"}) EXPECT_FALSE(wcs::parse_position(text)) << text;
}
