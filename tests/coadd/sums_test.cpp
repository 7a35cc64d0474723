#include "tessera/coadd/sums.h"
#include "tessera/coadd/coadd_options.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

namespace {

using namespace tessera;

struct Products {
  Image<float> mosaic, uncertainty, coverage, exposure;
  explicit Products(Box box) : mosaic{box}, uncertainty{box}, coverage{box}, exposure{box} {}
};

Products finished(const coadd::Sums& sums, double min_coverage = 0.0) {
  Products p{sums.box()};
  sums.finish(min_coverage, p.mosaic, p.uncertainty, p.coverage, p.exposure);
  return p;
}

Resampled constant(Box box, float value, float variance, float coverage) {
  Resampled r{box};
  r.value.reset(box, value);
  r.variance.reset(box, variance);
  r.coverage.reset(box, coverage);
  return r;
}

std::vector<Resampled> noise_stack(Box box, int depth) {
  std::mt19937 random{5};
  std::uniform_real_distribution<float> u{0, 1};
  std::vector<Resampled> stack;
  for (int k = 0; k < depth; ++k) {
    Resampled& r = stack.emplace_back(box);
    for (std::size_t p = 0; p < r.value.pixels().size(); ++p) {
      if (u(random) < 0.2f) continue;
      r.coverage.pixels()[p] = u(random);
      r.value.pixels()[p] = 10 * u(random) - 3;
      r.variance.pixels()[p] = 0.1f + u(random);
    }
  }
  return stack;
}

TEST(Sums, GiveBackASingleFrame) {
  const Box box{-2, 5, 9, 11};
  coadd::Sums sums;
  sums.reset(box);
  sums.add(constant(box, 3.5f, 0.25f, 0.5f).view(), 7.0, 30.0, 0.0, 1.0);
  const Products p = finished(sums);
  for (int y = box.y0; y < box.y1; ++y)
    for (int x = box.x0; x < box.x1; ++x) {
      EXPECT_FLOAT_EQ(p.mosaic(x, y), 3.5f);
      EXPECT_FLOAT_EQ(p.uncertainty(x, y), 0.5f);
      EXPECT_FLOAT_EQ(p.coverage(x, y), 0.5f);
      EXPECT_FLOAT_EQ(p.exposure(x, y), 15.0f);
    }
}

TEST(Sums, AgreeWithTheFormulaWrittenOut) {
  const Box box{0, 0, 23, 9};
  auto stack = noise_stack(box, 6);
  const std::vector<double> weight = {1, 2, 0.5, 3, 1, 4}, exposure = {10, 10, 2, 30, 10, 30}, offset = {0, 1, -2, 0.5, 0, 3}, scale = {1, 1.5, 1, 0.3, 1, 2};
  coadd::Sums sums;
  sums.reset(box);
  for (std::size_t k = 0; k < stack.size(); ++k) sums.add(stack[k].view(), weight[k], exposure[k], offset[k], scale[k]);
  const Products p = finished(sums);
  for (int y = 0; y < 9; ++y)
    for (int x = 0; x < 23; ++x) {
      double w = 0, wv = 0, wwv = 0, c = 0, t = 0;
      for (std::size_t k = 0; k < stack.size(); ++k) {
        const double cov = static_cast<double>(stack[k].coverage(x, y)), wk = weight[k] * cov;
        w += wk;
        wv += wk * (static_cast<double>(stack[k].value(x, y)) - offset[k]);
        wwv += wk * wk * scale[k] * static_cast<double>(stack[k].variance(x, y));
        c += cov;
        t += cov * exposure[k];
      }
      ASSERT_NEAR(p.mosaic(x, y), wv / w, 1e-6 * std::abs(wv / w) + 1e-6);
      ASSERT_NEAR(p.uncertainty(x, y), std::sqrt(wwv) / w, 1e-6);
      ASSERT_NEAR(p.coverage(x, y), c, 1e-6);
      ASSERT_NEAR(p.exposure(x, y), t, 1e-4);
    }
}

TEST(Sums, WeightByEachPixelsVarianceOnRequest) {
  const Box box{0, 0, 23, 9};
  auto stack = noise_stack(box, 6);
  coadd::Sums sums;
  sums.reset(box);
  for (auto& r : stack) sums.add_by_variance(r.view(), 10);
  const Products p = finished(sums);
  for (int y = 0; y < 9; ++y)
    for (int x = 0; x < 23; ++x) {
      double w = 0, wv = 0, wwv = 0, c = 0;
      for (auto& r : stack) {
        const double cov = static_cast<double>(r.coverage(x, y)), variance = static_cast<double>(r.variance(x, y));
        if (cov == 0) continue;
        w += cov / variance;
        wv += cov / variance * static_cast<double>(r.value(x, y));
        wwv += cov * cov / variance;
        c += cov;
      }
      ASSERT_NEAR(p.mosaic(x, y), wv / w, 1e-6 * std::abs(wv / w) + 1e-6);
      ASSERT_NEAR(p.uncertainty(x, y), std::sqrt(wwv) / w, 1e-6);
      ASSERT_NEAR(p.coverage(x, y), c, 1e-6);
      ASSERT_NEAR(p.exposure(x, y), 10 * c, 1e-5);
    }
}

TEST(Sums, ReduceTheNoiseOfEqualFramesByTheSquareRootOfTheirNumber) {
  const Box box{0, 0, 4, 4};
  coadd::Sums sums;
  sums.reset(box);
  for (int k = 0; k < 16; ++k) sums.add(constant(box, 1, 4, 1).view(), 1, 1, 0, 1);
  EXPECT_FLOAT_EQ(finished(sums).uncertainty(2, 2), 0.5f);
}

TEST(Sums, MarkPixelsWithTooLittleCoverageAsNoData) {
  const Box box{0, 0, 3, 1};
  Resampled r = constant(box, 2, 1, 1);
  r.coverage(0, 0) = r.value(0, 0) = r.variance(0, 0) = 0;
  r.coverage(1, 0) = 0.4f;
  coadd::Sums sums;
  sums.reset(box);
  sums.add(r.view(), 1, 10, 0, 1);
  Products p = finished(sums);
  EXPECT_TRUE(std::isnan(p.mosaic(0, 0)) && std::isnan(p.uncertainty(0, 0)));
  EXPECT_EQ(p.coverage(0, 0), 0);
  EXPECT_EQ(p.exposure(0, 0), 0);
  EXPECT_EQ(p.mosaic(1, 0), 2);
  p = finished(sums, 0.5);
  EXPECT_TRUE(std::isnan(p.mosaic(1, 0)));
  EXPECT_EQ(p.coverage(1, 0), 0);
  EXPECT_EQ(p.mosaic(2, 0), 2);
}

TEST(Sums, HaveTheSameBitsInTiles) {
  const Box box{0, 0, 40, 30}, tile{7, 11, 33, 12};
  auto stack = noise_stack(box, 5);
  coadd::Sums whole, part;
  whole.reset(box);
  part.reset(tile);
  for (auto& r : stack) {
    const ResampledView v = r.view();
    whole.add(v, 1.3, 10, 0.1, 1.1);
    part.add({v.value.window(tile), v.variance.window(tile), v.coverage.window(tile)}, 1.3, 10, 0.1, 1.1);
  }
  const Products a = finished(whole), b = finished(part);
  for (int x = tile.x0; x < tile.x1; ++x) {
    EXPECT_EQ(std::memcmp(&a.mosaic(x, 11), &b.mosaic(x, 11), sizeof(float)), 0);
    EXPECT_EQ(std::memcmp(&a.uncertainty(x, 11), &b.uncertainty(x, 11), sizeof(float)), 0);
  }
}

TEST(Sums, StartAnewAfterReset) {
  coadd::Sums sums;
  sums.reset({0, 0, 4, 4});
  sums.add(constant({0, 0, 4, 4}, 5, 1, 1).view(), 1, 1, 0, 1);
  sums.reset({10, 10, 12, 12});
  sums.add(constant({11, 11, 12, 12}, 3, 1, 1).view(), 1, 1, 0, 1);
  const Products p = finished(sums);
  EXPECT_TRUE(std::isnan(p.mosaic(10, 10)));
  EXPECT_EQ(p.mosaic(11, 11), 3);
}

TEST(CoaddOptions, AreReadFromText) {
  coadd::CoaddOptions options;
  param::OptionSet set;
  set.add("coadd", "", options);
  set.assign("coadd.weights", "sky_variance", param::Source::file, "here");
  set.assign("coadd.method", "clipped", param::Source::file, "here");
  set.assign("coadd.min_coverage", "1.5", param::Source::file, "here");
  EXPECT_EQ(options.weights, coadd::Weighting::sky_variance);
  EXPECT_EQ(options.method, coadd::Method::clipped);
  EXPECT_EQ(options.min_coverage, 1.5);
  EXPECT_THROW(set.assign("coadd.weights", "best", param::Source::file, "here"), UsageError);
  EXPECT_THROW(set.assign("coadd.min_coverage", "-1", param::Source::file, "here"), UsageError);
}

}  // namespace
