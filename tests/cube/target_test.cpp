#include "tessera/cube/target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tessera/base/error.h"

namespace tessera::cube {
namespace {

using testing::HasSubstr;

template <class F>
std::string refusal(F call) {
  try {
    call();
  } catch (const UsageError& e) {
    return e.what();
  }
  return "nothing was thrown";
}

TEST(Target, SizesAreMinutesOfArcUnlessTheySayOtherwise) {
  EXPECT_DOUBLE_EQ(parse_angle_deg("15", "x"), .25);
  EXPECT_DOUBLE_EQ(parse_angle_deg(" 30s", "x"), 30 / 3600.0);
  EXPECT_DOUBLE_EQ(parse_angle_deg("2.5d", "x"), 2.5);
  EXPECT_DOUBLE_EQ(parse_angle_deg("6'", "x"), .1);
  for (const char* no : {"", "s", "-1", "0", "nan", "inf", "3x"}) EXPECT_THAT(refusal([&] { parse_angle_deg(no, "grid.size"); }), HasSubstr("grid.size")) << no;
}

TEST(Target, TheCentreIsTheMiddleAndUpIsTurnedEastOfNorth) {
  TargetOptions options{.center = {}, .size = "10m,4m", .rotation_deg = 40, .pixel_arcsec = 8};
  const auto grid = target_grid({150, 20}, options);
  EXPECT_EQ(grid.width, 75);
  EXPECT_EQ(grid.height, 30);
  const auto sky = grid.wcs();
  const auto middle = sky.pixel_to_sky(wcs::PixelPoint{37, 14.5});
  EXPECT_NEAR(middle.ra_deg, 150, 1e-12);
  EXPECT_NEAR(middle.dec_deg, 20, 1e-12);
  const auto up = sky.pixel_to_sky(wcs::PixelPoint{37, 15.5});
  EXPECT_NEAR(std::atan2((up.ra_deg - 150) * std::cos(20 * M_PI / 180), up.dec_deg - 20) * 180 / M_PI, 40, 1e-3);
  options.size = "1s";
  EXPECT_EQ(target_grid({150, 20}, options).width, 1);
  options.size = "41d";
  EXPECT_THAT(refusal([&] { target_grid({0, 0}, options); }), HasSubstr("at most 40"));
}

TEST(Target, ChannelsByNumberAndByWavelength) {
  const auto numbers = [](const ChannelOptions& o) {
    std::vector<int> all;
    for (const auto& c : wanted_channels(spherex::ChannelTable::builtin(), o)) all.push_back(c.channel);
    return all;
  };
  EXPECT_EQ(numbers({}).size(), 102u);
  EXPECT_THAT(numbers({.channels = "3, 5-6,3"}), testing::ElementsAre(3, 5, 6));
  EXPECT_THAT(numbers({.wavelengths = {"1.10-1.12"}}), testing::ElementsAre(17, 18));  // the bands of two detectors overlap here
  EXPECT_THAT(numbers({.wavelengths = {"1.10-1.12"}, .channels = "18-40"}), testing::ElementsAre(18));
  EXPECT_THAT(refusal([&] { numbers({.wavelengths = {"1.10-1.12"}, .channels = "40"}); }), HasSubstr("no channel"));
  for (const char* no : {"0", "103", "5-3", "1-2-3", "x"}) EXPECT_THAT(refusal([&] { numbers({.channels = no}); }), HasSubstr("from 1 to 102")) << no;
}

}  // namespace
}  // namespace tessera::cube
