#include "tessera/background/frame_sky.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "background/synthetic.h"
#include "tessera/background/objects.h"
#include "tessera/background/significance.h"
#include "tessera/base/error.h"

using namespace tessera;
using namespace tessera::background;
using namespace synthetic;

namespace {

constexpr Box box{0, 0, 70, 60};

FrameSkyOptions window(SkyMethod method) {
  FrameSkyOptions o;
  o.method = method;
  o.window_x = 11, o.window_y = 9, o.dropped = 20;
  return o;
}

/// The guide's words: the window's pixels sorted, the brightest left out, the median of the rest.
float slow_median(const Frame& frame, int x, int y, const FrameSkyOptions& o) {
  std::vector<float> values;
  for (int v = y - o.window_y / 2; v <= y + (o.window_y - 1) / 2; ++v)
    for (int u = x - o.window_x / 2; u <= x + (o.window_x - 1) / 2; ++u)
      if (box.contains(u, v) && frame.good(u, v)) values.push_back(frame.value(u, v));
  std::sort(values.begin(), values.end());
  const double share = static_cast<double>(o.dropped) / (o.window_x * o.window_y);
  values.resize(values.size() - static_cast<std::size_t>(std::floor(share * static_cast<double>(values.size()))));
  const auto n = values.size();
  return n % 2 ? values[n / 2] : static_cast<float>((static_cast<double>(values[n / 2 - 1]) + static_cast<double>(values[n / 2])) / 2);
}

}  // namespace

TEST(FrameSky, IsTheMedianOfAWindowOfGoodPixelsWithoutItsBrightest) {
  auto frame = noise(box, 10, 1, 1, 3);
  for (int y = 20; y < 30; ++y) frame.good(33, y) = 0, frame.value(33, y) = 1e6f;
  const auto options = window(SkyMethod::median);
  const auto sky = frame_sky(frame.view(), options);
  for (int y = box.y0; y < box.y1; ++y)
    for (int x = box.x0; x < box.x1; ++x) {
      if (frame.good(x, y)) ASSERT_EQ(sky(x, y), slow_median(frame, x, y, options)) << x << ' ' << y;
      else ASSERT_TRUE(std::isnan(sky(x, y)));
    }
}

TEST(FrameSky, FollowsTheSkyWithEveryMethod) {
  // A tilt of 2 across the frame under noise of 0.1: panels and windows see it to their size, the mesh to its slope.
  auto frame = noise(box, 10, 0.1, 0.1, 4);
  for (int y = box.y0; y < box.y1; ++y)
    for (int x = box.x0; x < box.x1; ++x) frame.value(x, y) += 2.0f * static_cast<float>(x) / 70;
  for (const auto method : {SkyMethod::mesh, SkyMethod::median, SkyMethod::panels}) {
    auto options = window(method);
    options.dropped = 0;
    const auto sky = frame_sky(frame.view(), options);
    for (const int x : {12, 35, 58}) EXPECT_NEAR(sky(x, 30), 10 + 2.0 * x / 70, 0.15) << static_cast<int>(method) << ' ' << x;
  }
}

TEST(FrameSky, IsWhatObjectsStandOn) {
  auto frame = noise(box, 10, 0, 1, 1);
  frame.value(40, 30) += 5;
  frame.good(10, 10) = 0;
  for (const auto method : {SkyMethod::mesh, SkyMethod::median, SkyMethod::panels}) {
    const auto options = window(method);
    const auto significance = background::significance(frame.view(), 1, options);
    EXPECT_FLOAT_EQ(significance(40, 30), 5);
    EXPECT_EQ(significance(10, 10), 0) << "a bad pixel is no detection";
    const auto mask = mask_objects(frame.view(), 1, {}, options);
    EXPECT_EQ(std::count(mask.pixels().begin(), mask.pixels().end(), 1), 9);
  }
}

TEST(FrameSky, RefusesAWindowOfWhichNothingIsLeft) {
  auto options = window(SkyMethod::median);
  options.dropped = 99;
  EXPECT_THROW(check(options), UsageError);
  options.method = SkyMethod::panels;
  EXPECT_NO_THROW(check(options));
}
