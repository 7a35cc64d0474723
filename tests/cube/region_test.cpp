#include "tessera/cube/region.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "tessera/base/error.h"
#include "tessera/cube/target.h"

namespace tessera::cube {
namespace {

/// Crossings of a ray to the right: the plain way.
bool inside(const std::vector<double>& x, const std::vector<double>& y, double px, double py) {
  bool in = false;
  for (std::size_t i = 0, j = x.size() - 1; i < x.size(); j = i++)
    if ((y[i] > py) != (y[j] > py) && px < (x[j] - x[i]) * (py - y[i]) / (y[j] - y[i]) + x[i]) in = !in;
  return in;
}

TEST(Regions, PolygonsAreCutExactlyAlsoHollowOnes) {
  const std::vector<double> x{1.2, 7.7, 6.1, 8.3, 2.4, 3.9}, y{.7, 1.9, 4.2, 8.1, 7.4, 3.3};  // with two corners that point inwards
  constexpr int fine = 60;
  double all = 0;
  for (int py = 0; py < 10; ++py)
    for (int px = 0; px < 10; ++px) {
      int hits = 0;
      for (int j = 0; j < fine; ++j)
        for (int i = 0; i < fine; ++i) hits += inside(x, y, px - .5 + (i + .5) / fine, py - .5 + (j + .5) / fine);
      const double area = polygon_overlap(x, y, px - .5, px + .5, py - .5, py + .5);
      EXPECT_NEAR(area, hits / double{fine * fine}, .02) << px << ' ' << py;  // an edge crosses at most two rows of points
      all += area;
    }
  double shoelace = 0;
  for (std::size_t i = 0; i < x.size(); ++i) shoelace += x[i] * y[(i + 1) % x.size()] - x[(i + 1) % x.size()] * y[i];
  EXPECT_NEAR(all, std::abs(shoelace) / 2, 1e-12);
}

TEST(Regions, LieWhereTheSkySays) {
  const auto grid = target_grid({150, 60}, {.center = {}, .size = "5m", .rotation_deg = 25, .pixel_arcsec = 10});
  const auto sky = grid.wcs();
  const Box image{0, 0, 30, 30};
  const auto sum = [](const Region& r) { return std::accumulate(r.part.pixels().begin(), r.part.pixels().end(), 0.0); };
  const auto at = sky.pixel_to_sky(wcs::PixelPoint{7.3, 21.6});
  EXPECT_EQ(pixel_region(sky, image, at).part.box(), (Box{7, 22, 8, 23}));
  const auto circle = circle_region(sky, image, at, 42);
  EXPECT_NEAR(sum(circle), M_PI * 4.2 * 4.2, 1e-4);
  EXPECT_FALSE(circle.cut);
  EXPECT_TRUE(circle_region(sky, image, at, 90).cut);
  EXPECT_THROW(circle_region(sky, image, {151, 61}, 10), UsageError);
  EXPECT_THROW(pixel_region(sky, image, {330, -60}), UsageError);
  const auto corner = [&](double x, double y) { return sky.pixel_to_sky(wcs::PixelPoint{x, y}); };
  const auto square = polygon_region(sky, image, {corner(3.25, 4.5), corner(8.25, 4.5), corner(8.25, 7.5), corner(3.25, 7.5)});
  EXPECT_NEAR(sum(square), 15, 1e-6);
  EXPECT_NEAR(square.part(3, 5), .25, 1e-6);
}

TEST(Regions, PolygonsAreReadFromText) {
  EXPECT_EQ(parse_polygon("1,2  3,4 10:00:00,-5", "x").size(), 3u);
  EXPECT_NEAR(parse_polygon("1,2 3,4 10:00:00,-5", "x")[2].ra_deg, 150, 1e-9);
  EXPECT_THROW(parse_polygon("1,2 3,4", "x"), UsageError);
  EXPECT_THROW(parse_polygon("1,2 3,4 five", "x"), UsageError);
}

}  // namespace
}  // namespace tessera::cube
