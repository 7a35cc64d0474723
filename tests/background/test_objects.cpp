#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "background/synthetic.h"

using namespace tessera;
using namespace tessera::background;
using namespace synthetic;

namespace {

double masked_fraction(const Image<std::uint8_t>& mask) {
  double n = 0;
  for (const auto m : mask.pixels()) n += m;
  return n / static_cast<double>(mask.box().area());
}

}  // namespace

TEST(MaskObjects, FindsABrightPixelAndItsEightNeighboursOnly) {
  auto frame = noise({0, 0, 64, 64}, 10, 0, 1, 1);  // no noise: nothing else can be found
  frame.value(20, 30) += 5;
  const auto mask = mask_objects(frame.view(), 1, {});
  for (int y = 0; y < 64; ++y)
    for (int x = 0; x < 64; ++x) EXPECT_EQ(mask(x, y), std::abs(x - 20) <= 1 && std::abs(y - 30) <= 1) << x << ' ' << y;
}

TEST(MaskObjects, FindsFaintPixelsAsWell) {
  auto frame = noise({0, 0, 64, 64}, 10, 0, 1, 1);
  frame.value(0, 0) -= 5;
  const auto mask = mask_objects(frame.view(), 1, {});
  EXPECT_TRUE(mask(0, 0) && mask(1, 0) && mask(0, 1) && mask(1, 1));
  EXPECT_DOUBLE_EQ(masked_fraction(mask), 4.0 / 4096);
}

TEST(MaskObjects, TakesTheScaleOfTheNoiseIntoAccount) {
  auto frame = noise({0, 0, 64, 64}, 10, 0, 1, 1);
  frame.value(20, 30) += 5;
  EXPECT_GT(masked_fraction(mask_objects(frame.view(), 1.6, {})), 0);
  EXPECT_EQ(masked_fraction(mask_objects(frame.view(), 1.7, {})), 0);
  EXPECT_GT(masked_fraction(mask_objects(frame.view(), std::numeric_limits<double>::quiet_NaN(), {})), 0) << "an unknown scale counts as 1";
}

TEST(MaskObjects, FollowsASlopedSky) {
  auto frame = noise({0, 0, 256, 256}, 0, 1, 1, 3);
  for (int y = 0; y < 256; ++y)
    for (int x = 0; x < 256; ++x) frame.value(x, y) += static_cast<float>(0.1 * x - 0.05 * y);
  // 0.27 % of pixels are noise beyond 3 σ, each grown to nine; the flat half cell at the border adds a little.
  EXPECT_LT(masked_fraction(mask_objects(frame.view(), 1, {})), 0.06);
}

TEST(MaskObjects, KeepsTheSkyWhenABrightStarFillsAMeshCell) {
  auto frame = noise({0, 0, 256, 256}, 100, 1, 1, 4);
  add_star(frame, 112, 112, 1e5, 14);
  const auto mask = mask_objects(frame.view(), 1, {});
  int missed = 0;
  for (int y = 96; y < 128; ++y)
    for (int x = 96; x < 128; ++x) missed += !mask(x, y);
  EXPECT_EQ(missed, 0);
  EXPECT_LT(masked_fraction(mask), 0.12);
}

TEST(MaskObjects, StandsLargeBadAreas) {
  auto frame = noise({0, 0, 200, 180}, 100, 1, 1, 5);
  for (int y = 0; y < 180; ++y)
    for (int x = 0; x < 150; ++x) set_bad(frame, x, y);
  const auto mask = mask_objects(frame.view(), 1, {});
  double n = 0;
  for (int y = 0; y < 180; ++y)
    for (int x = 151; x < 200; ++x) n += mask(x, y);
  EXPECT_LT(n / (180 * 49), 0.05);
}

TEST(MaskObjects, AcceptsFramesOfAnyShape) {
  for (const Box box : {Box{}, Box{5, 6, 6, 7}, Box{-3, 2, 400, 3}, Box{0, 0, 1, 300}, Box{10, 10, 27, 29}}) {
    const auto frame = noise(box, 1, 1, 1, 6);
    EXPECT_EQ(mask_objects(frame.view(), 1, {}).box(), box);
  }
  Frame bad{Box{0, 0, 64, 64}};
  EXPECT_EQ(masked_fraction(mask_objects(bad.view(), 1, {})), 0);
}

TEST(NoiseScale, IsOneForAPerfectNoiseModel) {
  double sum = 0;
  for (unsigned seed = 0; seed < 20; ++seed) {
    const auto frame = noise({0, 0, 256, 256}, 0.1, 0.02, 0.02, seed);
    const double scale = measure_noise(frame.view()).scale;
    EXPECT_NEAR(scale, 1, 0.03);
    sum += scale;
  }
  EXPECT_NEAR(sum / 20, 1, 0.008);
}

TEST(NoiseScale, FindsUncertaintiesThatAreWrongByAFactor) {
  for (const double factor : {0.1, 0.7, 3.0, 30.0})
    EXPECT_NEAR(measure_noise(noise({0, 0, 256, 256}, 5, 0.02 * factor, 0.02, 9).view()).scale / factor, 1, 0.03);
}

TEST(NoiseScale, IsNotMovedByStarsAndHits) {
  auto frame = noise({0, 0, 256, 256}, 5, 1, 1, 10);
  std::mt19937_64 random{11};
  std::uniform_real_distribution<double> place{0, 256}, decades{0, 4};
  for (int i = 0; i < 150; ++i) add_star(frame, place(random), place(random), std::pow(10, decades(random)), 1.6);
  for (int i = 0; i < 300; ++i) frame.value(static_cast<int>(place(random)), static_cast<int>(place(random))) += static_cast<float>(100 * decades(random));
  EXPECT_NEAR(measure_noise(frame.view()).scale, 1, 0.04);
}

TEST(NoiseScale, CountsNoiseThatNeighboursShare) {
  // Each pixel the mean of itself and its right neighbour, stated with the σ that one pixel then has.
  const auto raw = noise({0, 0, 257, 256}, 0, 1, 1, 12);
  auto frame = noise({0, 0, 256, 256}, 0, 0, std::sqrt(0.5), 0);
  for (int y = 0; y < 256; ++y)
    for (int x = 0; x < 256; ++x) frame.value(x, y) = 0.5f * (raw.value(x, y) + raw.value(x + 1, y));
  // 2 × 2 means: variance ½ (1 + ρ) σ² · ½ with ρ = ½ along rows.
  EXPECT_NEAR(measure_noise(frame.view()).scale, std::sqrt(1.5), 0.03);
}

TEST(NoiseScale, SamplesLargeFrames) {
  EXPECT_NEAR(measure_noise(noise({100, 200, 2148, 1900}, 5, 2, 1, 13).view()).scale, 2, 0.02);
  EXPECT_NEAR(measure_noise(noise({0, 0, 20000, 70}, 5, 2, 1, 14).view()).scale, 2, 0.06);
}

TEST(NoiseScale, IsUnknownOfASkyWithoutNoise) {
  EXPECT_TRUE(std::isnan(measure_noise(noise({0, 0, 128, 128}, 5, 0, 0.02, 17).view()).scale)) << "a simulation, or coarse integers";
  EXPECT_TRUE(std::isnan(measure_noise(noise({0, 0, 128, 128}, 5, 0.0001, 0.02, 18).view()).scale));
  EXPECT_NEAR(measure_noise(noise({0, 0, 128, 128}, 5, 0.001, 0.02, 19).view()).scale, 0.05, 0.005);
}

TEST(NoiseScale, IsUnknownWhenTooLittleIsLeft) {
  EXPECT_TRUE(std::isnan(measure_noise(noise({0, 0, 6, 6}, 0, 1, 1, 1).view()).scale));
  EXPECT_TRUE(std::isnan(measure_noise(Frame{Box{0, 0, 64, 64}}.view()).scale));
  EXPECT_TRUE(std::isnan(measure_noise(Frame{Box{}}.view()).scale));
  EXPECT_NEAR(measure_noise(noise({0, 0, 64, 64}, 0, 1, 1, 15).view()).scale, 1, 0.08) << "64 pixels a side are enough";
}

TEST(SkyVariance, IsThatOfTheSkyAndNotOfTheStars) {
  auto frame = noise({0, 0, 128, 128}, 5, 2, 2, 16);
  for (int k = 0; k < 6; ++k)
    for (int y = 0; y < 128; ++y)
      for (int x = 20 * k; x < 20 * k + 9; ++x) frame.value(x, y) += 1000, frame.variance(x, y) = 1000;
  EXPECT_FLOAT_EQ(static_cast<float>(measure_noise(frame.view()).sky_variance), 4.0f);
  EXPECT_TRUE(std::isnan(measure_noise(Frame{Box{0, 0, 8, 8}}.view()).sky_variance));
}

TEST(ObjectFinder, GivesTheMaskOfTheWholeFrameFromBandsOfAnyHeight) {
  auto frame = noise({0, 0, 150, 203}, 10, 1, 1, 9);
  for (int k = 0; k < 30; ++k) add_star(frame, 5 * k, 203 - 7 * k, 30, 2.5);
  for (int x = 0; x < 150; ++x) set_bad(frame, x, 77);
  const BackgroundOptions options;
  const auto whole = mask_objects(frame.view(), 1.1, options);
  // A copy of the rows that are asked for, and nothing else.
  Frame band;
  const FrameRows rows = [&](int y0, int y1) {
    band = Frame{Box{0, y0, 150, y1}};
    for (int y = y0; y < y1; ++y)
      for (int x = 0; x < 150; ++x) band.value(x, y) = frame.value(x, y), band.variance(x, y) = frame.variance(x, y), band.good(x, y) = frame.good(x, y);
    return band.view();
  };
  const ObjectFinder finder{frame.box(), 1.1, options, rows};
  for (const int height : {1, 7, 64, 203})
    for (int y = 0; y < 203; y += height) {
      const int end = std::min(203, y + height);
      const auto mask = finder.mask(y, end, rows);
      for (int j = y; j < end; ++j)
        for (int x = 0; x < 150; ++x) ASSERT_EQ(mask(x, j), whole(x, j)) << x << ' ' << j << " in bands of " << height;
    }
  EXPECT_GT(masked_fraction(whole), 0.01);
}

TEST(MeasureNoise, NeedsOnlyItsWindowsOfALargeFrame) {
  const auto frame = noise({0, 0, 900, 700}, 10, 2, 1.7, 4);
  std::vector<FrameView> windows;
  for (const Box& part : noise_windows(frame.box())) windows.push_back({frame.value.view().window(part), frame.variance.view().window(part), frame.good.view().window(part)});
  EXPECT_EQ(windows.size(), 16u);
  const auto whole = measure_noise(frame.view()), parts = measure_noise(windows);
  EXPECT_EQ(whole.scale, parts.scale);
  EXPECT_EQ(whole.sky_variance, parts.sky_variance);
}
