#include "tessera/background/sky_mesh_private.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "tessera/base/clones.h"
#include "tessera/core/statistics.h"

namespace tessera::background {
namespace {

constexpr int mesh_side = 32;          // pixels
constexpr double least_seen = 0.2;     // of a mesh cell's samples, else its neighbours stand in

TESSERA_CLONES void interpolate(float from, float to, const float* __restrict fraction, float* __restrict out, int n) {
  const float step = to - from;
  for (int i = 0; i < n; ++i) out[i] = from + fraction[i] * step;
}

struct Nodes {
  int lower, upper;
  double fraction;
};
Nodes nodes(int pixel, int pixels, int cells) {
  if (cells == 1) return {0, 0, 0};
  const double t = (pixel + 0.5) * cells / pixels - 0.5;
  const int lower = std::clamp(static_cast<int>(std::floor(t)), 0, cells - 2);
  return {lower, lower + 1, t - lower};  // the outer half cells continue the slope
}

/// Clipped median of every eighth pixel (a sky level needs no more); NaN when too few are good.
double cell_background(const FrameView& frame, Box cell, std::vector<float>& samples) {
  samples.clear();
  std::size_t looked_at = 0;
  for (int y = cell.y0; y < cell.y1; ++y) {
    const auto value = frame.value.row(y);
    const auto good = frame.good.row(y);
    const int x0 = frame.box().x0;
    for (int x = cell.x0 + (3 * y & 7); x < cell.x1; x += 8) {
      ++looked_at;
      if (good[x - x0]) samples.push_back(value[x - x0]);
    }
  }
  if (samples.empty() || static_cast<double>(samples.size()) < least_seen * static_cast<double>(looked_at)) return NAN;
  return clipped_median(samples);
}

}  // namespace

SkyMesh::SkyMesh(const FrameView& frame) : SkyMesh{frame.box(), [&](int, int) { return frame; }} {}

SkyMesh::SkyMesh(Box frame, const FrameRows& rows) : grid_{frame, mesh_side} {
  std::vector<float> samples;
  for (int j = 0; j < grid_.ny; ++j) {
    const FrameView band = rows(grid_.cell(0, j).y0, grid_.cell(0, j).y1);
    for (int i = 0; i < grid_.nx; ++i) grid_.at(i, j) = cell_background(band, grid_.cell(i, j), samples);
  }
  grid_.fill_unseen();
  filter();
  for (int x = 0; x < grid_.box.width(); ++x) {
    const auto [lower, upper, fraction] = nodes(x, grid_.box.width(), grid_.nx);
    if (spans_.empty() || spans_.back().lower != lower) spans_.push_back({x, lower, upper});
    fraction_.push_back(static_cast<float>(fraction));
  }
}

void SkyMesh::row(int y, std::vector<float>& out) const {
  const auto [j0, j1, fy] = nodes(y - grid_.box.y0, grid_.box.height(), grid_.ny);
  std::vector<float> node(static_cast<std::size_t>(grid_.nx));
  for (int i = 0; i < grid_.nx; ++i) node[i] = static_cast<float>((1 - fy) * grid_.at(i, j0) + fy * grid_.at(i, j1));
  out.resize(fraction_.size());
  for (std::size_t s = 0; s < spans_.size(); ++s) {
    const int end = s + 1 < spans_.size() ? spans_[s + 1].first : grid_.box.width();
    interpolate(node[spans_[s].lower], node[spans_[s].upper], &fraction_[spans_[s].first], &out[spans_[s].first], end - spans_[s].first);
  }
}

/// Median of 3 × 3 cells: a cell that a bright star fills must not hide the star. Beyond the border the mesh is continued
/// by its slope, so that a tilted sky passes unchanged.
void SkyMesh::filter() {
  if (grid_.nx < 3 || grid_.ny < 3) return;
  std::vector<double> filtered(grid_.value.size());
  std::vector<double> around;
  for (int j = 0; j < grid_.ny; ++j)
    for (int i = 0; i < grid_.nx; ++i) {
      around.clear();
      for (int b = j - 1; b <= j + 1; ++b)
        for (int a = i - 1; a <= i + 1; ++a) around.push_back(continued(a, b));
      filtered[static_cast<std::size_t>(j * grid_.nx + i)] = statistics::median_inplace(std::span<double>{around});
    }
  grid_.value = std::move(filtered);
}

double SkyMesh::continued(int i, int j) const {
  if (i < 0 || i >= grid_.nx) return 2 * continued(i < 0 ? 0 : grid_.nx - 1, j) - continued(i < 0 ? 1 : grid_.nx - 2, j);
  if (j < 0 || j >= grid_.ny) return 2 * grid_.at(i, j < 0 ? 0 : grid_.ny - 1) - grid_.at(i, j < 0 ? 1 : grid_.ny - 2);
  return grid_.at(i, j);
}

}  // namespace tessera::background
