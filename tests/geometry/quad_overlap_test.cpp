#include "tessera/geometry/quad_overlap.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "geometry/polygon_clip.h"

namespace {

using tessera::Box;
using tessera::geometry::OverlapTable;
using tessera::geometry::Quad;
using tessera::testing::clipped_area;

Quad rectangle(double x0, double y0, double x1, double y1) { return {{x0, x1, x1, x0}, {y0, y0, y1, y1}}; }

Quad square(double x, double y, double side, double angle) {
  Quad q{};
  const double c = side / 2 * std::cos(angle), s = side / 2 * std::sin(angle);
  q.x = {x - c + s, x + c + s, x + c - s, x - c - s};
  q.y = {y - s - c, y + s - c, y + s + c, y - s + c};
  return q;
}

double total(const OverlapTable& table) {
  double sum = 0;
  for (int y = table.box().y0; y < table.box().y1; ++y)
    for (const double a : table.row(y)) sum += a;
  return sum;
}

// Areas of the table, the clipper's in every pixel around, and the sum.
void expect_as_clipped(const Quad& q, double tolerance) {
  OverlapTable table;
  table.compute(q);
  EXPECT_NEAR(total(table), std::abs(tessera::geometry::area(q)), tolerance);
  const Box around = tessera::geometry::pixels_under(q).grown(1);
  for (int y = around.y0; y < around.y1; ++y)
    for (int x = around.x0; x < around.x1; ++x)
      ASSERT_NEAR(table.box().contains(x, y) ? table(x, y) : 0.0, clipped_area(q, x, y), tolerance) << "pixel " << x << ", " << y;
}

TEST(QuadOverlap, GivesAPixelOverItselfTheAreaOne) {
  OverlapTable table;
  table.compute(rectangle(2.5, 6.5, 3.5, 7.5));
  EXPECT_EQ(table.box(), (Box{3, 7, 4, 8}));
  EXPECT_EQ(table(3, 7), 1.0);
}

TEST(QuadOverlap, SplitsAHalfShiftedPixelInFourQuarters) {
  OverlapTable table;
  table.compute(rectangle(0, 0, 1, 1));
  EXPECT_EQ(table.box(), (Box{0, 0, 2, 2}));
  for (int y = 0; y < 2; ++y)
    for (int x = 0; x < 2; ++x) EXPECT_EQ(table(x, y), 0.25);
}

TEST(QuadOverlap, AgreesWithThePolygonClipperAtAnyAngleAndSize) {
  std::mt19937_64 random{1};
  std::uniform_real_distribution<double> place{-20, 20}, turn{-4, 4};
  for (const double side : {1e-6, 0.1, 0.5, 1.0, 1.4, 2.0, 7.3, 40.0})
    for (int n = 0; n < (side > 5 ? 10 : 200); ++n) expect_as_clipped(square(place(random), place(random), side, turn(random)), 1e-12 * std::max(1.0, side));
}

TEST(QuadOverlap, AgreesWithThePolygonClipperForConvexQuadsOfEitherSense) {
  std::mt19937_64 random{2};
  std::uniform_real_distribution<double> place{-3, 3}, wobble{-0.2, 0.2}, turn{-4, 4};
  for (int n = 0; n < 500; ++n) {
    Quad q = square(place(random), place(random), 1.5, turn(random));
    for (std::size_t k = 0; k < 4; ++k) {
      q.x[k] += wobble(random);
      q.y[k] += wobble(random);
    }
    if (n % 2) {
      std::swap(q.x[1], q.x[3]);
      std::swap(q.y[1], q.y[3]);
    }
    expect_as_clipped(q, 1e-12);
  }
}

TEST(QuadOverlap, IsExactWhereCornersLieOnGridLines) {
  expect_as_clipped(Quad{{-0.5, 1.5, 3.5, 1.5}, {1.5, -0.5, 1.5, 3.5}}, 1e-14);  // a diamond through grid points
  expect_as_clipped(Quad{{-0.5, 2.5, 2.5, -0.5}, {-0.5, 0.5, 1.5, 0.5}}, 1e-14);
  expect_as_clipped(rectangle(-0.5, -0.5, 4.5, 2.5), 1e-14);
  expect_as_clipped(rectangle(-0.5, 0.2, 0.5, 0.3), 1e-14);
  expect_as_clipped(Quad{{0, 1, 1, 0}, {0, 1e-13, 1, 1 - 1e-13}}, 1e-12);  // almost along the axes
}

TEST(QuadOverlap, CutsATriangleWithARepeatedCorner) { expect_as_clipped(Quad{{0, 3, 3, 0.5}, {0, 0, 0, 2}}, 1e-13); }

TEST(QuadOverlap, IsEmptyForQuadsWithoutArea) {
  OverlapTable table;
  for (const Quad& q : {rectangle(1, 1, 1, 1), rectangle(0, 1, 5, 1), Quad{{0, 1, 2, 3}, {0, 1, 2, 3}}}) {
    table.compute(q);
    EXPECT_TRUE(table.box().empty());
  }
  table.compute(Quad{{0, 1, std::nan(""), 0}, {0, 0, 1, 1}});
  EXPECT_TRUE(table.box().empty());
  table.compute(Quad{{0, 1, std::numeric_limits<double>::infinity(), 0}, {0, 0, 1, 1}});
  EXPECT_TRUE(table.box().empty());
}

TEST(QuadOverlap, ClippedToABoxGivesTheSameAreasInside) {
  std::mt19937_64 random{3};
  std::uniform_real_distribution<double> place{-4, 4}, turn{-4, 4};
  OverlapTable table;
  const Box clip{-2, -3, 3, 1};
  for (int n = 0; n < 300; ++n) {
    const Quad q = square(place(random), place(random), n % 2 ? 3.3 : 14.0, turn(random));
    table.compute(q, clip);
    EXPECT_TRUE(clip.contains(table.box()));
    for (int y = clip.y0; y < clip.y1; ++y)
      for (int x = clip.x0; x < clip.x1; ++x) ASSERT_NEAR(table.box().contains(x, y) ? table(x, y) : 0.0, clipped_area(q, x, y), 1e-12);
  }
}

TEST(QuadOverlap, TakesQuadsOfAnySizeAtTheCostOfTheClip) {
  OverlapTable table;
  const Box clip{0, 0, 5, 4};
  table.compute(rectangle(-1e100, -1e100, 1e100, 1e100), clip);
  EXPECT_EQ(table.box(), clip);
  EXPECT_DOUBLE_EQ(total(table), 20.0);
  table.compute(square(2, 2, 1e9, 0.7), clip);
  EXPECT_NEAR(total(table), 20.0, 1e-6);
  table.compute(rectangle(100, 100, 101, 101), clip);
  EXPECT_TRUE(table.box().empty());
}

TEST(QuadOverlap, SharesAPlaneAmongTilingQuadsWithoutGapOrOverlap) {
  // Quads of a wobbly lattice tile the plane: in an inner pixel their areas add up to one.
  std::mt19937_64 random{4};
  std::uniform_real_distribution<double> wobble{-0.3, 0.3};
  constexpr int n = 14;
  std::vector<double> x(n * n), y(n * n), sum(100, 0.0);
  for (int j = 0; j < n; ++j)
    for (int i = 0; i < n; ++i) {
      x[static_cast<std::size_t>(j * n + i)] = i - 2 + wobble(random);
      y[static_cast<std::size_t>(j * n + i)] = j - 2 + wobble(random);
    }
  OverlapTable table;
  for (int j = 0; j + 1 < n; ++j)
    for (int i = 0; i + 1 < n; ++i) {
      const auto k = [&](int di, int dj) { return static_cast<std::size_t>((j + dj) * n + i + di); };
      table.compute({{x[k(0, 0)], x[k(1, 0)], x[k(1, 1)], x[k(0, 1)]}, {y[k(0, 0)], y[k(1, 0)], y[k(1, 1)], y[k(0, 1)]}}, {0, 0, 10, 10});
      const Box b = table.box();
      for (int v = b.y0; v < b.y1; ++v)
        for (int u = b.x0; u < b.x1; ++u) sum[static_cast<std::size_t>(v * 10 + u)] += table(u, v);
    }
  for (const double a : sum) EXPECT_NEAR(a, 1.0, 1e-13);
}

}  // namespace
