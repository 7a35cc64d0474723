#include "tessera/background/running_median.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace {

using namespace tessera;
using namespace tessera::background;

Image<float> noisy(int width, int height, std::uint32_t seed) {
  std::mt19937 random{seed};
  Image<float> image{width, height};
  for (float& v : image.pixels()) {
    v = static_cast<float>(static_cast<int>(random() % 61)) / 8;  // with ties
    if (random() % 11 == 0) v = NAN;
  }
  return image;
}

/// The definition, written out.
float direct(const Image<float>& image, int x, int y, const WindowOptions& o) {
  std::vector<float> values;
  for (int v = y - o.height / 2; v <= y + (o.height - 1) / 2; ++v)
    for (int u = x - o.width / 2; u <= x + (o.width - 1) / 2; ++u)
      if (image.box().contains(u, v) && std::isfinite(image(u, v))) values.push_back(image(u, v));
  std::sort(values.begin(), values.end());
  const auto n = static_cast<std::int64_t>(values.size());
  const auto kept = static_cast<std::size_t>(n - static_cast<std::int64_t>(std::floor(static_cast<double>(o.dropped) / (o.width * o.height) * static_cast<double>(n))));
  return kept % 2 ? values[kept / 2] : static_cast<float>((static_cast<double>(values[kept / 2 - 1]) + static_cast<double>(values[kept / 2])) / 2);
}

TEST(RunningMedian, IsItsDefinition) {
  for (const WindowOptions o : {WindowOptions{5, 5, 0}, WindowOptions{7, 3, 4}, WindowOptions{4, 6, 10}, WindowOptions{1, 1, 0}, WindowOptions{45, 45, 500}, WindowOptions{3, 90, 269}}) {
    const auto image = noisy(53, 41, 5);
    Image<float> out{image.box()};
    running_median(image.view(), o, out);
    for (int y = 0; y < 41; ++y)
      for (int x = 0; x < 53; ++x) {
        if (std::isnan(image(x, y))) { EXPECT_TRUE(std::isnan(out(x, y))); continue; }
        ASSERT_EQ(out(x, y), direct(image, x, y, o)) << x << " " << y << " window " << o.width << " " << o.height;
      }
  }
}

TEST(RunningMedian, DoesNotKnowItsBlock) {
  const auto image = noisy(130, 90, 9);
  const WindowOptions o{9, 15, 20};
  Image<float> whole{image.box()};
  running_median(image.view(), o, whole);
  for (const Box block : {Box{0, 0, 64, 64}, Box{64, 0, 128, 64}, Box{128, 64, 130, 90}, Box{31, 17, 99, 83}}) {
    const Box needed = intersection(Box{block.x0 - 4, block.y0 - 7, block.x1 + 4, block.y1 + 7}, image.box());
    Image<float> part{block};
    running_median(image.view().window(needed), o, part);
    for (int y = block.y0; y < block.y1; ++y)
      for (int x = block.x0; x < block.x1; ++x) ASSERT_TRUE(part(x, y) == whole(x, y) || (std::isnan(part(x, y)) && std::isnan(whole(x, y))));
  }
}

TEST(RunningMedian, SeesThroughStarsThatFillLessThanItDrops) {
  Image<float> image{60, 60, 1.0F};
  for (int y = 25; y < 35; ++y)
    for (int x = 25; x < 35; ++x) image(x, y) = 100;
  Image<float> out{image.box()};
  running_median(image.view(), {15, 15, 112}, out);  // at most 100 of 225 are bright
  for (const float v : out.pixels()) EXPECT_EQ(v, 1.0F);
}

}  // namespace
