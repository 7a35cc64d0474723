#include "tessera/outlier/box.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "tessera/outlier/deviation.h"
#include "tessera/outlier/temporal.h"

namespace {

using namespace tessera;

/// Noise with hits, holes and a ramp on a few frames.
struct Noisy {
  Box box;
  std::vector<Resampled> planes;
  std::vector<Image<std::uint8_t>> flags;
  Image<std::uint8_t> undecided;
  Noisy(int depth, Box b, unsigned seed) : box{b}, undecided{b, std::uint8_t{7}} {
    std::mt19937 random{seed};
    std::normal_distribution<float> noise{0, 1};
    std::uniform_real_distribution<float> u{0, 1};
    for (int k = 0; k < depth; ++k) {
      Resampled& r = planes.emplace_back(box);
      flags.emplace_back(box, std::uint8_t{7});
      for (int y = box.y0; y < box.y1; ++y)
        for (int x = box.x0; x < box.x1; ++x) {
          if (u(random) < 0.08f) continue;
          r.coverage(x, y) = 0.3f + 0.7f * u(random);
          r.variance(x, y) = 0.5f + u(random);
          r.value(x, y) = 0.1f * static_cast<float>(x) + noise(random) + (u(random) < 0.03f ? 40.0f * u(random) : 0.0f);
        }
    }
  }
  std::vector<ResampledView> views(Box part) {
    std::vector<ResampledView> v;
    for (auto& r : planes) v.push_back({r.value.view().window(part), r.variance.view().window(part), r.coverage.view().window(part)});
    return v;
  }
  void flag(const outlier::BoxOptions& options, double least = 0.5) {
    const auto stack = views(box);
    std::vector<View<std::uint8_t>> out;
    for (auto& f : flags) out.push_back(f.view());
    outlier::flag_box({stack, {}, 1}, options, least, out, undecided);
  }
};

enum class Verdict { inlier, outlier, undecided };

/// The guide's words, pixel by pixel, with everything sorted.
Verdict direct(Noisy& s, std::size_t frame, int px, int py, const outlier::BoxOptions& options, double least) {
  const auto part = [&](std::size_t k, int x, int y) { return s.planes[k].coverage(x, y) > 0 && static_cast<double>(s.planes[k].coverage(x, y)) >= least; };
  if (!part(frame, px, py)) return Verdict::inlier;
  float covered = 0, least_variance = INFINITY;
  std::vector<float> all, main;
  for (std::size_t k = 0; k < s.planes.size(); ++k) {
    covered += s.planes[k].coverage(px, py);
    for (int y = py - options.height / 2; y <= py + options.height / 2; ++y)
      for (int x = px - options.width / 2; x <= px + options.width / 2; ++x)
        if (s.box.contains(x, y) && part(k, x, y)) all.push_back(s.planes[k].value(x, y));
    if (part(k, px, py)) {
      main.push_back(s.planes[k].value(px, py));
      least_variance = std::min(least_variance, s.planes[k].variance(px, py));
    }
  }
  if (static_cast<double>(covered) < options.min_coverage) return Verdict::inlier;
  const auto biased = [&](std::vector<float> v) {
    std::sort(v.begin(), v.end());
    const int n = static_cast<int>(v.size());
    return v[static_cast<std::size_t>(std::clamp(n / 2 - options.median_bias, 0, n - 1))];
  };
  const float middle = biased(all);
  std::vector<float> deviations;
  for (const float v : all) deviations.push_back(std::abs(v - middle));
  const float scatter = std::max(biased(deviations) * (1.0f / 0.6745f), std::sqrt(least_variance));
  if (std::none_of(main.begin(), main.end(), [&](float v) { return std::abs(v - middle) <= scatter; })) return Verdict::undecided;
  const float excess = s.planes[frame].value(px, py) - middle;
  return excess > static_cast<float>(options.threshold_high) * scatter || excess < -static_cast<float>(options.threshold_low) * scatter ? Verdict::outlier : Verdict::inlier;
}

TEST(Box, AgreesWithTheDirectFormula) {
  for (const int depth : {1, 2, 3, 7}) {
    Noisy s{depth, {-3, 5, 34, 31}, 7};
    for (const outlier::BoxOptions options : {outlier::BoxOptions{3, 3, 1, 4, 4, 0}, outlier::BoxOptions{5, 3, 0, 3, 6, 1.2}, outlier::BoxOptions{1, 1, 2, 3, 3, 0}, outlier::BoxOptions{3, 7, -1, 5, 2, 2}}) {
      s.flag(options);
      long set = 0;
      for (std::size_t k = 0; k < s.planes.size(); ++k)
        for (int y = s.box.y0; y < s.box.y1; ++y)
          for (int x = s.box.x0; x < s.box.x1; ++x) {
            const Verdict expected = direct(s, k, x, y, options, 0.5);
            ASSERT_EQ(s.flags[k](x, y) != 0, expected == Verdict::outlier) << depth << ": " << k << " " << x << " " << y;
            if (expected == Verdict::undecided) {
              ASSERT_EQ(s.undecided(x, y), 1) << depth << ": " << x << " " << y;
            }
            set += s.flags[k](x, y);
          }
      if (depth > 2) {
        EXPECT_GT(set, 5);
      }
    }
  }
}

TEST(Box, HasTheSameFlagsInATileWithItsHalo) {
  Noisy s{4, {0, 0, 50, 40}, 11};
  const outlier::BoxOptions options{5, 3, 1, 4, 4, 1};
  s.flag(options);
  const Box tile{17, 11, 29, 23}, halo = tile.grown(outlier::box_halo(options));
  const auto stack = s.views(halo);
  std::vector<Image<std::uint8_t>> flags;
  Image<std::uint8_t> undecided{halo};
  std::vector<View<std::uint8_t>> out;
  for (std::size_t k = 0; k < 4; ++k) flags.emplace_back(halo);
  for (auto& f : flags) out.push_back(f.view());
  outlier::flag_box({stack, {}, 1}, options, 0.5, out, undecided);
  for (int y = tile.y0; y < tile.y1; ++y)
    for (int x = tile.x0; x < tile.x1; ++x) ASSERT_EQ(undecided(x, y), s.undecided(x, y));
  for (std::size_t k = 0; k < 4; ++k)
    for (int y = tile.y0; y < tile.y1; ++y)
      for (int x = tile.x0; x < tile.x1; ++x) ASSERT_EQ(flags[k](x, y), s.flags[k](x, y));
}

TEST(Box, ThresholdsOnItsDeviationGiveItsFlags) {
  Noisy s{5, {0, 0, 30, 20}, 2};
  const outlier::BoxOptions options{3, 3, 1, 5, 4, 0};
  s.flag(options);
  const auto stack = s.views(s.box);
  std::vector<Image<std::uint8_t>> flags, again;
  std::vector<Image<float>> deviation;
  std::vector<View<std::uint8_t>> out;
  std::vector<View<float>> map;
  for (std::size_t k = 0; k < 5; ++k) flags.emplace_back(s.box), again.emplace_back(s.box), deviation.emplace_back(s.box);
  for (std::size_t k = 0; k < 5; ++k) out.push_back(flags[k].view()), map.push_back(deviation[k].view());
  Image<std::uint8_t> undecided{s.box};
  EXPECT_GT(outlier::flag_box({stack, {}, 1}, options, 0.5, out, undecided, map), 0);
  for (std::size_t k = 0; k < 5; ++k) {
    outlier::threshold(deviation[k], options.threshold_high, options.threshold_low, again[k]);
    for (std::size_t i = 0; i < again[k].pixels().size(); ++i) {
      if (std::isnan(deviation[k].pixels()[i])) {
        EXPECT_EQ(undecided.pixels()[i], 1);
      } else {
        EXPECT_EQ(again[k].pixels()[i], s.flags[k].pixels()[i]);
      }
    }
  }
}

TEST(TemporalDeviation, AgreesWithTheDirectFormula) {
  for (const int depth : {1, 2, 3, 6, 9}) {
    Noisy s{depth, {0, 0, 40, 12}, 5};
    std::vector<Image<float>> deviation;
    std::vector<View<float>> map;
    for (int k = 0; k < depth; ++k) deviation.emplace_back(s.box);
    for (auto& d : deviation) map.push_back(d.view());
    const auto stack = s.views(s.box);
    outlier::temporal_deviation({stack, {}, 1}, 4, 0.5, map);
    for (int y = 0; y < 12; ++y)
      for (int x = 0; x < 40; ++x) {
        std::vector<double> values;
        double least = INFINITY;
        for (const auto& f : stack)
          if (f.coverage(x, y) >= 0.5f) values.push_back(static_cast<double>(f.value(x, y))), least = std::min(least, std::sqrt(static_cast<double>(f.variance(x, y))));
        const auto median = [](std::vector<double> v) {
          std::sort(v.begin(), v.end());
          return (v[(v.size() - 1) / 2] + v[v.size() / 2]) / 2;
        };
        for (int k = 0; k < depth; ++k) {
          double expected = 0;
          if (stack[static_cast<std::size_t>(k)].coverage(x, y) >= 0.5f && values.size() >= 2) {
            std::vector<double> sorted = values, away;
            std::sort(sorted.begin(), sorted.end());
            const double middle = sorted.size() == 2 || sorted.size() == 4 ? sorted[sorted.size() / 2 - 1] : median(values);
            for (const double v : values) away.push_back(std::abs(v - middle));
            const double scatter = values.size() >= 4 ? std::max(median(away) / 0.6745, least) : least;
            expected = (static_cast<double>(stack[static_cast<std::size_t>(k)].value(x, y)) - middle) / scatter;
          }
          EXPECT_NEAR(static_cast<double>(map[static_cast<std::size_t>(k)](x, y)), expected, 1e-4 * (1 + std::abs(expected)));
        }
      }
  }
}

TEST(Box, FindsAHitThatFillsTheBoxOfOneOfTwoFrames) {
  Noisy s{2, {0, 0, 20, 20}, 3};
  std::mt19937 random{5};
  std::normal_distribution<float> noise{0, 1};
  for (auto& r : s.planes) {
    r.coverage.reset(s.box, 1.0f);
    r.variance.reset(s.box, 1.0f);
    for (float& v : r.value.pixels()) v = noise(random);
  }
  for (int y = 8; y < 11; ++y)
    for (int x = 8; x < 11; ++x) s.planes[0].value(x, y) += 30.0f + 10.0f * noise(random);
  s.flag({3, 3, 1, 6, 6, 1});
  EXPECT_EQ(s.flags[0](9, 9), 1) << "9 of the 18 values are the hit's: the bias takes the median from the others";
  EXPECT_EQ(s.flags[1](9, 9), 0);
}

}  // namespace
