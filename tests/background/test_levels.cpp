// WEIGHT, levels, statistics, own skies.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "background/synthetic.h"
#include "tessera/background/statistic.h"

using namespace tessera;
using namespace tessera::background;
using namespace synthetic;

namespace {

std::vector<CellMap> stack_with(const std::vector<double>& levels, double sigma, unsigned seed) {
  std::mt19937_64 random{seed};
  std::vector<CellMap> maps;
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const int x = 6 * static_cast<int>(i);
    maps.push_back(cells({x, 0, x + 20, 20}, levels[i], sigma, random));
  }
  return maps;
}
const std::vector<double> levels{5, 1, 3, -2, 4, 7};

}  // namespace

TEST(Weight, AddsTheSquaredOffsetsToChiSquared) {
  const auto maps = stack_with(levels, 1, 1);
  BackgroundOptions options;
  options.weight = 2;
  const auto s = match_backgrounds(maps, options);
  // The gradient of χ² + WEIGHT·Σ ε²/s² is zero.
  std::vector<double> variance;
  for (const auto& p : s.pairs) variance.push_back(1 / p.weight);
  std::sort(variance.begin(), variance.end());
  const std::size_t n = variance.size();
  const double s2 = 0.5 * (variance[(n - 1) / 2] + variance[n / 2]);
  for (int i = 0; i < 6; ++i) {
    double slope = options.weight * s.offset[i] / s2;
    for (const auto& p : s.pairs) {
      const double left = p.difference - (s.offset[p.m] - s.offset[p.n]);
      if (p.m == i) slope -= p.weight * left;
      if (p.n == i) slope += p.weight * left;
    }
    EXPECT_NEAR(slope, 0, 1e-6 / s2);
  }
  EXPECT_NEAR(std::accumulate(s.offset.begin(), s.offset.end(), 0.0), 0, 1e-9);
  const auto free = match_backgrounds(maps, {});
  EXPECT_LT(std::abs(s.offset[5]), std::abs(free.offset[5]));
  options.weight = 1e-9;
  const auto nearly = match_backgrounds(maps, options);
  for (int i = 0; i < 6; ++i) EXPECT_NEAR(nearly.offset[i], free.offset[i], 1e-6);
}

TEST(Level, IsThatOfTheLowestOrHighestFrame) {
  const auto maps = stack_with(levels, 0.01, 2);
  BackgroundOptions options;
  options.level = Level::down;
  const auto down = match_backgrounds(maps, options);
  EXPECT_EQ(down.offset[3], 0);
  EXPECT_NEAR(down.sigma[3], 0, 1e-12);
  EXPECT_GT(down.sigma[5], 0);
  for (int i = 0; i < 6; ++i) EXPECT_NEAR(down.offset[i], levels[static_cast<std::size_t>(i)] + 2, 0.01);
  options.level = Level::up;
  const auto up = match_backgrounds(maps, options);
  for (int i = 0; i < 6; ++i) EXPECT_NEAR(up.offset[i], levels[static_cast<std::size_t>(i)] - 7, 0.01);
}

TEST(Sky, ComesFromOverlapsOrFromEachFrame) {
  const auto maps = stack_with(levels, 0.01, 3);
  BackgroundOptions options;
  options.sky = Sky::local;
  const auto local = match_backgrounds(maps, options);
  for (int i = 0; i < 6; ++i) {
    EXPECT_NEAR(local.offset[i], levels[static_cast<std::size_t>(i)], 0.01);
    EXPECT_NEAR(local.sigma[i], 0.01 / 20, 1e-5);
  }
  options.sky = Sky::global;
  for (const double e : match_backgrounds(maps, options).offset) EXPECT_NEAR(e, -2, 0.01);
  options.sky = Sky::global_match;
  const auto both = match_backgrounds(maps, options);
  for (int i = 0; i < 6; ++i) EXPECT_NEAR(both.offset[i], levels[static_cast<std::size_t>(i)], 0.02) << "all come to zero";
}

TEST(SkyStatistic, FindsTheSkyBesideEmission) {
  std::mt19937_64 random{4};
  std::normal_distribution<double> normal{10, 1};
  std::exponential_distribution<double> emission{0.2};
  std::vector<double> values;
  for (int i = 0; i < 4000; ++i) values.push_back(normal(random) + (i % 3 == 0 ? 2 + emission(random) : 0));
  EXPECT_GT(sky_statistic(values, Statistic::mean), 12);
  EXPECT_NEAR(sky_statistic(values, Statistic::median), 10.5, 0.3);
  EXPECT_NEAR(sky_statistic(values, Statistic::midpt), sky_statistic(values, Statistic::median), 0.1);
  EXPECT_NEAR(sky_statistic(values, Statistic::mode), 10, 0.3);
  EXPECT_TRUE(std::isnan(sky_statistic({}, Statistic::mode)));
  EXPECT_EQ(sky_statistic({3, 3, 3}, Statistic::midpt), 3);
}

TEST(SkyStatistic, ScattersAsStated) {
  std::mt19937_64 random{5};
  std::normal_distribution<double> normal;
  for (const auto statistic : {Statistic::mean, Statistic::median, Statistic::midpt, Statistic::mode})
    for (const int n : {60, 400, 2500}) {
      double sum = 0;
      const int trials = 1000;
      for (int t = 0; t < trials; ++t) {
        std::vector<double> values;
        for (int i = 0; i < n; ++i) values.push_back(normal(random));
        sum += std::pow(sky_statistic(values, statistic), 2);
      }
      const double ratio = std::sqrt(sum / trials * n / statistic_inefficiency(statistic, n));
      EXPECT_NEAR(ratio, 1, statistic == Statistic::mode ? 0.15 : 0.07) << static_cast<int>(statistic) << ' ' << n;
    }
}

TEST(Statistic, MedianIsNotMovedByVariableObjectsInTheOverlap) {
  // A fifth of the cells differ between the frames, within the clip: a variable, extended object.
  std::mt19937_64 random{6};
  std::vector<CellMap> maps;
  for (int i = 0; i < 2; ++i) maps.push_back(cells({0, 0, 30, 30}, i, 1, random));
  for (int y = 0; y < 6; ++y)
    for (int x = 0; x < 30; ++x) maps[0].mean(x, y) += 4;
  BackgroundOptions options;
  const double weighted = match_backgrounds(maps, options).pairs[0].difference;
  options.statistic = Statistic::median;
  const double median = match_backgrounds(maps, options).pairs[0].difference;
  options.statistic = Statistic::mode;
  const double mode = match_backgrounds(maps, options).pairs[0].difference;
  EXPECT_GT(weighted + 1, 0.6);
  EXPECT_LT(std::abs(median + 1), 0.5);
  EXPECT_LT(std::abs(mode + 1), 0.3);
}
