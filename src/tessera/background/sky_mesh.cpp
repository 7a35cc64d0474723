#include "tessera/background/sky_mesh_private.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <span>

#include "tessera/base/clones.h"
#include "tessera/core/statistics.h"

namespace tessera::background {
namespace {

constexpr int mesh_side = 32;          // pixels
constexpr double clip_sigma = 3;       // of the mesh medians
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

/// What is kept of sorted samples is always one run of them, so they are sorted once.
double clipped_median(std::vector<float>& samples) {
  std::sort(samples.begin(), samples.end());
  std::span<const float> kept{samples};
  double median = statistics::sorted_median(kept);
  for (int round = 0; round < 3; ++round) {
    const double limit = clip_sigma * 1.4826 * statistics::sorted_median_deviation(kept, static_cast<float>(median));
    const auto out = [&](float v) { return std::abs(v - median) > limit; };
    const auto first = std::find_if_not(kept.begin(), kept.end(), out);
    const auto last = std::find_if_not(kept.rbegin(), std::make_reverse_iterator(first), out).base();
    const auto n = static_cast<std::size_t>(last - first);
    if (n == kept.size() || n == 0) break;
    kept = {first, last};
    median = statistics::sorted_median(kept);
  }
  return median;
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

SkyMesh::SkyMesh(Box frame, const FrameRows& rows) : box_{frame} {
  nx_ = std::max(1, (box_.width() + mesh_side / 2) / mesh_side);
  ny_ = std::max(1, (box_.height() + mesh_side / 2) / mesh_side);
  value_.resize(static_cast<std::size_t>(nx_ * ny_));
  std::vector<float> samples;
  for (int j = 0; j < ny_; ++j) {
    const FrameView band = rows(cell(0, j).y0, cell(0, j).y1);
    for (int i = 0; i < nx_; ++i) at(i, j) = cell_background(band, cell(i, j), samples);
  }
  fill_unseen();
  filter();
  for (int x = 0; x < box_.width(); ++x) {
    const auto [lower, upper, fraction] = nodes(x, box_.width(), nx_);
    if (spans_.empty() || spans_.back().lower != lower) spans_.push_back({x, lower, upper});
    fraction_.push_back(static_cast<float>(fraction));
  }
}

void SkyMesh::row(int y, std::vector<float>& out) const {
  const auto [j0, j1, fy] = nodes(y - box_.y0, box_.height(), ny_);
  std::vector<float> node(static_cast<std::size_t>(nx_));
  for (int i = 0; i < nx_; ++i) node[i] = static_cast<float>((1 - fy) * at(i, j0) + fy * at(i, j1));
  out.resize(fraction_.size());
  for (std::size_t s = 0; s < spans_.size(); ++s) {
    const int end = s + 1 < spans_.size() ? spans_[s + 1].first : box_.width();
    interpolate(node[spans_[s].lower], node[spans_[s].upper], &fraction_[spans_[s].first], &out[spans_[s].first], end - spans_[s].first);
  }
}

Box SkyMesh::cell(int i, int j) const {
  const auto edge = [](int k, int cells, int pixels) { return static_cast<int>(static_cast<std::int64_t>(k) * pixels / cells); };
  return {box_.x0 + edge(i, nx_, box_.width()), box_.y0 + edge(j, ny_, box_.height()), box_.x0 + edge(i + 1, nx_, box_.width()),
          box_.y0 + edge(j + 1, ny_, box_.height())};
}

/// Cells without enough good pixels take the mean of their known neighbours, ring by ring; 0 when nothing is known.
void SkyMesh::fill_unseen() {
  for (;;) {
    std::vector<double> next = value_;
    bool unknown = false, changed = false;
    for (int j = 0; j < ny_; ++j)
      for (int i = 0; i < nx_; ++i) {
        if (!std::isnan(at(i, j))) continue;
        unknown = true;
        double sum = 0;
        int n = 0;
        for (int b = std::max(0, j - 1); b <= std::min(ny_ - 1, j + 1); ++b)
          for (int a = std::max(0, i - 1); a <= std::min(nx_ - 1, i + 1); ++a)
            if (!std::isnan(at(a, b))) sum += at(a, b), ++n;
        if (n > 0) next[static_cast<std::size_t>(j * nx_ + i)] = sum / n, changed = true;
      }
    value_ = std::move(next);
    if (!unknown) return;
    if (!changed) {
      std::fill(value_.begin(), value_.end(), 0.0);
      return;
    }
  }
}

/// Median of 3 × 3 cells: a cell that a bright star fills must not hide the star. Beyond the border the mesh is continued
/// by its slope, so that a tilted sky passes unchanged.
void SkyMesh::filter() {
  if (nx_ < 3 || ny_ < 3) return;
  std::vector<double> filtered(value_.size());
  std::vector<double> around;
  for (int j = 0; j < ny_; ++j)
    for (int i = 0; i < nx_; ++i) {
      around.clear();
      for (int b = j - 1; b <= j + 1; ++b)
        for (int a = i - 1; a <= i + 1; ++a) around.push_back(continued(a, b));
      filtered[static_cast<std::size_t>(j * nx_ + i)] = statistics::median_inplace(std::span<double>{around});
    }
  value_ = std::move(filtered);
}

double SkyMesh::continued(int i, int j) const {
  if (i < 0 || i >= nx_) return 2 * continued(i < 0 ? 0 : nx_ - 1, j) - continued(i < 0 ? 1 : nx_ - 2, j);
  if (j < 0 || j >= ny_) return 2 * at(i, j < 0 ? 0 : ny_ - 1) - at(i, j < 0 ? 1 : ny_ - 2);
  return at(i, j);
}

}  // namespace tessera::background
