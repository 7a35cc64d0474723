#include "tessera/pipeline/mosaic_geometry.h"

#include <gtest/gtest.h>

#include <cmath>

namespace {

using namespace tessera;

wcs::SkyWcs plane(double crpix1, double crpix2, double turn_deg = 0) {
  Header h;
  h.set("CTYPE1", std::string{"RA---TAN"});
  h.set("CTYPE2", std::string{"DEC--TAN"});
  h.set("CRVAL1", 20.0);
  h.set("CRVAL2", -40.0);
  h.set("CRPIX1", crpix1);
  h.set("CRPIX2", crpix2);
  h.set("CDELT1", -1.0 / 3600);
  h.set("CDELT2", 1.0 / 3600);
  h.set("CROTA2", turn_deg);
  return wcs::SkyWcs::from_header(h, "test");
}

/// A frame of 40 × 40 pixels that covers the grid's pixels [x, x + 40) × [y, y + 40).
bool meets(double x, double y, int margin) { return pipeline::meets(wcs::footprint(plane(50.5 - x, 50.5 - y), 40, 40), plane(50.5, 50.5), 100, 80, margin); }

TEST(MosaicGeometry, AsksForSoManyPixelsInsideTheGrid) {
  EXPECT_TRUE(meets(0, 0, 0));
  EXPECT_TRUE(meets(-39, 10, 0));
  EXPECT_FALSE(meets(-40, 10, 0));
  EXPECT_TRUE(meets(-29.9, 10, -10));
  EXPECT_FALSE(meets(-30.1, 10, -10));
  EXPECT_TRUE(meets(89.9, 69.9, -10));
  EXPECT_FALSE(meets(89.9, 70.1, -10));
  EXPECT_TRUE(meets(-49, 10, 10));
  EXPECT_FALSE(meets(20, 20, -40));  // nothing is left of 80 rows
}

TEST(MosaicGeometry, GoesByTheOutlineAndNotByItsBox) {
  // A square on its corner, right of the grid's upper right corner: the boxes overlap by 8 × 8 pixels, the outlines do not.
  const auto middle = plane(50.5, 50.5).pixel_to_sky({99.5 + 20, 79.5 + 20});
  const auto at = plane(20.5, 20.5, 45).sky_to_pixel(middle);
  const auto frame = plane(20.5 - (at.x - 19.5), 20.5 - (at.y - 19.5), 45);
  EXPECT_FALSE(pipeline::meets(wcs::footprint(frame, 40, 40), plane(50.5, 50.5), 100, 80, 0));
  EXPECT_TRUE(pipeline::meets(wcs::footprint(frame, 40, 40), plane(50.5, 50.5), 100, 80, 7));
}

TEST(MosaicGeometry, LeavesOutNothingThatIsNotKnown) {
  auto outline = wcs::footprint(plane(500, 500), 10, 10);
  EXPECT_FALSE(pipeline::meets(outline, plane(50.5, 50.5), 100, 80, 0));
  outline.border.push_back({200, 40});  // the other side of the sky has no place on the plane
  EXPECT_TRUE(pipeline::meets(outline, plane(50.5, 50.5), 100, 80, 0));
}

}  // namespace
