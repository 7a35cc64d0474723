#include "tessera/background/panels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace {

using tessera::background::Panels;

std::vector<float> sky_of(const std::vector<std::vector<float>>& image, int panel, int filter) {
  const int height = static_cast<int>(image.size()), width = static_cast<int>(image[0].size());
  Panels panels{width, height, panel, panel};
  for (int y = 0; y < height; ++y) panels.add_row(y, image[static_cast<std::size_t>(y)]);
  panels.finish(filter);
  std::vector<float> all, row(image[0].size());
  for (int y = 0; y < height; ++y) {
    panels.sky(y, row);
    all.insert(all.end(), row.begin(), row.end());
  }
  return all;
}

TEST(Panels, GiveBackASlopeBetweenTheirCentres) {
  std::vector<std::vector<float>> image(100, std::vector<float>(130));
  for (int y = 0; y < 100; ++y)
    for (int x = 0; x < 130; ++x) image[static_cast<std::size_t>(y)][static_cast<std::size_t>(x)] = static_cast<float>(0.5 * x - 0.25 * y);
  const auto sky = sky_of(image, 10, 1);
  for (int y = 6; y < 94; ++y)
    for (int x = 6; x < 124; ++x) ASSERT_NEAR(sky[static_cast<std::size_t>(y * 130 + x)], 0.5 * x - 0.25 * y, 1e-4);
}

TEST(Panels, DoNotSeeStarsOrHoles) {
  std::mt19937 random{3};
  std::normal_distribution<float> noise{5, 0.1F};
  std::vector<std::vector<float>> image(96, std::vector<float>(96));
  for (auto& row : image)
    for (float& v : row) v = noise(random);
  for (int y = 30; y < 38; ++y)
    for (int x = 30; x < 38; ++x) image[static_cast<std::size_t>(y)][static_cast<std::size_t>(x)] = 500;
  for (int y = 0; y < 40; ++y)
    for (int x = 60; x < 96; ++x) image[static_cast<std::size_t>(y)][static_cast<std::size_t>(x)] = NAN;
  for (const int filter : {1, 3}) {
    const auto sky = sky_of(image, 16, filter);
    // The mode of 256 pixels has an error of 0.1 √(2.5² π/2 + 1.5² − 2·2.5·1.5) / 16 = 0.013; four of them stand for a place.
    for (const float v : sky) EXPECT_NEAR(v, 5, 0.06);
  }
}

TEST(Panels, ModeIsTheFormulaOfItsPaper) {
  std::vector<float> even{1, 2, 3, 4, 5, 6, 7.2F};  // mean 4.0286, median 4, σ 2.0: not crowded
  EXPECT_NEAR(Panels::mode(even), 2.5 * 4 - 1.5 * (28.2 / 7), 1e-6);
  std::vector<float> crowded{1, 1, 1, 1, 5, 5, 5};  // mean and median differ by 0.87 σ
  EXPECT_EQ(Panels::mode(crowded), 1);
  std::vector<float> same(9, 2.5F), none;
  EXPECT_EQ(Panels::mode(same), 2.5);
  EXPECT_TRUE(std::isnan(Panels::mode(none)));
}

}  // namespace
