#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "background/synthetic.h"
#include "tessera/wcs/pixel_map.h"

using namespace tessera;
using namespace tessera::background;
using namespace synthetic;

namespace {

struct Slow {
  double value = 0, variance = 0;
  int n = 0;
};

/// Every pixel by itself, through the map's point call.
std::map<std::pair<int, int>, Slow> slow_cells(const Frame& frame, const Image<std::uint8_t>& objects, const wcs::PixelMap& map, int side, Box grid) {
  std::map<std::pair<int, int>, Slow> cells;
  for (int y = frame.box().y0; y < frame.box().y1; ++y)
    for (int x = frame.box().x0; x < frame.box().x1; ++x) {
      const double px = x, py = y;
      double u = 0, v = 0;
      map.apply({&px, 1}, {&py, 1}, {&u, 1}, {&v, 1});
      const int ox = static_cast<int>(std::floor(u + 0.5)), oy = static_cast<int>(std::floor(v + 0.5));
      if (!frame.good(x, y) || objects(x, y) || !grid.contains(ox, oy)) continue;
      auto& cell = cells[{ox / side, oy / side}];
      cell.value += static_cast<double>(frame.value(x, y)), cell.variance += static_cast<double>(frame.variance(x, y)), ++cell.n;
    }
  return cells;
}

}  // namespace

TEST(CellSide, KeepsAtMostSixtyFourCellsAcrossAFrame) {
  EXPECT_EQ(cell_side(256, 1), 4);
  EXPECT_EQ(cell_side(256, 2), 8);
  EXPECT_EQ(cell_side(2048, 1), 32);
  EXPECT_EQ(cell_side(30, 1), 2);
  EXPECT_EQ(cell_side(30, 3), 6) << "two by two pixels of the frame";
  EXPECT_EQ(cell_side(NAN, 1), 2);
}

TEST(CellMap, AgreesWithTheSumWrittenOut) {
  auto frame = noise({0, 0, 90, 70}, 3, 1, 0.5, 1);
  Image<std::uint8_t> objects{frame.box()};
  for (int k = 0; k < 400; ++k) set_bad(frame, (k * 37) % 90, (k * 11) % 70), objects((k * 17) % 90, (k * 29) % 70) = 1;
  const auto map = wcs::affine(0.9, 0.35, -12.3, -0.33, 0.95, 5.7);  // partly off the grid
  const Box grid{0, 0, 75, 68};
  const int side = 5;
  const auto found = cell_map(frame.view(), objects, *map, side, grid);
  const auto slow = slow_cells(frame, objects, *map, side, grid);
  const double expected = side * side / (0.9 * 0.95 + 0.35 * 0.33);
  int counted = 0;
  for (const auto& [at, cell] : slow) {
    ASSERT_TRUE(found.cells.contains(at.first, at.second));
    const float mean = found.mean(at.first, at.second), variance = found.variance(at.first, at.second);
    if (cell.n < 0.5 * expected) {
      EXPECT_EQ(variance, 0.0f);
    } else {
      ++counted;
      EXPECT_FLOAT_EQ(mean, static_cast<float>(cell.value / cell.n));
      EXPECT_FLOAT_EQ(variance, static_cast<float>(cell.variance / (cell.n * cell.n)));
    }
  }
  EXPECT_GT(counted, 60);
  int seen = 0;
  for (const float v : found.variance.pixels()) seen += v > 0;
  EXPECT_EQ(seen, counted);
}

TEST(CellMap, GivesFramesOnOneGridTheSameCells) {
  // The right half of a frame as a frame of its own: same pixels, same cells, same sums where cells are whole.
  const auto frame = noise({0, 0, 64, 64}, 3, 1, 1, 2);
  const Image<std::uint8_t> objects{frame.box()};
  const auto map = wcs::affine(1, 0, 8, 0, 1, 4);
  const auto whole = cell_map(frame.view(), objects, *map, 4, {0, 0, 100, 100});
  const Box half{32, 0, 64, 64};
  const FrameView part{frame.value.view().window(half), frame.variance.view().window(half), frame.good.view().window(half)};
  const auto right = cell_map(part, objects.view().window(half), *map, 4, {0, 0, 100, 100});
  int same = 0;
  for (int j = right.cells.y0; j < right.cells.y1; ++j)
    for (int i = right.cells.x0; i < right.cells.x1; ++i) {
      if (!(right.variance(i, j) > 0)) continue;
      EXPECT_EQ(right.mean(i, j), whole.mean(i, j));
      ++same;
    }
  EXPECT_EQ(same, 8 * 16);
}

TEST(CellMap, IsEmptyWhenTheFrameMissesTheGrid) {
  const auto frame = noise({0, 0, 32, 32}, 3, 1, 1, 2);
  const Image<std::uint8_t> objects{frame.box()};
  EXPECT_TRUE(cell_map(frame.view(), objects, *wcs::affine(1, 0, 5000, 0, 1, 0), 4, {0, 0, 100, 100}).cells.empty());
  EXPECT_TRUE(cell_map(frame.view(), objects, *wcs::affine(NAN, 0, 0, 0, 1, 0), 4, {0, 0, 100, 100}).cells.empty());
  const Frame none{Box{}};
  EXPECT_TRUE(cell_map(none.view(), Image<std::uint8_t>{Box{}}, *wcs::affine(1, 0, 0, 0, 1, 0), 4, {0, 0, 100, 100}).cells.empty());
}
