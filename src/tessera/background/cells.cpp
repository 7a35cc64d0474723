#include "tessera/background/cells.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "tessera/background/lattice.h"
#include "tessera/background/surface.h"

namespace tessera::background {
namespace {

constexpr int most_cells_across = 64;
constexpr double least_seen = 0.5;  // of the frame pixels that fit in a cell

/// Cells the frame may touch: from rows of the frame's map 16 apart, one cell to spare, cut to the grid.
Box touched_cells(Box frame, const wcs::PixelMap& map, int side, Box grid) {
  std::vector<double> u(static_cast<std::size_t>(frame.width())), v(u.size());
  double x0 = INFINITY, y0 = INFINITY, x1 = -INFINITY, y1 = -INFINITY;
  for (int y = frame.y0; y < frame.y1; y = y == frame.y1 - 1 ? frame.y1 : std::min(y + 16, frame.y1 - 1)) {
    map.apply_row(frame.x0, y, u, v);
    for (std::size_t i = 0; i < u.size(); ++i) {
      if (!std::isfinite(u[i]) || !std::isfinite(v[i])) continue;
      x0 = std::min(x0, u[i]), x1 = std::max(x1, u[i]);
      y0 = std::min(y0, v[i]), y1 = std::max(y1, v[i]);
    }
  }
  if (!(x0 <= x1)) return {};
  const auto pixel = [](double t, int lo, int hi) { return static_cast<int>(std::clamp(std::floor(t + 0.5), static_cast<double>(lo), static_cast<double>(hi))); };
  const Box pixels{pixel(x0 - side, grid.x0, grid.x1), pixel(y0 - side, grid.y0, grid.y1), pixel(x1 + side + 1, grid.x0, grid.x1),
                   pixel(y1 + side + 1, grid.y0, grid.y1)};
  if (pixels.empty()) return {};
  return {floor_div(pixels.x0, side), floor_div(pixels.y0, side), floor_div(pixels.x1 - 1, side) + 1, floor_div(pixels.y1 - 1, side) + 1};
}

/// Frame pixels that fit in one cell at the frame's centre; 0 when the map says nothing there.
double pixels_per_cell(Box frame, const wcs::PixelMap& map, int side) {
  const double cx = 0.5 * (frame.x0 + frame.x1 - 1), cy = 0.5 * (frame.y0 + frame.y1 - 1);
  const std::array<double, 4> x{cx - 0.5, cx + 0.5, cx, cx}, y{cy, cy, cy - 0.5, cy + 0.5};
  std::array<double, 4> u{}, v{};
  map.apply(x, y, u, v);
  const double output_per_input = std::abs((u[1] - u[0]) * (v[3] - v[2]) - (u[3] - u[2]) * (v[1] - v[0]));
  return output_per_input > 0 ? static_cast<double>(side) * side / output_per_input : 0;
}

}  // namespace

int cell_side(double frame_pixels_across, double output_per_input_pixel) {
  if (!(frame_pixels_across > 0) || !(output_per_input_pixel > 0)) return 2;
  const double for_count = frame_pixels_across * output_per_input_pixel / most_cells_across;
  const double for_size = 2 * std::max(1.0, output_per_input_pixel);  // 2 × 2 pixels of the coarser of the two planes
  return static_cast<int>(std::clamp(std::ceil(std::max(for_count, for_size) - 1e-9), 2.0, 1e6));
}

CellSums::CellSums(Box frame, const wcs::PixelMap& frame_to_output, int side, Box grid)
    : frame_{frame}, grid_{grid}, cells_{frame.empty() || side < 1 ? Box{} : touched_cells(frame, frame_to_output, side, grid)}, map_{frame_to_output}, side_{side},
      sums_(static_cast<std::size_t>(cells_.area())) {
  // Which cell an output column or row belongs to, counted from the first cell's first pixel: no division per pixel.
  if (!cells_.empty()) cell_of_.resize(static_cast<std::size_t>(std::max(cells_.width(), cells_.height())) * static_cast<std::size_t>(side));
  for (std::size_t k = 0; k < cell_of_.size(); ++k) cell_of_[k] = static_cast<int>(k) / side;
}

void CellSums::add(const FrameView& band, View<const std::uint8_t> objects) {
  if (cells_.empty()) return;
  const Box box = band.box();
  std::vector<double> u(static_cast<std::size_t>(box.width())), v(u.size());
  // Half-open in output pixels: a centre at u belongs to the pixel that holds u + ½.
  const double first_column = static_cast<double>(cells_.x0) * side_, first_row = static_cast<double>(cells_.y0) * side_;
  const double left = std::max(grid_.x0, cells_.x0 * side_), right = std::min(grid_.x1, cells_.x1 * side_);
  const double bottom = std::max(grid_.y0, cells_.y0 * side_), top = std::min(grid_.y1, cells_.y1 * side_);
  for (int y = box.y0; y < box.y1; ++y) {
    map_.apply_row(box.x0, y, u, v);
    const auto value = band.value.row(y), variance = band.variance.row(y);
    const auto good = band.good.row(y), object = objects.row(y);
    for (std::size_t i = 0; i < u.size(); ++i) {
      const double px = u[i] + 0.5, py = v[i] + 0.5;
      if (!good[i] || object[i] || !(px >= left && px < right && py >= bottom && py < top)) continue;  // false for NaN as well
      const int cx = cell_of_[static_cast<std::size_t>(px - first_column)], cy = cell_of_[static_cast<std::size_t>(py - first_row)];
      auto& sum = sums_[static_cast<std::size_t>(cy) * static_cast<std::size_t>(cells_.width()) + static_cast<std::size_t>(cx)];
      sum.value += static_cast<double>(value[i]);
      sum.variance += static_cast<double>(variance[i]);
      ++sum.n;
    }
  }
}

CellMap CellSums::finish() const {
  CellMap map{cells_, Image<float>{cells_}, Image<float>{cells_}, side_};
  if (cells_.empty()) return map;
  const double least = std::max(1.0, least_seen * pixels_per_cell(frame_, map_, side_));
  for (std::size_t k = 0; k < sums_.size(); ++k) {
    const auto n = static_cast<double>(sums_[k].n);
    if (n < least) continue;
    map.mean.pixels()[k] = static_cast<float>(sums_[k].value / n);
    map.variance.pixels()[k] = static_cast<float>(sums_[k].variance / (n * n));
  }
  return map;
}

CellMap cell_map(const FrameView& frame, View<const std::uint8_t> objects, const wcs::PixelMap& frame_to_output, int side, Box grid) {
  CellSums sums{frame.box(), frame_to_output, side, grid};
  sums.add(frame, objects);
  return sums.finish();
}

void place_cells(CellMap& map, const wcs::PixelMap& output_to_frame, Box frame) {
  map.u.reset(map.cells), map.v.reset(map.cells);
  const FrameScale scale{frame};
  const auto width = static_cast<std::size_t>(map.cells.width());
  std::vector<double> x(width), y(width), fx(width), fy(width);
  const auto centre = [&](int cell) { return (cell + 0.5) * map.side - 0.5; };
  for (std::size_t k = 0; k < width; ++k) x[k] = centre(map.cells.x0 + static_cast<int>(k));
  for (int j = map.cells.y0; j < map.cells.y1; ++j) {
    std::fill(y.begin(), y.end(), centre(j));
    output_to_frame.apply(x, y, fx, fy);
    const auto u = map.u.row(j), v = map.v.row(j);
    for (std::size_t k = 0; k < width; ++k) u[k] = static_cast<float>(scale.u(fx[k])), v[k] = static_cast<float>(scale.v(fy[k]));
  }
}

}  // namespace tessera::background
