#include "tessera/picture/lupton.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace {

using tessera::picture::LuptonScale;

std::vector<int> shown(float r, float g, float b, const LuptonScale& scale) {
  const std::vector<float> red{r}, green{g}, blue{b};
  std::vector<std::uint8_t> rgb(3);
  tessera::picture::lupton({red, green, blue}, scale, rgb);
  return {rgb.begin(), rgb.end()};
}

TEST(Lupton, IsItsFormula) {
  const LuptonScale scale{{1, 2, 3}, {1, 0.5, 2}, 4, 6};
  const double r = 1.5, g = 0.5 * 2.5, b = 2 * 0.25, mean = (r + g + b) / 3;
  const double f = 25.5 * std::asinh(6 * mean / 4) / std::asinh(0.6) / mean;
  EXPECT_EQ(shown(2.5F, 4.5F, 3.25F, scale), (std::vector<int>{static_cast<int>(r * f), static_cast<int>(g * f), static_cast<int>(b * f)}));
}

TEST(Lupton, KeepsTheColourOfWhatIsTooBright) {
  const LuptonScale scale;
  const auto bright = shown(4e6F, 2e6F, 1e6F, scale);
  EXPECT_NEAR(bright[0], 255, 1);
  EXPECT_NEAR(bright[1], 127, 1);
  EXPECT_NEAR(bright[2], 63, 1);
}

TEST(Lupton, ShowsNothingWhereNothingIs) {
  EXPECT_EQ(shown(NAN, NAN, NAN, {}), (std::vector<int>{0, 0, 0}));
  EXPECT_EQ(shown(-5, -1, 3, {}), (std::vector<int>{0, 0, 0}));                       // fainter than the sky on the whole
  EXPECT_EQ(shown(NAN, 6, 6, {})[0], 0);
  EXPECT_EQ(shown(NAN, 6, 6, {}), shown(0, 6, 6, {}));
  EXPECT_EQ(shown(-3, 9, 9, {})[0], 0);
}

}  // namespace
