#include "tessera/background/smooth_sky.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "tessera/background/cell_grid.h"

namespace tessera::background {
namespace {

constexpr double least_seen = 0.1;

/// Natural cubic spline through values at 0, 1, 2 …; straight lines beyond its ends.
class Spline {
 public:
  void through(std::span<const double> values) {
    value_.assign(values.begin(), values.end());
    const std::size_t n = value_.size();
    curve_.assign(n, 0.0);
    if (n < 3) return;
    // m_{i−1} + 4 m_i + m_{i+1} = 6 (second difference), m = 0 at both ends.
    std::vector<double> diagonal(n, 4.0);
    for (std::size_t i = 1; i + 1 < n; ++i) {
      curve_[i] = 6 * (value_[i + 1] - 2 * value_[i] + value_[i - 1]);
      if (i > 1) {
        const double f = 1 / diagonal[i - 1];
        diagonal[i] -= f;
        curve_[i] -= f * curve_[i - 1];
      }
    }
    for (std::size_t i = n - 2; i >= 1; --i) curve_[i] = (curve_[i] - (i + 2 < n ? curve_[i + 1] : 0)) / diagonal[i];
  }
  double operator()(double t) const {
    const auto n = static_cast<int>(value_.size());
    if (n == 1) return value_[0];
    const int i = std::clamp(static_cast<int>(std::floor(t)), 0, n - 2);
    const auto k = static_cast<std::size_t>(i);
    const double step = value_[k + 1] - value_[k];
    if (t < 0) return value_[0] + t * (step - curve_[1] / 6);
    if (t > n - 1) return value_[k + 1] + (t - (n - 1)) * (step + curve_[k] / 6);
    const double b = t - i, a = 1 - b;
    return a * value_[k] + b * value_[k + 1] + ((a * a * a - a) * curve_[k] + (b * b * b - b) * curve_[k + 1]) / 6;
  }

 private:
  std::vector<double> value_, curve_;  // curve_: second derivatives
};

/// A node less 1/24 of its second difference; ends stay.
void sharpen(std::span<double> line) {
  double before = line.front();
  for (std::size_t i = 1; i + 1 < line.size(); ++i) {
    const double here = line[i];
    line[i] -= (before - 2 * here + line[i + 1]) / 24;
    before = here;
  }
}

}  // namespace

Image<float> smooth_sky(const FrameView& frame, int side) {
  const Box box = frame.box();
  Image<float> sky{box};
  if (box.empty()) return sky;
  CellGrid grid{box, side};
  std::vector<float> samples;
  for (int j = 0; j < grid.ny; ++j)
    for (int i = 0; i < grid.nx; ++i) {
      const Box cell = grid.cell(i, j);
      samples.clear();
      for (int y = cell.y0; y < cell.y1; ++y)
        for (int x = cell.x0; x < cell.x1; ++x)
          if (frame.good(x, y)) samples.push_back(frame.value(x, y));
      grid.at(i, j) = static_cast<double>(samples.size()) < least_seen * static_cast<double>(cell.area()) || samples.empty() ? NAN : clipped_median(samples);
    }
  grid.fill_unseen();
  std::vector<double> line;
  for (int j = 0; j < grid.ny; ++j) sharpen({&grid.at(0, j), static_cast<std::size_t>(grid.nx)});
  for (int i = 0; i < grid.nx; ++i) {
    line.clear();
    for (int j = 0; j < grid.ny; ++j) line.push_back(grid.at(i, j));
    sharpen(line);
    for (int j = 0; j < grid.ny; ++j) grid.at(i, j) = line[static_cast<std::size_t>(j)];
  }
  // Down the columns of nodes first, then along each row of pixels.
  std::vector<Spline> columns(static_cast<std::size_t>(grid.nx));
  for (int i = 0; i < grid.nx; ++i) {
    line.clear();
    for (int j = 0; j < grid.ny; ++j) line.push_back(grid.at(i, j));
    columns[static_cast<std::size_t>(i)].through(line);
  }
  Spline along;
  line.resize(static_cast<std::size_t>(grid.nx));
  for (int y = box.y0; y < box.y1; ++y) {
    for (std::size_t i = 0; i < columns.size(); ++i) line[i] = columns[i]((y - box.y0 + 0.5) * grid.ny / box.height() - 0.5);
    along.through(line);
    for (int x = box.x0; x < box.x1; ++x) sky(x, y) = static_cast<float>(along((x - box.x0 + 0.5) * grid.nx / box.width() - 0.5));
  }
  return sky;
}

}  // namespace tessera::background
