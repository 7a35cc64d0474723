#include "tessera/outlier/temporal.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <random>
#include <vector>

#include "outlier/direct_temporal.h"
#include "tessera/core/statistics.h"
#include "tessera/outlier/stack_statistics.h"

namespace {

using namespace tessera;
using outlier::TemporalOptions;
using tessera::testing::DirectTemporal;

/// A stack of flat images with given values, one per exposure; single pixels are changed by the tests.
struct Flat {
  Box box;
  std::vector<Resampled> planes;
  std::vector<Image<std::uint8_t>> flags;
  Flat(const std::vector<float>& values, float sigma, Box b = {0, 0, 9, 7}) : box{b} {
    for (const float v : values) {
      Resampled& r = planes.emplace_back(box);
      r.value.reset(box, v);
      r.variance.reset(box, sigma * sigma);
      r.coverage.reset(box, 1.0f);
      flags.emplace_back(box, std::uint8_t{7});
    }
  }
  std::vector<float> sky_variance;  // of the frames, when they are not alike
  void flag(const TemporalOptions& options = {}, int frame_pixel = 1) {
    std::vector<ResampledView> stack;
    std::vector<View<std::uint8_t>> out;
    for (auto& r : planes) stack.push_back(r.view());
    for (auto& f : flags) out.push_back(f.view());
    outlier::flag_temporal(stack, options, out, sky_variance, frame_pixel);
  }
  long flagged(std::size_t k) const {
    long n = 0;
    for (const auto f : flags[k].pixels()) n += f;
    return n;
  }
  long flagged() const {
    long n = 0;
    for (std::size_t k = 0; k < flags.size(); ++k) n += flagged(k);
    return n;
  }
};

TEST(Temporal, FlagsTheOneValueThatStandsOut) {
  for (const int depth : {2, 3, 4, 5, 9, 40, 200}) {
    std::vector<float> values;
    for (int k = 0; k < depth; ++k) values.push_back(10.0f + 0.3f * static_cast<float>(k % 3 - 1));
    Flat s{values, 1.0f};
    s.planes[1].value(4, 3) = 25.0f;
    s.flag();
    EXPECT_EQ(s.flagged(), 1) << depth;
    EXPECT_EQ(s.flags[1](4, 3), 1) << depth;
  }
}

TEST(Temporal, AgreesWithTheDirectFormulaForBothMeasuresOfScatter) {
  std::mt19937 random{31};
  std::normal_distribution<float> noise{0, 1};
  std::uniform_real_distribution<float> u{0, 1};
  for (const auto scatter : {outlier::Scatter::mad, outlier::Scatter::gap})
    for (const int depth : {1, 2, 3, 4, 5, 8})
      for (const int frame_pixel : {1, 2}) {
        Flat s{std::vector<float>(static_cast<std::size_t>(depth), 0.0f), 1.0f, {-4, 3, 18, 21}};
        for (auto& r : s.planes)
          for (int y = 3; y < 21; ++y)
            for (int x = -4; x < 18; ++x) {
              const float star = 60 * std::exp(-0.5f * static_cast<float>((x - 6) * (x - 6) + (y - 12) * (y - 12)));
              r.value(x, y) = star * (0.8f + 0.4f * u(random)) + noise(random) + (u(random) < 0.04f ? 30 * u(random) - 5 : 0.0f);
              r.variance(x, y) = 0.5f + u(random);
              r.coverage(x, y) = u(random) < 0.1f ? 0.0f : 0.3f + 0.7f * u(random);
            }
        TemporalOptions options;
        options.scatter = scatter;
        s.flag(options, frame_pixel);
        const DirectTemporal direct{s.planes, options, frame_pixel};
        const double grown_high = std::min(options.grow, options.threshold_high), grown_low = std::min(options.grow, options.threshold_low);
        long set = 0;
        for (std::size_t k = 0; k < s.planes.size(); ++k)
          for (int y = s.box.y0; y < s.box.y1; ++y)
            for (int x = s.box.x0; x < s.box.x1; ++x) {
              bool beside = false, unsure = false;
              for (int j = std::max(s.box.y0, y - 1); j <= std::min(s.box.y1 - 1, y + 1); ++j)
                for (int i = std::max(s.box.x0, x - 1); i <= std::min(s.box.x1 - 1, x + 1); ++i) {
                  const double e = direct.excess(k, i, j, options.threshold_high, options.threshold_low);
                  beside = beside || e > 1;
                  unsure = unsure || std::abs(e - 1) < 1e-4;  // of single precision
                }
              const double strong = direct.excess(k, x, y, options.threshold_high, options.threshold_low), weak = direct.excess(k, x, y, grown_high, grown_low);
              if (unsure || std::abs(weak - 1) < 1e-4) continue;
              ASSERT_EQ(s.flags[k](x, y) != 0, strong > 1 || (beside && weak > 1)) << "depth " << depth << " frame " << k << " (" << x << ", " << y << "): " << strong << " " << weak;
              set += s.flags[k](x, y);
            }
        if (depth > 1) {
          EXPECT_GT(set, 0) << depth;
        } else {
          EXPECT_EQ(set, 0);
        }
      }
}

TEST(Temporal, FlagsDarkOutliersFromThreeImagesOn) {
  Flat three{{10, 10.1f, 9.9f}, 1.0f}, two{{10, 10.1f}, 1.0f};
  three.planes[1].value(4, 3) = -20.0f;
  two.planes[1].value(4, 3) = 10.1f;
  two.planes[0].value(4, 3) = 12.0f;
  three.flag();
  two.flag();
  EXPECT_EQ(three.flagged(), 1);
  EXPECT_EQ(three.flags[1](4, 3), 1);
  EXPECT_EQ(two.flagged(), 0);
}

TEST(Temporal, FlagsNothingInASingleImage) {
  Flat s{{10}, 1.0f};
  s.planes[0].value(4, 3) = 1e6f;
  s.flag();
  EXPECT_EQ(s.flagged(), 0);
}

TEST(Temporal, OfTwoImagesFlagsOnlyTheBrighter) {
  Flat s{{10, 10}, 1.0f};
  s.planes[0].value(4, 3) = 17.5f;  // 7.5 against a noise of √2: 5.3 sigma
  s.planes[1].value(6, 3) = 15.5f;  // 3.9 sigma
  s.flag();
  EXPECT_EQ(s.flagged(), 1);
  EXPECT_EQ(s.flags[0](4, 3), 1);
}

TEST(Temporal, CountsOnlyValuesWithEnoughCoverage) {
  Flat s{{10, 10, 10}, 1.0f};
  s.planes[0].value(4, 3) = 100.0f;
  s.planes[0].coverage(4, 3) = 0.4f;  // takes no part, is not flagged
  s.planes[1].value(4, 3) = 100.0f;   // one of two values
  s.flag();
  EXPECT_EQ(s.flagged(0), 0);
  EXPECT_EQ(s.flags[1](4, 3), 1);
  EXPECT_EQ(s.flagged(), 1);
  TemporalOptions all;
  all.min_coverage = 0;
  s.flag(all);
  EXPECT_EQ(s.flags[0](4, 3), 0);
  EXPECT_EQ(s.flags[2](4, 3), 1) << "now two of three agree on the high value";
}

TEST(Temporal, JudgesEachValueByItsOwnUncertainty) {
  Flat s{{10, 10, 10, 10, 10}, 0.1f};
  s.planes[2].variance.reset(s.box, 4.0f);
  s.planes[2].value(4, 3) = 15.0f;  // 2.5 of its own sigmas
  s.planes[3].value(6, 3) = 11.0f;  // ten of its own
  s.flag();
  EXPECT_EQ(s.flagged(2), 0);
  EXPECT_EQ(s.flagged(3), 1);
}

TEST(Temporal, TrustsTheScatterWhereUncertaintiesAreTooSmall) {
  std::mt19937 random{3};
  std::normal_distribution<float> noise{0, 5};
  Flat s{std::vector<float>(20, 0.0f), 1.0f, {0, 0, 40, 40}};
  for (auto& r : s.planes)
    for (float& v : r.value.pixels()) v = noise(random);
  TemporalOptions flat;
  flat.gradient = 0;
  s.flag(flat);
  EXPECT_LT(static_cast<double>(s.flagged()), 0.003 * 20 * 1600);  // MAD of 20 values has tails, but is no fifth of the truth
  flat.min_images = 100;
  s.flag(flat);
  EXPECT_GT(static_cast<double>(s.flagged()), 0.2 * 20 * 1600);
}

TEST(Temporal, AllowsAPartOfTheGradient) {
  Flat few{{10, 10, 10}, 1.0f}, s{{10, 10, 10, 10, 10}, 1.0f};
  for (auto* stack : {&few, &s})
    for (auto& r : stack->planes) r.value(4, 3) = 1000.0f;
  few.planes[0].value(4, 3) = 1500.0f;  // half of the step to the neighbours
  few.flag();
  EXPECT_EQ(few.flagged(), 0);
  s.planes[0].value(4, 3) = 1300.0f;  // the scatter of five values shows what dithers do: less is allowed beside it
  s.flag();
  EXPECT_EQ(s.flagged(), 0);
  TemporalOptions strict;
  strict.gradient = 0.2;
  s.flag(strict);
  EXPECT_EQ(s.flagged(), 1);
}

TEST(Temporal, AllowsTheSlopeOfAWholeFramePixelOnAFineGrid) {
  // A ramp of 1 per output pixel; frame pixels are three of them, so values of other dithers are up to 1.5 away.
  Flat s{{0, 0, 0}, 0.01f, {0, 0, 15, 9}};
  for (std::size_t k = 0; k < 3; ++k)
    for (int y = 0; y < 9; ++y)
      for (int x = 0; x < 15; ++x) s.planes[k].value(x, y) = static_cast<float>(x) + (k == 0 ? 1.5f : k == 1 ? 0.0f : -0.2f);
  s.flag();
  EXPECT_GT(s.flagged(0), 80) << "on a grid as coarse as the frames that is no slope";
  s.flag({}, 3);
  EXPECT_EQ(s.flagged(), 0);
  s.planes[0].value(7, 4) += 4;
  s.flag({}, 3);
  EXPECT_EQ(s.flags[0](7, 4), 1);
}

TEST(Temporal, GrowsIntoTheWingsOfAHitOnly) {
  Flat s{{10, 10, 10, 10, 10}, 1.0f};
  s.planes[0].value(4, 3) = 40.0f;
  s.planes[0].value(5, 3) = 13.8f;  // a wing: beyond `grow`, below the threshold
  s.planes[0].value(4, 4) = 12.0f;  // below both
  s.planes[0].value(1, 1) = 13.8f;  // the same value elsewhere
  s.flag();
  EXPECT_EQ(s.flagged(), 2);
  EXPECT_EQ(s.flags[0](5, 3), 1);
  TemporalOptions without;
  without.grow = 0;
  s.flag(without);
  EXPECT_EQ(s.flagged(), 1);
}

TEST(Temporal, HasTheSameFlagsInATileWithItsHalo) {
  std::mt19937 random{9};
  std::normal_distribution<float> noise{0, 1};
  std::uniform_real_distribution<float> u{0, 1};
  const Box box{0, 0, 70, 50}, tile{31, 12, 47, 21};
  for (const int depth : {2, 7, 90}) {
    Flat s{std::vector<float>(static_cast<std::size_t>(depth), 0.0f), 1.0f, box};
    for (auto& r : s.planes)
      for (std::size_t p = 0; p < r.value.pixels().size(); ++p) {
        if (u(random) < 0.1f) r.coverage.pixels()[p] = 0;
        else r.value.pixels()[p] = noise(random) + (u(random) < 0.02f ? 20.0f * u(random) : 0.0f);
      }
    s.flag();
    EXPECT_GT(s.flagged(), 10);
    const Box halo = tile.grown(outlier::temporal_halo(1));
    std::vector<ResampledView> stack;
    std::vector<Image<std::uint8_t>> flags;
    std::vector<View<std::uint8_t>> out;
    for (auto& r : s.planes) {
      stack.push_back({r.value.view().window(halo), r.variance.view().window(halo), r.coverage.view().window(halo)});
      flags.emplace_back(halo);
    }
    for (auto& f : flags) out.push_back(f.view());
    outlier::flag_temporal(stack, {}, out);
    for (std::size_t k = 0; k < flags.size(); ++k)
      for (int y = tile.y0; y < tile.y1; ++y)
        for (int x = tile.x0; x < tile.x1; ++x) ASSERT_EQ(flags[k](x, y), s.flags[k](x, y));
  }
}

TEST(Temporal, TakesEmptyStacksAndBoxes) {
  outlier::flag_temporal({}, {}, {});
  Flat s{{1, 2, 3}, 1.0f, Box{}};
  s.flag();
  Flat bare{{1, 2, 3}, 1.0f};
  for (auto& r : bare.planes) r.coverage.reset(bare.box);
  bare.flag();
  EXPECT_EQ(bare.flagged(), 0);
}

TEST(Temporal, SeesTwoHitsAmongFour) {
  Flat s{{10, 10, 10, 10}, 1.0f};
  s.planes[1].value(4, 3) = 60.0f;
  s.planes[2].value(4, 3) = 40.0f;
  s.flag();
  EXPECT_EQ(s.flagged(), 2);
}

TEST(Temporal, DoesNotLetAShortNoisyExposureHideAHit) {
  Flat s{{10, 10, 10, 10, 10, 10}, 1.0f};
  for (const int short_one : {0, 1})
    for (auto& v : s.planes[static_cast<std::size_t>(short_one)].variance.pixels()) v = 10000.0f;
  s.sky_variance = {10000, 10000, 1, 1, 1, 1};
  s.planes[0].value(4, 3) = -90.0f;
  s.planes[1].value(4, 3) = 110.0f;
  s.planes[2].value(4, 3) = 25.0f;
  s.flag();
  EXPECT_EQ(s.flagged(), 1);
}

TEST(StackStatistics, AgreeWithTheMedianAndItsDeviationOfEachColumn) {
  std::mt19937 random{4};
  std::normal_distribution<float> noise{5, 2};
  std::uniform_real_distribution<float> u{0, 1};
  const Box box{0, 0, 45, 1};
  for (int depth = 1; depth < 75; depth += depth < 20 ? 1 : 9) {
    std::vector<Resampled> planes;
    std::vector<ResampledView> stack;
    for (int k = 0; k < depth; ++k) {
      Resampled& r = planes.emplace_back(box);
      for (int x = 0; x < 45; ++x)
        if (u(random) < 0.8f) r.value(x, 0) = noise(random), r.variance(x, 0) = 1 + u(random), r.coverage(x, 0) = 1;
    }
    for (auto& r : planes) stack.push_back(r.view());
    outlier::StackStatistics statistics, gaps{outlier::Scatter::gap};
    for (int x0 = 0; x0 < 45; x0 += 32) {
      const int count = std::min(32, 45 - x0);
      statistics.compute(stack, {}, x0, 0, count, 0.5);
      gaps.compute(stack, {}, x0, 0, count, 0.5);
      for (int i = 0; i < count; ++i) {
        std::vector<double> values;
        for (auto& r : planes)
          if (r.coverage(x0 + i, 0) > 0) values.push_back(static_cast<double>(r.value(x0 + i, 0)));
        ASSERT_EQ(statistics[i].count, static_cast<int>(values.size()));
        if (values.empty()) continue;
        if (values.size() <= 2) {
          EXPECT_EQ(static_cast<double>(statistics[i].reference), *std::min_element(values.begin(), values.end()));
          continue;
        }
        const double median = statistics::median(std::span<const double>{values});
        std::sort(values.begin(), values.end());
        ASSERT_NEAR(statistics[i].reference, values.size() == 4 ? values[1] : median, 1e-6 * std::abs(median));
        double gap = INFINITY;
        for (std::size_t k = 0; k + 1 < values.size(); ++k) gap = std::min(gap, values[k + 1] - values[k]);
        ASSERT_NEAR(gaps[i].scatter, gap, 1e-5);
        ASSERT_EQ(gaps[i].reference, statistics[i].reference);
        if (values.size() == 4) continue;  // around the lower middle value
        ASSERT_NEAR(statistics[i].scatter, statistics::mad_sigma(std::span<const double>{values}), 1e-4);
      }
    }
  }
}

TEST(ProjectToFrame, RejectsThePixelUnderAFlaggedOne) {
  Image<std::uint8_t> flags{Box{0, 0, 10, 10}}, rejected{Box{0, 0, 30, 30}};
  flags(4, 6) = 1;
  const auto map = wcs::affine(1, 0, 7, 0, 1, 3);
  EXPECT_EQ(outlier::project_to_frame(flags, *map, {}, rejected), 1);
  EXPECT_EQ(rejected(11, 9), 1);
  EXPECT_EQ(outlier::project_to_frame(flags, *map, {}, rejected), 0) << "already set";
}

TEST(ProjectToFrame, AddsTheAreasOfAllFlaggedPixels) {
  // Output pixels half as wide: each covers a quarter of a frame pixel.
  Image<std::uint8_t> flags{Box{0, 0, 20, 20}};
  const auto map = wcs::affine(0.5, 0, -0.25, 0, 0.5, -0.25);
  TemporalOptions options;
  for (const double needed : {0.2, 0.3, 0.5, 0.75, 1.0}) {
    options.min_overlap = needed;
    for (int n = 1; n <= 4; ++n) {
      Image<std::uint8_t> some{Box{0, 0, 20, 20}}, rejected{Box{0, 0, 10, 10}};
      for (int k = 0; k < n; ++k) some(8 + k % 2, 6 + k / 2) = 1;
      EXPECT_EQ(outlier::project_to_frame(some, *map, options, rejected), n * 0.25 >= needed ? 1 : 0) << needed << " " << n;
    }
  }
}

TEST(ProjectToFrame, StaysInsideTheFrameAndSkipsPointsWithoutImage) {
  Image<std::uint8_t> flags{Box{-5, -5, 5, 5}, 1}, rejected{Box{0, 0, 3, 3}};
  EXPECT_EQ(outlier::project_to_frame(flags, *wcs::affine(1, 0, 0, 0, 1, 0), {}, rejected), 9);
  Image<std::uint8_t> none{Box{0, 0, 3, 3}};
  const double nan = std::nan("");
  EXPECT_EQ(outlier::project_to_frame(flags, *wcs::affine(nan, 0, 0, 0, 1, 0), {}, none), 0);
  EXPECT_EQ(outlier::project_to_frame(flags, *wcs::affine(1e9, 0, 0, 0, 1e9, 0), {}, none), 9);
}

TEST(ProjectToFrame, GivesAPixelTheSameFateInEveryWindow) {
  std::mt19937 random{8};
  const double c = std::cos(0.4), s = std::sin(0.4);
  const auto map = wcs::affine(0.9 * c, -0.9 * s, 20, 0.9 * s, 0.9 * c, 5);
  Image<std::uint8_t> flags{Box{0, 0, 40, 40}};
  for (auto& f : flags.pixels()) f = random() % 5 == 0;
  Image<std::uint8_t> whole{Box{0, 0, 60, 60}}, part{Box{13, 15, 29, 31}};
  outlier::project_to_frame(flags, *map, {}, whole);
  outlier::project_to_frame(flags, *map, {}, part);
  for (int y = 15; y < 31; ++y)
    for (int x = 13; x < 29; ++x) EXPECT_EQ(part(x, y), whole(x, y));
}

TEST(TemporalOptions, AreReadUnderTheirOldNames) {
  param::Schema<TemporalOptions> schema;
  describe(schema);
  std::vector<std::string> keys;
  for (const auto& field : std::move(schema).fields())
    for (const auto& alias : field.aliases) keys.push_back(alias.block + "." + alias.key);
  for (const char* key : {"MOSAICOUTLIERIN.TOP_THRESHOLD", "MOSAICOUTLIERIN.BOTTOM_THRESHOLD", "MOSAICOUTLIERIN.MIN_PIX_NUM", "MOSAICRMASKIN.RM_THRESH"})
    EXPECT_NE(std::find(keys.begin(), keys.end(), key), keys.end()) << key;
}

}  // namespace
