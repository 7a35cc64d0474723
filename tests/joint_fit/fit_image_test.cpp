#include "tessera/joint_fit/fit_image.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

using namespace tessera;
using namespace tessera::joint_fit;

TEST(FluxUnit, FollowsTheImages) {
  EXPECT_EQ(flux_unit("MJy/sr").name, "uJy");
  EXPECT_EQ(flux_unit("electron/s/arcsec2").name, "electron/s");
  EXPECT_EQ(flux_unit("DN").area, FluxUnit::Area::pixel);
}

TEST(SmoothNoise, SplitsSkyAndPhotonsWhateverThePlaneWasMadeFrom) {
  // Sky variance 4 in one frame, photons 0.5 per value; 4 frames left, 1 frame right. The plane is made from the noisy values.
  std::mt19937 random{5};
  std::normal_distribution<float> normal;
  Frame frame{Box{0, 0, 200, 200}};
  Image<float> coverage{frame.box()};
  Image<std::uint8_t> sources{frame.box()};
  for (int y = 0; y < 200; ++y)
    for (int x = 0; x < 200; ++x) {
      coverage(x, y) = x < 100 ? 4 : 1;
      const float star = 400 * std::exp(-0.1F * static_cast<float>((x % 50 - 25) * (x % 50 - 25) + (y % 50 - 25) * (y % 50 - 25)));
      sources(x, y) = star > 0.01F;
      const float sigma = std::sqrt((4 + 0.5F * star) / coverage(x, y));
      frame.value(x, y) = star + sigma * normal(random);
      frame.variance(x, y) = std::max(1.0F, 4 + 0.5F * frame.value(x, y)) / coverage(x, y);
      frame.good(x, y) = 1;
    }
  frame.variance(60, 60) = 100;  // a noisy pixel keeps its own
  frame.good(10, 10) = 0, frame.value(10, 10) = 0, frame.variance(10, 10) = 0;
  Image<float> sky, photons;
  smooth_noise(frame.view(), coverage, sources, sky, photons);
  EXPECT_NEAR(sky(50, 3), 1, 0.05);
  EXPECT_NEAR(sky(150, 3), 4, 0.2);
  EXPECT_NEAR(photons(50, 50), 0.125, 0.01);
  EXPECT_NEAR(photons(150, 50), 0.5, 0.04);
  EXPECT_EQ(sky(60, 60), 100);
  EXPECT_EQ(sky(10, 10), 0);
}

TEST(FitImage, CutsHaveAllModelsOffButTheirOwn) {
  FitImage image;
  const Box box{0, 0, 6, 6};
  image.value = Image<float>{box, 10.0F};
  image.variance = Image<float>{box, 2.0F};
  image.photons = Image<float>{box, 0.5F};
  image.model = Image<float>{box, 8.0F};
  image.good = Image<std::uint8_t>{box, 1};
  image.good(3, 3) = 0;
  const Box part{2, 2, 5, 5};
  const Image<float> own{part, 3.0F};
  const Frame cut = image.cut(part, own);
  EXPECT_EQ(cut.value(2, 2), 5);
  EXPECT_EQ(cut.variance(2, 2), 6);
  EXPECT_EQ(cut.good(3, 3), 0);
  EXPECT_EQ(cut.variance(3, 3), 0);
}
