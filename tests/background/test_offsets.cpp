#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cmath>
#include <functional>

#include "background/synthetic.h"
#include "tessera/core/statistics.h"
#include "tessera/wcs/pixel_map.h"

using namespace tessera;
using namespace tessera::background;
using namespace synthetic;

namespace {

std::vector<double> centred(std::vector<double> v) {
  double mean = 0;
  for (const double x : v) mean += x / static_cast<double>(v.size());
  for (auto& x : v) x -= mean;
  return v;
}

double rms(const std::vector<double>& v) {
  double sum = 0;
  for (const double x : v) sum += x * x;
  return std::sqrt(sum / static_cast<double>(v.size()));
}

/// Width of (offset − truth) / σ over all frames of many stacks with boxes `box(i)` and cell noise `sigma(i)`.
double pull_width(int frames, int trials, const std::function<Box(int)>& box, const std::function<double(int)>& sigma) {
  std::mt19937_64 random{12345};
  std::vector<double> truth;
  for (int i = 0; i < frames; ++i) truth.push_back(std::sin(1.7 * i));
  truth = centred(truth);
  double sum = 0;
  for (int t = 0; t < trials; ++t) {
    std::vector<CellMap> maps;
    for (int i = 0; i < frames; ++i) maps.push_back(cells(box(i), 5 + truth[i], sigma(i), random));
    BackgroundOptions options;
    options.min_images = 1000;  // truth is centred over all frames
    const auto solution = match_backgrounds(maps, options);
    for (int i = 0; i < frames; ++i) sum += std::pow((solution.offset[i] - truth[i]) / solution.sigma[i], 2);
  }
  return std::sqrt(sum / (trials * frames));
}

}  // namespace

TEST(OverlappingPairs, AreThoseOfAllPairsTestedOneByOne) {
  std::mt19937_64 random{3};
  std::uniform_int_distribution<int> place{-200, 200}, size{0, 60};
  std::vector<CellMap> maps;
  for (int i = 0; i < 120; ++i) {
    const int x = place(random), y = place(random);
    maps.push_back({Box{x, y, x + size(random), y + size(random)}, {}, {}, 4});
  }
  std::vector<std::pair<int, int>> direct;
  for (int m = 0; m < 120; ++m)
    for (int n = m + 1; n < 120; ++n)
      if (!intersection(maps[m].cells, maps[n].cells).empty()) direct.emplace_back(m, n);
  ASSERT_GT(direct.size(), 20u);
  EXPECT_EQ(overlapping_pairs(maps), direct);
}

TEST(PairDifference, IsTheWeightedMeanOverCommonCells) {
  CellMap a{{0, 0, 4, 3}, Image<float>{Box{0, 0, 4, 3}}, Image<float>{Box{0, 0, 4, 3}}, 10};
  CellMap b{{2, 1, 5, 3}, Image<float>{Box{2, 1, 5, 3}}, Image<float>{Box{2, 1, 5, 3}}, 10};
  double sum = 0, weight = 0;
  for (int y = 1; y < 3; ++y)
    for (int x = 2; x < 4; ++x) {
      a.mean(x, y) = static_cast<float>(10 + x), a.variance(x, y) = 1.0f + static_cast<float>(y);
      b.mean(x, y) = static_cast<float>(7 + x) + 0.1f * static_cast<float>(y), b.variance(x, y) = 2;
      if (x == 3 && y == 2) b.variance(x, y) = 0;  // not seen
      else sum += (3 - 0.1 * y) / (3.0 + y), weight += 1 / (3.0 + y);
    }
  const std::vector<CellMap> maps = [&] { std::vector<CellMap> v; v.push_back(std::move(a)); v.push_back(std::move(b)); return v; }();
  const auto pair = pair_difference(maps, 0, 1, {});
  EXPECT_EQ(pair.cells, 3);
  EXPECT_NEAR(pair.difference, sum / weight, 1e-6);
  EXPECT_NEAR(pair.weight, weight, 1e-12);
  BackgroundOptions demanding;
  demanding.min_overlap = 301;
  EXPECT_EQ(pair_difference(maps, 0, 1, demanding).cells, 0) << "three cells of 100 output pixels";
  demanding.min_overlap = 300;
  EXPECT_EQ(pair_difference(maps, 0, 1, demanding).cells, 3);
}

TEST(PairDifference, IsNotMovedByAFewWildCells) {
  std::mt19937_64 random{4};
  std::vector<CellMap> maps;
  maps.push_back(cells({0, 0, 40, 40}, 3, 0.1, random));
  maps.push_back(cells({0, 0, 40, 40}, 1, 0.1, random));
  for (int k = 0; k < 160; ++k) maps[0].mean((k * 7) % 40, (k * 13) % 40 / 2) += 50;
  const double sigma = 0.1 * std::sqrt(2.0 / 1440);
  EXPECT_NEAR(pair_difference(maps, 0, 1, {}).difference, 2, 4 * sigma);
}

TEST(Offsets, AreExactWithoutNoise) {
  std::mt19937_64 random{5};
  const std::vector<double> truth = centred({0.5, -1, 2, 0.25, -3});
  std::vector<CellMap> maps;
  for (int i = 0; i < 5; ++i) {
    maps.push_back(cells({8 * i, 0, 8 * i + 20, 20}, 0, 0, random));
    for (int y = 0; y < 20; ++y)
      for (int x = 8 * i; x < 8 * i + 20; ++x) maps[i].mean(x, y) = static_cast<float>(truth[i] + 0.01 * x * y), maps[i].variance(x, y) = 1;
  }
  const auto solution = match_backgrounds(maps, {});
  for (int i = 0; i < 5; ++i) EXPECT_NEAR(solution.offset[i], truth[i], 1e-6);
  EXPECT_EQ(solution.groups, 1);
  EXPECT_EQ(solution.pairs.size(), 7u);
}

TEST(Offsets, PullsHaveWidthOneInAFullStack) {
  const double width = pull_width(12, 60, [](int) { return Box{0, 0, 16, 16}; }, [](int i) { return 1 + 0.2 * (i % 3); });
  EXPECT_NEAR(width, 1, 0.05);
}

TEST(Offsets, PullsHaveWidthOneInAChainOfSmallOverlaps) {
  const double width = pull_width(10, 100, [](int i) { return Box{14 * i, 3 * (i % 2), 14 * i + 20, 3 * (i % 2) + 16}; }, [](int) { return 1.0; });
  EXPECT_NEAR(width, 1, 0.05);
}

TEST(Offsets, PullsHaveWidthOneInADeepStackOfLargeFrames) {
  // Deep enough that the covariance is summed over a sample of the cells.
  const double width = pull_width(60, 4, [](int i) { return Box{i % 8, i / 8, 56 + i % 8, 56 + i / 8}; }, [](int i) { return 1 + 0.1 * (i % 5); });
  EXPECT_NEAR(width, 1, 0.13) << "240 pulls";
}

TEST(Offsets, PullsHaveWidthOneInALargeGroup) {
  // 30 × 20 = 600 frames on a lattice.
  const double width = pull_width(600, 2, [](int i) { return Box{7 * (i % 30), 7 * (i / 30), 7 * (i % 30) + 10, 7 * (i / 30) + 10}; }, [](int) { return 1.0; });
  EXPECT_NEAR(width, 1, 0.08);
}

TEST(Offsets, OfAFullStackHaveTheErrorOfTheFrameMeans) {
  // Equal noise, all overlaps full: ε_i is the frame's mean minus the mean of all, so σ² = σ_cell²/cells · (1 − 1/N); the
  // plain inverse of the normal matrix would give √(2/N) of that.
  std::mt19937_64 random{6};
  std::vector<CellMap> maps;
  for (int i = 0; i < 10; ++i) maps.push_back(cells({0, 0, 12, 12}, 0, 2, random));
  const auto solution = match_backgrounds(maps, {});
  for (const double s : solution.sigma) EXPECT_NEAR(s, 2.0 / 12 * std::sqrt(0.9), 1e-4);
}

TEST(Offsets, AreSolvedGroupByGroup) {
  std::mt19937_64 random{7};
  std::vector<CellMap> maps;
  maps.push_back(cells({0, 0, 16, 16}, 3, 0.1, random));
  maps.push_back(cells({500, 0, 516, 16}, 100, 0.1, random));
  maps.push_back(cells({4, 4, 20, 20}, 1, 0.1, random));
  maps.push_back(cells({900, 900, 920, 920}, 42, 0.1, random));  // alone
  maps.push_back(cells({504, 4, 520, 20}, 104, 0.1, random));
  maps.push_back({Box{}, {}, {}, 4});                             // missed the grid
  const auto solution = match_backgrounds(maps, {});
  EXPECT_EQ(solution.group, (std::vector<int>{0, 1, 0, 2, 1, 3}));
  EXPECT_EQ(solution.groups, 4);
  EXPECT_NEAR(solution.offset[0], 1, 0.03);
  EXPECT_NEAR(solution.offset[2], -1, 0.03);
  EXPECT_NEAR(solution.offset[1], -2, 0.03);
  EXPECT_NEAR(solution.offset[4], 2, 0.03);
  EXPECT_EQ(solution.offset[3], 0);
  EXPECT_EQ(solution.sigma[3], 0);
  EXPECT_EQ(solution.offset[5], 0);
  const auto nothing = match_backgrounds(std::span<const CellMap>{}, {});
  EXPECT_EQ(nothing.groups, 0);
}

TEST(Offsets, OfOutliersDoNotSetTheLevel) {
  std::mt19937_64 random{8};
  std::vector<CellMap> maps;
  for (int i = 0; i < 12; ++i) maps.push_back(cells({0, 0, 16, 16}, i == 5 ? 50 : 0.1 * (i % 4), 0.1, random));
  const auto solution = match_backgrounds(maps, {});
  for (int i = 0; i < 12; ++i) EXPECT_EQ(solution.outlier[i], i == 5) << i;
  EXPECT_NEAR(solution.offset[5], 50 - 1.7 / 11, 0.05);
  double sum = 0;
  for (int i = 0; i < 12; ++i) sum += i == 5 ? 0 : solution.offset[i];
  EXPECT_NEAR(sum, 0, 1e-9);
  BackgroundOptions few;
  few.min_images = 13;
  const auto plain = match_backgrounds(maps, few);
  EXPECT_EQ(plain.outlier[5], 0);
  EXPECT_NEAR(plain.offset[5] - plain.offset[0], solution.offset[5] - solution.offset[0], 1e-9) << "outliers move the level only";
  BackgroundOptions one_sided;
  one_sided.top_threshold = 1e3;
  EXPECT_EQ(match_backgrounds(maps, one_sided).outlier[5], 0);
}

namespace {

struct Exposure {
  Frame frame;
  Image<std::uint8_t> contaminated;  // by a star's light above a tenth of the noise, or a hit
  wcs::PixelMapPtr to_output;
};

/// A dithered, rotated exposure of `size`² pixels on a sky of stars (x, y, peak), unit noise, 80 hits.
Exposure expose(const std::vector<std::array<double, 3>>& stars, int size, double level, double angle, double dx, double dy, unsigned seed) {
  const double c = std::cos(angle), s = std::sin(angle);
  Exposure e{noise({0, 0, size, size}, 0, 0, 1, seed), Image<std::uint8_t>{size, size}, wcs::affine(c, -s, dx, s, c, dy)};
  for (const auto& star : stars) add_star(e.frame, c * (star[0] - dx) + s * (star[1] - dy), -s * (star[0] - dx) + c * (star[1] - dy), star[2], 1.8);
  std::mt19937_64 random{seed};
  std::uniform_int_distribution<int> place{0, size - 1};
  for (int k = 0; k < 80; ++k) e.frame.value(place(random), place(random)) += 200;
  const auto grain = noise({0, 0, size, size}, level, 1, 1, seed + 7777);
  for (int y = 0; y < size; ++y)
    for (int x = 0; x < size; ++x) {
      e.contaminated(x, y) = e.frame.value(x, y) > 0.1f;
      e.frame.value(x, y) += grain.value(x, y);
    }
  return e;
}

}  // namespace

TEST(Offsets, ComeWithinTheNoiseLimitFromFramesWithStarsAndHits) {
  // Limit: the error of the least squares over all uncontaminated pixels, each in a cell of its own.
  constexpr int n = 10, size = 128, trials = 6;
  const Box grid{0, 0, 200, 200};
  std::vector<double> error, limit;
  for (int t = 0; t < trials; ++t) {
    std::mt19937_64 random{static_cast<unsigned>(100 + t)};
    std::uniform_real_distribution<double> sky{0, 180}, decades{-0.5, 3}, unit{0, 1};
    std::vector<std::array<double, 3>> stars;
    for (int k = 0; k < 120; ++k) stars.push_back({sky(random), sky(random), std::pow(10, decades(random))});
    std::vector<double> truth;
    std::vector<CellMap> maps, ideal;
    for (int i = 0; i < n; ++i) {
      truth.push_back(100 + 20 * unit(random));
      const double dx = 20 + 12 * unit(random), dy = 20 + 12 * unit(random);
      const auto e = expose(stars, size, truth.back(), 0.02 * i, dx, dy, static_cast<unsigned>(1000 * t + i));
      const auto objects = mask_objects(e.frame.view(), measure_noise(e.frame.view()).scale, {});
      maps.push_back(cell_map(e.frame.view(), objects, *e.to_output, cell_side(size, 1), grid));
      ideal.push_back(cell_map(e.frame.view(), e.contaminated, *e.to_output, 1, grid));
    }
    BackgroundOptions options;
    options.min_images = 1000;
    const auto solution = match_backgrounds(maps, options), best = match_backgrounds(ideal, options);
    truth = centred(truth);
    for (int i = 0; i < n; ++i) error.push_back(solution.offset[i] - truth[i]), limit.push_back(best.sigma[i]);
  }
  std::printf("rms of offsets / noise limit: %.3f\n", rms(error) / rms(limit));
  EXPECT_LT(rms(error), 1.2 * rms(limit));
}

TEST(Offsets, OfThreeThousandSpreadFramesTakeSeconds) {
  std::mt19937_64 random{9};
  std::vector<CellMap> maps;
  std::uniform_int_distribution<int> shift{-4, 4};
  for (int i = 0; i < 3000; ++i) {
    const int x = 12 * (i % 60) + shift(random), y = 12 * (i / 60) + shift(random);
    maps.push_back(cells({x, y, x + 32, y + 32}, std::sin(i), 1, random));
  }
  const auto begin = std::chrono::steady_clock::now();
  BackgroundOptions options;
  options.min_images = 10000;
  const auto solution = match_backgrounds(maps, options);
  std::printf("3000 frames, %zu pairs: %.2f s\n", solution.pairs.size(), std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  EXPECT_EQ(solution.groups, 1);
  std::vector<double> truth;
  for (int i = 0; i < 3000; ++i) truth.push_back(std::sin(i));
  truth = centred(truth);
  double sum = 0;
  for (int i = 0; i < 3000; ++i) sum += std::pow((solution.offset[i] - truth[i]) / solution.sigma[i], 2);
  EXPECT_NEAR(std::sqrt(sum / 3000), 1, 0.1);
}

TEST(Offsets, AreTheSameWheneverAsked) {
  std::mt19937_64 random{10};
  std::vector<CellMap> maps;
  for (int i = 0; i < 30; ++i) maps.push_back(cells({i, 2 * i, i + 40, 2 * i + 40}, i, 1, random));
  const auto a = match_backgrounds(maps, {}), b = match_backgrounds(maps, {});
  EXPECT_EQ(a.offset, b.offset);
  EXPECT_EQ(a.sigma, b.sigma);
}

TEST(BackgroundOptions, HaveNamelistNames) {
  param::Schema<BackgroundOptions> schema;
  describe(schema);
  std::vector<std::string> names;
  for (const auto& f : std::move(schema).fields())
    for (const auto& a : f.aliases)
      if (a.dialect == "mopex") names.push_back(a.block + "." + a.key);
  EXPECT_EQ(names, (std::vector<std::string>{".compute_overlap_correction", "COMPUTEOVRLAPCORRIN.WEIGHT", "DETECT.Detection_Threshold", "COMPUTEOVRLAPCORRIN.TOP_THRESHOLD",
                                             "COMPUTEOVRLAPCORRIN.BOTTOM_THRESHOLD", "COMPUTEOVRLAPCORRIN.MIN_IMG_NUM", ".apply_zodiacal_correction", ".apply_zodiacal_subtraction"}));
}
