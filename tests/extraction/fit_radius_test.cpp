// Windows of single detections: where their light meets the noise (MOPEX guide 6.5.15, figure 6.2).
#include "tessera/extraction/fit_radius.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tessera/base/error.h"
#include "tessera/extraction/detection_list.h"

namespace tessera::extraction {
namespace {

/// A star that falls off linearly: value 10 − distance per axis, sigma 4 everywhere, so that it meets the noise 6 pixels away.
Image<float> pyramid(int side, int x0, int y0) {
  Image<float> image{side, side};
  for (int y = 0; y < side; ++y)
    for (int x = 0; x < side; ++x) image(x, y) = static_cast<float>(10 - std::abs(x - x0) - std::abs(y - y0));
  return image;
}

}  // namespace

TEST(FitRadius, IsTwiceTheNearerCrossing) {
  Image<float> value = pyramid(41, 20, 20), sigma{Box{0, 0, 41, 41}, 4.0F};
  EXPECT_EQ(fit_radius(value, sigma, 20, 20, 41), (std::pair{13, 13})) << "12 pixels, held by an odd side";
  value(23, 20) = 0;  // to the right the light ends after two pixels and 3/7: 2 × 2.43 is held by 5
  EXPECT_EQ(fit_radius(value, sigma, 20, 20, 41), (std::pair{5, 13}));
  EXPECT_EQ(fit_radius(value, sigma, 20, 20, 7), (std::pair{5, 7})) << "no wider than the response";
}

TEST(FitRadius, EndsAtBadPixelsAndEdgesAndIsNeverLessThanThree) {
  Image<float> value = pyramid(41, 2, 20), sigma{Box{0, 0, 41, 41}, 4.0F};
  EXPECT_EQ(fit_radius(value, sigma, 2, 20, 41).first, 5) << "2.5 pixels to the edge";
  sigma(2, 22) = 0;
  EXPECT_EQ(fit_radius(value, sigma, 2, 20, 41).second, 3);
  EXPECT_EQ(fit_radius(value, sigma, 30, 20, 41), (std::pair{3, 3})) << "below the noise";
  EXPECT_EQ(fit_radius(value, sigma, 99, 20, 41), (std::pair{3, 3})) << "beyond the image";
}

TEST(FitRadius, BrightDetectionsHaveWiderWindows) {
  Found found;
  found.frame = Frame{Box{0, 0, 60, 30}};
  found.sources = Image<std::uint8_t>{found.frame.box()};
  for (int y = 0; y < 30; ++y)
    for (int x = 0; x < 60; ++x) {
      const auto star = [&](double x0, double peak) { return peak * std::exp(-(std::pow(x - x0, 2) + std::pow(y - 15, 2)) / 4.5); };
      found.frame.value(x, y) = static_cast<float>(5 + star(15, 10) + star(45, 1000)), found.frame.variance(x, y) = 0.25F, found.frame.good(x, y) = 1;
      found.sources(x, y) = std::hypot(x - 15, y - 15) < 12 || std::hypot(x - 45, y - 15) < 12;
    }
  for (const double x : {15.2, 45.2, 45.2}) {
    Detection d;
    d.x = x, d.y = 15;
    found.detections.push_back(d);
  }
  found.detections[2].fit_x = 7, found.detections[2].fit_y = 9;
  measure_fit_radii(found, Image<float>{found.frame.box(), 4.0F}, 41);  // the noise is that of one of four frames: 1
  EXPECT_EQ(found.detections[0].fit_x, 7) << "10 exp(-x²/4.5) = 1 at 3.2 pixels";
  EXPECT_EQ(found.detections[1].fit_x, 13) << "1000 exp(-x²/4.5) = 1 at 5.6 pixels";
  EXPECT_EQ(found.detections[1].fit_y, 13);
  EXPECT_EQ(found.detections[2].fit_x, 7) << "as the table says";
}

TEST(DetectionList, ReadsMopexsTableFromOne) {
  Table t;
  t.add("srcid", std::vector<std::int64_t>{1, 2});
  t.add("x", std::vector<double>{11.5, 20});
  t.add("y", std::vector<double>{1, 30.25});
  t.add("flux", std::vector<double>{5, 6});
  t.add("BlendId", std::vector<std::int64_t>{0, 3});
  t.add("BlendSize", std::vector<std::int64_t>{0, 2});
  t.add("FitX", std::vector<std::int64_t>{5, 8});
  t.add("FitY", std::vector<std::int64_t>{7, 1});
  const auto list = read_detections(t, "a.tbl");
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[0].x, 10.5);
  EXPECT_EQ(list[0].y, 0);
  EXPECT_EQ(list[1].centroid_y, 29.25);
  EXPECT_EQ(list[1].brightest, 6);
  EXPECT_EQ(list[1].blend, 3);
  EXPECT_EQ(list[0].blend_size, 1);
  EXPECT_EQ(list[1].blend_size, 2);
  EXPECT_EQ(list[0].fit_x, 5);
  EXPECT_EQ(list[1].fit_x, 9) << "odd";
  EXPECT_EQ(list[1].fit_y, 3);
}

TEST(DetectionList, RefusesWhatHasNoPlaces) {
  Table t;
  t.add("ra", std::vector<double>{11.5});
  EXPECT_THROW(read_detections(t, "a.tbl"), DataError);
  t.add("x", std::vector<double>{NAN});
  t.add("y", std::vector<double>{1});
  EXPECT_THROW(read_detections(t, "a.tbl"), DataError);
}

}  // namespace tessera::extraction
