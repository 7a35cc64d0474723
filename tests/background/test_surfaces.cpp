#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "background/synthetic.h"
#include "tessera/background/surface.h"

using namespace tessera;
using namespace tessera::background;
using namespace synthetic;

namespace {

constexpr int side = 24, across = 4;  // cells of a frame, frames of the lattice

/// A lattice of frames, half of each common with its neighbours; a cell has `sky(x, y)` of the grid and `frame(i, u, v)` of frame i.
template <class Sky, class Of>
std::vector<CellMap> lattice(double sigma, Sky&& sky, Of&& frame) {
  std::mt19937_64 random{11};
  std::vector<CellMap> maps;
  for (int i = 0; i < across * across; ++i) {
    const int x0 = side / 2 * (i % across), y0 = side / 2 * (i / across);
    auto map = cells({x0, y0, x0 + side, y0 + side}, 0, sigma, random);
    if (sigma == 0)
      for (auto& v : map.variance.pixels()) v = 1e-4F;
    place_cells(map, *wcs::affine(1, 0, -4.0 * x0, 0, 1, -4.0 * y0), {0, 0, 4 * side, 4 * side});
    for (int y = y0; y < y0 + side; ++y)
      for (int x = x0; x < x0 + side; ++x) map.mean(x, y) += static_cast<float>(sky(x, y) + frame(i, static_cast<double>(map.u(x, y)), static_cast<double>(map.v(x, y))));
    maps.push_back(std::move(map));
  }
  return maps;
}

BackgroundOptions of_order(int order, double stiffness = 0.01) {
  BackgroundOptions options;
  options.method = Method::surface;
  options.order = order;
  options.stiffness = stiffness;
  options.min_images = 1000;
  return options;
}

/// What all frames' surfaces leave of the differences between frames, rms over cells that two frames see.
double disagreement(const std::vector<CellMap>& maps, const OffsetSolution& s) {
  const SurfaceBasis basis{s.order};
  const auto more = static_cast<std::size_t>(basis.terms() - 1);
  const auto level = [&](int i, int x, int y) {
    std::array<double, most_surface_terms> c{s.offset[i]};
    for (std::size_t t = 0; t < more; ++t) c[t + 1] = s.surface[static_cast<std::size_t>(i) * more + t];
    return basis.sum(static_cast<double>(maps[i].u(x, y)), static_cast<double>(maps[i].v(x, y)), {c.data(), more + 1});
  };
  double sum = 0;
  long n = 0;
  for (const auto& [a, b] : overlapping_pairs(maps)) {
    const Box common = intersection(maps[a].cells, maps[b].cells);
    for (int y = common.y0; y < common.y1; ++y)
      for (int x = common.x0; x < common.x1; ++x, ++n)
        sum += std::pow(static_cast<double>(maps[a].mean(x, y)) - level(a, x, y) - static_cast<double>(maps[b].mean(x, y)) + level(b, x, y), 2);
  }
  return std::sqrt(sum / static_cast<double>(n));
}

}  // namespace

TEST(SurfaceBasis, IsOrthogonalOverTheFrame) {
  const SurfaceBasis basis{4};
  ASSERT_EQ(basis.terms(), most_surface_terms);
  const int n = 400;
  std::array<std::array<double, most_surface_terms>, most_surface_terms> product{};
  for (int j = 0; j < n; ++j)
    for (int i = 0; i < n; ++i) {
      std::array<double, most_surface_terms> t{};
      basis.values((2 * i + 1.0) / n - 1, (2 * j + 1.0) / n - 1, t);
      for (int a = 0; a < basis.terms(); ++a)
        for (int b = 0; b < basis.terms(); ++b) product[a][b] += t[a] * t[b] / (n * n);
    }
  for (int a = 0; a < basis.terms(); ++a)
    for (int b = 0; b < basis.terms(); ++b)
      if (a != b) EXPECT_NEAR(product[a][b], 0, 1e-4) << a << ' ' << b;
      else EXPECT_GT(product[a][a], 0.01);
  const std::array<double, 3> plane{3, 0.5, -2};
  EXPECT_DOUBLE_EQ(SurfaceBasis{1}.sum(0.25, -1, plane), 3 + 0.125 + 2);
  const FrameScale scale{Box{0, 0, 256, 128}};
  EXPECT_DOUBLE_EQ(scale.u(-0.5), -1);
  EXPECT_DOUBLE_EQ(scale.v(127.5), 1);
}

TEST(Surfaces, MakeFramesAgreeThatDifferByPolynomials) {
  const auto maps = lattice(0, [](int x, int y) { return 5 * std::sin(0.05 * x) * std::cos(0.07 * y); },
                            [](int i, double u, double v) { return std::sin(i) + 0.3 * std::cos(3 * i) * u - 0.2 * std::sin(5 * i) * v + 0.1 * std::cos(7 * i) * u * v + 0.1 * std::sin(2 * i) * v * v; });
  EXPECT_GT(disagreement(maps, match_backgrounds(maps, of_order(1, 1e-4))), 0.02);
  EXPECT_LT(disagreement(maps, match_backgrounds(maps, of_order(2, 1e-4))), 2e-4);
  EXPECT_LT(disagreement(maps, match_backgrounds(maps, of_order(3, 1e-4))), 3e-4);
}

TEST(Surfaces, LeaveEmissionThatFramesSeeAlike) {
  // A plane, a parabola and waves over the whole mosaic: nothing differs between frames, so nothing is subtracted.
  const auto maps = lattice(0, [](int x, int y) { return 0.3 * x - 0.2 * y + 0.01 * x * x + 3 * std::sin(0.1 * x); }, [](int, double, double) { return 0.0; });
  for (const int order : {1, 2, 4}) {
    const auto s = match_backgrounds(maps, of_order(order));
    for (const double c : s.surface) EXPECT_NEAR(c, 0, 2e-5);
    for (const double e : s.offset) EXPECT_NEAR(e, 0, 1e-4);
  }
}

TEST(Surfaces, TakeForSkyWhatAllFramesHaveInCommon) {
  // The choice the page tells: a slope common to all frames stays in the mosaic.
  const auto maps = lattice(0, [](int, int) { return 0.0; }, [](int i, double u, double) { return (i % 2 ? 0.5 : 0.1) * u; });
  const auto s = match_backgrounds(maps, of_order(1, 1e-4));
  double mean = 0;
  for (int i = 0; i < across * across; ++i) mean += s.surface[2 * static_cast<std::size_t>(i)] / (across * across);
  EXPECT_NEAR(mean, 0, 1e-4);
  EXPECT_NEAR(s.surface[2] - s.surface[0], 0.4, 1e-3);
}

TEST(Surfaces, AreNotMovedByObjectsThatSlopesHide) {
  // Slopes of 100 σ across a frame, and 30 cells of one frame 20 σ up: only the second pass can see them.
  const auto slope = [](int i, double u, double v) { return 2 * std::sin(3 * i) * u + 2 * std::cos(4 * i) * v; };
  auto maps = lattice(0.04, [](int, int) { return 0.0; }, slope);
  const auto clean = match_backgrounds(maps, of_order(1));
  for (int k = 0; k < 30; ++k) maps[5].mean(maps[5].cells.x0 + 2 + k % 6, maps[5].cells.y0 + 3 + k / 6) += 0.8F;
  const auto dirty = match_backgrounds(maps, of_order(1));
  EXPECT_NEAR(dirty.offset[5], clean.offset[5], clean.sigma[5]);
  EXPECT_NEAR(dirty.surface[10], clean.surface[10], std::sqrt(clean.covariance(5, 5, 1, 1)));
}
