#include "tessera/background/smooth_sky.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

using namespace tessera;

namespace {

template <class F>
Frame frame_of(int width, int height, F value) {
  Frame f{Box{0, 0, width, height}};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) f.value(x, y) = static_cast<float>(value(x, y)), f.variance(x, y) = 1, f.good(x, y) = 1;
  return f;
}

template <class F>
double worst(const Image<float>& sky, int border, F truth) {
  double most = 0;
  for (int y = border; y < sky.box().height() - border; ++y)
    for (int x = border; x < sky.box().width() - border; ++x) most = std::max(most, std::abs(static_cast<double>(sky(x, y)) - truth(x, y)));
  return most;
}

}  // namespace

TEST(SmoothSky, GivesPlanesBackAndFollowsNebulaeOfAFewCells) {
  const auto plane = [](int x, int y) { return 5 + 0.01 * x - 0.02 * y; };
  EXPECT_LT(worst(background::smooth_sky(frame_of(250, 170, plane).view(), 24), 0, plane), 0.02);  // cells are of 24 and 25 pixels
  // A Gaussian of full width 3 cells.
  const auto nebula = [](int x, int y) { return 100 * std::exp(-2.7726 * ((x - 130.0) * (x - 130.0) + (y - 121.0) * (y - 121.0)) / (75.0 * 75.0)); };
  EXPECT_LT(worst(background::smooth_sky(frame_of(256, 256, nebula).view(), 24), 24, nebula), 2.5);
}

TEST(SmoothSky, StarsHolesAndBadPixelsDoNotMoveIt) {
  std::mt19937 random{2};
  std::normal_distribution<float> normal;
  Frame f = frame_of(240, 240, [&](int, int) { return 10 + normal(random); });
  for (int k = 0; k < 80; ++k) {
    const int cx = static_cast<int>(random() % 240U), cy = static_cast<int>(random() % 240U);
    for (int y = std::max(0, cy - 2); y < std::min(240, cy + 3); ++y)
      for (int x = std::max(0, cx - 2); x < std::min(240, cx + 3); ++x) f.value(x, y) += 500;
  }
  for (int y = 60; y < 140; ++y)
    for (int x = 60; x < 140; ++x) f.good(x, y) = 0, f.value(x, y) = NAN;
  const auto sky = background::smooth_sky(f.view(), 24);
  EXPECT_LT(worst(sky, 0, [](int, int) { return 10; }), 1.0);
  for (auto& g : f.good.pixels()) g = 0;
  EXPECT_EQ(background::smooth_sky(f.view(), 24)(7, 7), 0);
  EXPECT_EQ(background::smooth_sky(frame_of(1, 1, [](int, int) { return 3; }).view(), 24)(0, 0), 3);
}
