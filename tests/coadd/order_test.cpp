#include "tessera/coadd/order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "coadd/stacks.h"
#include "tessera/coadd/votes.h"

namespace tessera::coadd {
namespace {

struct Result {
  float value, sigma;
};
template <class Method>
Result one(Method method, std::vector<Resampled> stack) {
  Image<float> mosaic{1, 1}, uncertainty{1, 1};
  method(views(stack), mosaic, uncertainty);
  return {mosaic(0, 0), uncertainty(0, 0)};
}
const auto median_of = [](auto stack) { return one([](auto s, Image<float>& m, Image<float>& u) { median(s, m, u); }, std::move(stack)); };
const auto minimum_of = [](auto stack) { return one([](auto s, Image<float>& m, Image<float>& u) { absolute_minimum(s, m, u); }, std::move(stack)); };

TEST(Median, IsTheMiddleValue) {
  EXPECT_EQ(median_of(pixel({3, 9, 4}, {1, 1, 1})).value, 4);
  EXPECT_EQ(median_of(pixel({3, 9, 4, 5}, {1, 1, 1, 1})).value, 4.5F);
  EXPECT_EQ(median_of(pixel({2, 5}, {1, 1})).value, 3.5F);
}

TEST(Median, OfOneOrTwoValuesHasTheErrorOfTheMean) {
  EXPECT_FLOAT_EQ(median_of(pixel({7}, {4})).sigma, 2);
  EXPECT_FLOAT_EQ(median_of(pixel({7, 8}, {9, 16})).sigma, 2.5F);
}

TEST(Median, HasTheErrorOfTheMiddleOrderStatistic) {
  // Published: the variance of the median of 3, 4, 5 normal values is 0.4487, 0.2982, 0.2868 (Harter 1961), π/2n for many.
  EXPECT_NEAR(median_of(pixel({1, 2, 3}, {1, 1, 1})).sigma, std::sqrt(0.4487), 1e-4);
  EXPECT_NEAR(median_of(pixel({1, 2, 3, 4}, {1, 1, 1, 1})).sigma, std::sqrt(0.2982), 1e-4);
  EXPECT_NEAR(median_of(pixel({1, 2, 3, 4, 5}, {4, 4, 4, 4, 4})).sigma, 2 * std::sqrt(0.2868), 2e-4);
  EXPECT_NEAR(median_variance_factor(100000), std::acos(-1.0) / 2, 1e-4);
  for (std::size_t n = 15; n < 25; ++n) EXPECT_NEAR(median_variance_factor(n + 2) / median_variance_factor(n), 1, 0.015) << "table and formula join at " << n;
}

TEST(Median, OfASkyWithNoiseIsUnbiasedWithHonestErrors) {
  for (const std::size_t depth : {1, 2, 3, 4, 5, 8, 21, 30}) {
    const Box box{0, 0, 200, 200};
    auto stack = noisy_sky(box, std::vector<float>(depth, 0.2F), 5, static_cast<unsigned>(depth));
    Image<float> mosaic{box}, uncertainty{box};
    median(views(stack), mosaic, uncertainty);
    const auto p = pulls(mosaic, uncertainty, 5);
    EXPECT_NEAR(p.mean, 0, 0.02) << depth;  // 40 000 pulls: 0.005, here four times that
    EXPECT_NEAR(p.width, 1, 0.02) << depth;
  }
}

TEST(Median, OfFramesOfUnequalNoiseHasHonestErrors) {
  const Box box{0, 0, 200, 200};
  auto stack = noisy_sky(box, {0.2F, 0.2F, 0.3F, 0.2F, 0.4F, 0.25F, 0.2F, 0.8F, 0.3F}, 0, 3);
  Image<float> mosaic{box}, uncertainty{box};
  median(views(stack), mosaic, uncertainty);
  const auto p = pulls(mosaic, uncertainty, 0);
  EXPECT_NEAR(p.mean, 0, 0.02);
  EXPECT_NEAR(p.width, 1, 0.05);
}

TEST(Median, IgnoresAHit) {
  auto stack = noisy_sky({0, 0, 30, 30}, std::vector<float>(5, 0.1F), 1, 8);
  auto clean = noisy_sky({0, 0, 30, 30}, std::vector<float>(5, 0.1F), 1, 8);
  stack[3].value(10, 10) = 1e6F;
  Image<float> mosaic{30, 30}, uncertainty{30, 30};
  median(views(stack), mosaic, uncertainty);
  EXPECT_NEAR(mosaic(10, 10), 1, 0.3);
  std::vector<float> values;
  for (auto& r : clean) values.push_back(r.value(11, 10));
  std::ranges::sort(values);
  EXPECT_EQ(mosaic(11, 10), values[2]);
}

TEST(Votes, LeaveOutSliversAndKeepTheBestThereIs) {
  auto stack = pixel({1, 2, 30}, {1, 1, 1});
  stack[2].coverage(0, 0) = 0.4F;
  EXPECT_EQ(median_of(pixel({1, 2}, {1, 1})).value, 1.5F);
  Image<float> mosaic{1, 1}, uncertainty{1, 1};
  median(views(stack), mosaic, uncertainty);
  EXPECT_EQ(mosaic(0, 0), 1.5F);
  stack[0].coverage(0, 0) = stack[1].coverage(0, 0) = 0.0F;
  median(views(stack), mosaic, uncertainty);
  EXPECT_EQ(mosaic(0, 0), 30);
}

TEST(AbsoluteMinimum, IsTheValueNearestToZeroWithItsOwnError) {
  const auto r = minimum_of(pixel({3, -1, 2}, {1, 4, 9}));
  EXPECT_EQ(r.value, -1);
  EXPECT_FLOAT_EQ(r.sigma, 2);
  const auto tie = minimum_of(pixel({3, 2, -2}, {1, 4, 9}));
  EXPECT_EQ(tie.value, 2);
  EXPECT_FLOAT_EQ(tie.sigma, 2);
}

TEST(AbsoluteMinimum, IsBiasedTowardsZeroAsTheOrderStatisticSays) {
  // The least of five normal values lies 1.16296 σ below their mean (Harter 1961).
  const Box box{0, 0, 200, 200};
  auto stack = noisy_sky(box, std::vector<float>(5, 0.1F), 10, 4);
  Image<float> mosaic{box}, uncertainty{box};
  absolute_minimum(views(stack), mosaic, uncertainty);
  EXPECT_NEAR(pulls(mosaic, uncertainty, 10).mean, -1.16296, 0.02);
}

TEST(OrderStatistics, LeavePixelsWithoutDataAlone) {
  auto stack = pixel({3, -1}, {1, 4});
  const float nan = std::numeric_limits<float>::quiet_NaN();
  Image<float> mosaic{Box{0, 0, 1, 1}, nan}, uncertainty{Box{0, 0, 1, 1}, nan};
  median(views(stack), mosaic, uncertainty);
  absolute_minimum(views(stack), mosaic, uncertainty);
  EXPECT_TRUE(std::isnan(mosaic(0, 0)) && std::isnan(uncertainty(0, 0)));
}

}  // namespace
}  // namespace tessera::coadd
