#include "tessera/detect/noise_map.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "tessera/base/error.h"

using namespace tessera;

namespace {

Image<float> noise_image(int width, int height, double left, double right, unsigned seed) {
  std::mt19937 random{seed};
  std::normal_distribution<double> normal;
  Image<float> image{width, height};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) image(x, y) = static_cast<float>((left + (right - left) * x / width) * normal(random));
  return image;
}

}  // namespace

TEST(NoiseMap, IsTheSigmaOfNormalNoiseWhereItIs) {
  const auto map = detect::noise_map(noise_image(512, 256, 1, 3, 1), {64, 64});
  // The lesser of two widths from 16 384 pixels of normal noise: 1.3 % each, and a little low.
  for (const int x : {32, 128, 256, 384, 480}) EXPECT_NEAR(map(x, 128) / (1 + 2 * x / 512.0), 1, 0.05) << x;
}

TEST(NoiseMap, IsHardlyMovedBySources) {
  Image<float> image = noise_image(256, 256, 1, 1, 2);
  for (int y = 8; y < 256; y += 16)
    for (int x = 8; x < 256; x += 16)
      for (int j = -2; j <= 2; ++j)
        for (int i = -2; i <= 2; ++i) image(std::min(255, x + i), std::min(255, y + j)) += 50;  // a tenth of the pixels
  // Median and lower percentile move by 0.12 σ each to the same side.
  EXPECT_NEAR(detect::noise_map(image, {64, 64})(128, 128), 1, 0.1);
}

TEST(NoiseMap, FillsWhatHasNoPixelsFromTheNearestAndIsNotANumberWithoutAny) {
  Image<float> image = noise_image(256, 128, 2, 2, 3);
  for (int y = 0; y < 128; ++y)
    for (int x = 128; x < 256; ++x) image(x, y) = std::nanf("");
  EXPECT_NEAR(detect::noise_map(image, {32, 32})(250, 64), 2, 0.2);
  EXPECT_TRUE(std::isnan(detect::noise_map(Image<float>{64, 64, std::nanf("")}, {16, 16})(5, 5)));
  EXPECT_TRUE(detect::noise_map(Image<float>{}, {16, 16}).empty());
  EXPECT_THROW(detect::noise_map(image, {4, 4}), UsageError);
}

TEST(NoiseMap, WindowsMayBeWiderThanTall) {
  // Noise that grows downwards: windows of few rows follow it, tall ones mix it.
  Image<float> image = noise_image(256, 256, 1, 1, 4);
  for (int y = 128; y < 256; ++y)
    for (int x = 0; x < 256; ++x) image(x, y) *= 4;
  const auto flat = detect::noise_map(image, {.cell_x = 128, .cell_y = 16}), tall = detect::noise_map(image, {.cell_x = 16, .cell_y = 128});
  EXPECT_NEAR(flat(100, 90), 1, 0.1);
  EXPECT_NEAR(flat(100, 170), 4, 0.4);
  EXPECT_GT(tall(100, 90), 1.5);
}

TEST(NoiseMap, WindowsNeedTheGoodPixelsThatAreAskedFor) {
  Image<float> image = noise_image(64, 32, 1, 1, 5);
  for (int y = 0; y < 32; ++y)
    for (int x = 32; x < 64; ++x) image(x, y) = (x + y) % 8 == 0 ? 10 * image(x, y) : std::nanf("");
  EXPECT_GT(detect::noise_map(image, {8, 8, 20})(55, 16), 4) << "windows of 16 x 16 pixels have 32 good ones";
  EXPECT_LT(detect::noise_map(image, {8, 8, 60})(55, 16), 4) << "the nearest window that has 60";
}
