#include "tessera/coadd/clipped.h"

#include <gtest/gtest.h>

#include <cmath>

#include "coadd/stacks.h"
#include "tessera/coadd/scatter.h"
#include "tessera/coadd/sums.h"

namespace tessera::coadd {
namespace {

struct Clipped {
  Image<float> mosaic, uncertainty, coverage, exposure;
  long left_out = 0;
};
Clipped clipped_mean(std::vector<Resampled>& stack, const CoaddOptions& options = {}, float steep = 0) {
  const Box box = stack.front().box();
  Clipped c{Image<float>{box}, Image<float>{box}, Image<float>{box}, Image<float>{box}};
  const Image<float> gradient{box, steep};
  c.left_out = clip(views(stack), gradient, options);
  Sums sums;
  sums.reset(box);
  for (auto& r : stack) sums.add(r.view(), 1, 10, 0, 1);
  sums.finish(0, c.mosaic, c.uncertainty, c.coverage, c.exposure);
  return c;
}
std::size_t left(std::vector<float> values, float steep = 0) {
  auto stack = pixel(values, std::vector<float>(values.size(), 1));
  clip(views(stack), Image<float>{Box{0, 0, 1, 1}, steep}, {});
  std::size_t kept = 0;
  for (auto& r : stack) kept += r.coverage(0, 0) > 0;
  return kept;
}

TEST(Clip, LeavesOutWhatStandsOut) {
  auto stack = pixel({1, 2, 1.5F, 40, 1}, {1, 1, 1, 1, 1});
  const auto c = clipped_mean(stack);
  EXPECT_EQ(c.left_out, 1);
  EXPECT_FLOAT_EQ(c.mosaic(0, 0), 5.5F / 4);
  EXPECT_FLOAT_EQ(c.uncertainty(0, 0), 0.5F);
  EXPECT_EQ(c.coverage(0, 0), 4);
  EXPECT_EQ(c.exposure(0, 0), 40);
}

TEST(Clip, AsksThreeValuesAtLeastAndNeverLeavesOutAll) {
  EXPECT_EQ(left({0, 1000}), 2U);
  EXPECT_EQ(left({0, 1000, 0}), 2U);
  EXPECT_EQ(left({0, 0, 1000, 1000}), 2U);     // two hits among four
  EXPECT_EQ(left({0, 0, 0, 1000, 1000, 1000}), 6U);  // half and half: nobody knows
  EXPECT_EQ(left({0, 500, 1000}), 1U);
}

TEST(Clip, GrantsStarsAPartOfTheirGradient) {
  EXPECT_EQ(left({0, 0, 20}), 2U);
  EXPECT_EQ(left({0, 0, 20}, 30), 3U);
  EXPECT_EQ(left({0, 0, 0, 0, 20}), 4U);
  EXPECT_EQ(left({0, 0, 0, 0, 20}, 30), 4U);   // half of it where the scatter counts
  EXPECT_EQ(left({0, 0, 0, 0, 20}, 50), 5U);
}

TEST(Clip, FindsHitsAtDepthFiveAndKeepsTheSkyUnbiasedWithHonestErrors) {
  const Box box{0, 0, 200, 200};
  for (const std::size_t depth : {3, 4, 5, 9}) {
    auto stack = noisy_sky(box, std::vector<float>(depth, 0.1F), 3, 17);
    for (int i = 0; i < 200; ++i) stack[static_cast<std::size_t>(i) % depth].value(i, (i * 7) % 200) += 1.5F;  // 15 σ
    const auto c = clipped_mean(stack);
    long missed = 0;
    for (int i = 0; i < 200; ++i) missed += stack[static_cast<std::size_t>(i) % depth].coverage(i, (i * 7) % 200) > 0;
    // Of five values the MAD is now and then large enough to hide 15 σ.
    EXPECT_LE(missed, depth == 5 ? 10 : 4) << depth;
    EXPECT_LT(c.left_out - 200 + missed, static_cast<long>(depth) * 40000 / 1000) << depth;  // good values lost: below 10⁻³
    const auto p = pulls(c.mosaic, c.uncertainty, 3);
    EXPECT_NEAR(p.mean, 0, 0.02) << depth;
    EXPECT_NEAR(p.width, 1, 0.03) << depth;
  }
}

TEST(Steepness, IsTheStepOfAStarAndNothingOfANoisySky) {
  const Box box{-5, -5, 45, 45}, part{0, 0, 40, 40};
  auto stack = noisy_sky(box, std::vector<float>(5, 0.01F), 0, 2);
  for (auto& r : stack) r.value(20, 20) += 10;
  const auto steep = steepness(views(stack), part, 2);
  EXPECT_EQ(steep.box(), part);
  for (const auto& [x, y] : {std::pair{20, 20}, {19, 20}, {18, 20}, {20, 22}}) EXPECT_NEAR(steep(x, y), 10, 0.1);
  EXPECT_LT(steep(17, 20), 0.03F);
  long flat = 0;
  for (const float v : steep.pixels()) flat += v == 0;
  EXPECT_GT(flat, 1000);  // of 1600, eight steps each
}

TEST(StandardDeviation, AgreesWithTheFormulaWrittenOut) {
  auto stack = noisy_sky({0, 0, 20, 10}, {1, 2, 0.5F, 1}, 4, 6);
  std::mt19937 random{1};
  std::uniform_real_distribution<float> u;
  for (auto& r : stack)
    for (float& c : r.coverage.pixels()) c = u(random) < 0.2F ? 0 : u(random);
  const std::vector<double> exposure = {10, 30, 2, 10};
  Image<float> mosaic{Box{0, 0, 20, 10}, 4.1F}, deviation{20, 10};
  mosaic(3, 3) = std::numeric_limits<float>::quiet_NaN();
  standard_deviation(views(stack), exposure, mosaic, deviation);
  for (int y = 0; y < 10; ++y)
    for (int x = 0; x < 20; ++x) {
      double w = 0, s = 0;
      for (std::size_t k = 0; k < 4; ++k) {
        const double tc = exposure[k] * static_cast<double>(stack[k].coverage(x, y));
        w += tc;
        s += tc * std::pow(static_cast<double>(stack[k].value(x, y)) - static_cast<double>(4.1F), 2);
      }
      if (w > 0 && !(x == 3 && y == 3))
        EXPECT_NEAR(deviation(x, y), std::sqrt(s / w), 1e-6 * std::sqrt(s / w));
      else
        EXPECT_TRUE(std::isnan(deviation(x, y)));
    }
}

}  // namespace
}  // namespace tessera::coadd
