#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <cmath>
#include <functional>

#include "background/synthetic.h"
#include "tessera/background/equations_private.h"
#include "tessera/background/selected_inverse_private.h"

using namespace tessera;
using namespace tessera::background;
using namespace synthetic;

namespace {

struct Scene {
  int frames;
  std::function<Box(int)> box;
  std::function<double(int)> sigma;
};
const Scene full_stack{12, [](int) { return Box{0, 0, 12, 12}; }, [](int i) { return 1 + 0.2 * (i % 3); }};
const Scene chain{10, [](int i) { return Box{14 * i, 3 * (i % 2), 14 * i + 20, 3 * (i % 2) + 16}; }, [](int i) { return 1 + 0.3 * (i % 2); }};
const Scene lattice{49, [](int i) { return Box{6 * (i % 7), 6 * (i / 7), 6 * (i % 7) + 12, 6 * (i / 7) + 12}; }, [](int) { return 1.0; }};

struct Pulls {
  double offsets = 0, differences = 0;  // rms of error / σ
};
Pulls pulls(const Scene& scene, int trials, BackgroundOptions options) {
  std::mt19937_64 random{2024};
  options.min_images = 100000;
  double of_offsets = 0, of_differences = 0;
  long n = 0, pairs = 0;
  for (int t = 0; t < trials; ++t) {
    std::vector<CellMap> maps;
    for (int i = 0; i < scene.frames; ++i) maps.push_back(cells(scene.box(i), 3, scene.sigma(i), random));
    const auto s = match_backgrounds(maps, options);
    for (int i = 0; i < scene.frames; ++i)
      if (s.sigma[i] > 0) of_offsets += std::pow(s.offset[i] / s.sigma[i], 2), ++n;
    for (const auto& p : s.pairs) {
      const double variance = s.covariance(p.m, p.m) + s.covariance(p.n, p.n) - 2 * s.covariance(p.m, p.n);
      of_differences += std::pow(s.offset[p.m] - s.offset[p.n], 2) / variance, ++pairs;
    }
  }
  return {std::sqrt(of_offsets / static_cast<double>(n)), std::sqrt(of_differences / static_cast<double>(pairs))};
}

/// Sums over the grid of cells with dense matrices: the plain form of the sandwich.
Eigen::MatrixXd dense_sandwich(const std::vector<CellMap>& maps, const std::vector<PairDifference>& pairs) {
  const auto n = static_cast<Eigen::Index>(maps.size());
  Eigen::MatrixXd normal = Eigen::MatrixXd::Zero(n, n), noise = Eigen::MatrixXd::Zero(n, n);
  const auto fitted = [&](Eigen::Index a, Eigen::Index b) {
    return std::any_of(pairs.begin(), pairs.end(), [&](const auto& p) { return p.m == std::min(a, b) && p.n == std::max(a, b); });
  };
  for (const auto& p : pairs) normal(p.m, p.m) += p.weight, normal(p.n, p.n) += p.weight, normal(p.m, p.n) -= p.weight, normal(p.n, p.m) -= p.weight;
  for (int y = -10; y < 100; ++y)
    for (int x = -10; x < 200; ++x) {
      Eigen::MatrixXd laplacian = Eigen::MatrixXd::Zero(n, n), variance = Eigen::MatrixXd::Zero(n, n);
      for (Eigen::Index a = 0; a < n; ++a) {
        if (!maps[a].cells.contains(x, y)) continue;
        variance(a, a) = static_cast<double>(maps[a].variance(x, y));
        for (Eigen::Index b = 0; b < n; ++b) {
          if (a == b || !maps[b].cells.contains(x, y) || !fitted(a, b)) continue;
          const double w = 1 / static_cast<double>(maps[a].variance(x, y) + maps[b].variance(x, y));
          laplacian(a, a) += w, laplacian(a, b) -= w;
        }
      }
      noise += laplacian * variance * laplacian;
    }
  // Σ ε = 0 is the pseudo-inverse.
  const Eigen::MatrixXd inverse = normal.completeOrthogonalDecomposition().pseudoInverse();
  return inverse * noise * inverse;
}

}  // namespace

TEST(SelectedInverse, HoldsElementsOfTheDenseProduct) {
  std::mt19937_64 random{1};
  std::uniform_real_distribution<double> uniform{-1, 1};
  const int n = 40;
  Eigen::SparseMatrix<double> a{n, n}, b{n, n};
  Eigen::MatrixXd dense_a = Eigen::MatrixXd::Zero(n, n), dense_b = dense_a;
  for (int i = 0; i < n; ++i)
    for (int j = 0; j <= i; ++j)
      if (i == j || i - j == 1 || (i * 7 + j * 13) % 11 == 0) {
        dense_a(i, j) = dense_a(j, i) = i == j ? 15 + uniform(random) : uniform(random);
        dense_b(i, j) = dense_b(j, i) = uniform(random);
        a.insert(i, j) = dense_a(i, j), b.insert(i, j) = dense_b(i, j);
      }
  const SelectedInverse selected{a, b};
  const Eigen::MatrixXd inverse = dense_a.inverse(), product = inverse * dense_b * inverse;
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j)
      if (dense_a(i, j) != 0) {
        EXPECT_NEAR(selected(i, j), product(i, j), 1e-14);
      }
}

TEST(OffsetCovariance, IsTheDenseSandwichOnOverlappingPairs) {
  for (const Scene& scene : {full_stack, chain, lattice}) {
    std::mt19937_64 random{2};
    std::vector<CellMap> maps;
    for (int i = 0; i < scene.frames; ++i) maps.push_back(cells(scene.box(i), i, scene.sigma(i), random));
    BackgroundOptions options;
    options.clip = 1000;
    options.min_images = 1000;
    options.min_overlap = 20 * 16;
    const auto s = match_backgrounds(maps, options);
    const auto dense = dense_sandwich(maps, s.pairs);
    for (const auto& [m, n] : overlapping_pairs(maps)) EXPECT_NEAR(s.covariance(m, n), dense(m, n), 1e-9 * dense.diagonal().maxCoeff()) << m << ' ' << n;
    for (int i = 0; i < scene.frames; ++i) EXPECT_NEAR(s.sigma[i] * s.sigma[i], dense(i, i), 1e-9 * dense.diagonal().maxCoeff());
  }
}

TEST(OffsetCovariance, OfRandomDrawsAgreesWithTheExactOne) {
  std::mt19937_64 random{5};
  std::vector<CellMap> maps;
  for (int i = 0; i < lattice.frames; ++i) maps.push_back(cells(lattice.box(i), i, 1, random));
  for (const auto statistic : {Statistic::weighted, Statistic::median}) {
    BackgroundOptions options;
    options.statistic = statistic;
    options.min_images = 1000;
    const auto s = match_backgrounds(maps, options);
    std::vector<int> group_of;
    const auto group = split_groups(maps.size(), s.pairs, group_of).front();
    const auto pairs = overlapping_pairs(maps);
    OffsetCovariance drawn{maps.size(), pairs, 1};
    const std::vector<double> level(maps.size(), 1.0 / static_cast<double>(maps.size()));
    fill_covariance(maps, group, Equations{maps, group, options}, options, level, drawn, 0);
    double sum = 0;
    for (const auto& [m, n] : pairs) {
      const double exact = s.covariance(m, m) + s.covariance(n, n) - 2 * s.covariance(m, n), found = drawn(m, m) + drawn(n, n) - 2 * drawn(m, n);
      EXPECT_NEAR(found / exact, 1, 0.4) << "five times sqrt(2 / 256)";
      sum += found / exact;
    }
    EXPECT_NEAR(sum / static_cast<double>(pairs.size()), 1, 0.05);
  }
}

TEST(OffsetCovariance, GivesPullsOfWidthOneForOffsetsAndTheirDifferences) {
  // 300 trials: 2 % at most for the correlated pulls of a stack.
  for (const Scene& scene : {full_stack, chain, lattice}) {
    const auto found = pulls(scene, 300, {});
    EXPECT_NEAR(found.offsets, 1, 0.05);
    EXPECT_NEAR(found.differences, 1, 0.05);
  }
}

TEST(OffsetCovariance, HoldsForEveryStatisticAndLevel) {
  for (const auto statistic : {Statistic::mean, Statistic::median, Statistic::midpt}) {
    BackgroundOptions options;
    options.statistic = statistic;
    const auto found = pulls(lattice, 100, options);
    EXPECT_NEAR(found.offsets, 1, 0.05) << static_cast<int>(statistic);
    EXPECT_NEAR(found.differences, 1, 0.05) << static_cast<int>(statistic);
  }
  BackgroundOptions mode;
  mode.statistic = Statistic::mode;
  EXPECT_NEAR(pulls(lattice, 100, mode).differences, 1, 0.15);
  BackgroundOptions weight;
  weight.weight = 1;
  const auto held = pulls(lattice, 150, weight);
  EXPECT_NEAR(held.offsets, 1, 0.05) << "of a truth of zero";
  EXPECT_NEAR(held.differences, 1, 0.05);
}

TEST(OffsetCovariance, GivesPullsOfWidthOneForPlanes) {
  std::mt19937_64 random{3};
  BackgroundOptions options;
  options.method = Method::plane;
  options.min_images = 1000;
  double sum = 0, slopes = 0;
  long n = 0;
  for (int t = 0; t < 150; ++t) {
    std::vector<CellMap> maps;
    for (int i = 0; i < lattice.frames; ++i) {
      const Box box = lattice.box(i);
      maps.push_back(cells(box, 3, 1, random));
      place_cells(maps.back(), *wcs::affine(1, 0, -4.0 * box.x0, 0, 1, -4.0 * box.y0), {0, 0, 48, 48});
    }
    const auto s = match_backgrounds(maps, options);
    for (int i = 0; i < lattice.frames; ++i, ++n) {
      sum += std::pow(s.offset[i] / s.sigma[i], 2);
      slopes += std::pow(s.surface[2 * static_cast<std::size_t>(i)], 2) / s.covariance(i, i, 1, 1);
    }
  }
  EXPECT_NEAR(std::sqrt(sum / static_cast<double>(n)), 1, 0.05);
  EXPECT_NEAR(std::sqrt(slopes / static_cast<double>(n)), 1, 0.05);
}

TEST(MosaicError, IsThatOfTheMeanOfTheFrames) {
  // A full stack with Σ ε = 0: the mean of all frames does not feel the offsets; the mean of half of them does.
  std::mt19937_64 random{4};
  std::vector<CellMap> maps;
  for (int i = 0; i < 8; ++i) maps.push_back(cells({0, 0, 40, 40}, 0, 2, random));
  const auto s = match_backgrounds(maps, {});
  const std::vector<double> all(8, 0.5), half{1, 1, 1, 1, 0, 0, 0, 0};
  EXPECT_NEAR(mosaic_error(maps, all, s.covariance).largest, 0, 1e-8);
  EXPECT_NEAR(mosaic_error(maps, half, s.covariance).median, 2.0 / 40 / std::sqrt(8.0), 1e-6);
}
