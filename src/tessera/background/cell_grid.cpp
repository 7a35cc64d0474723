#include "tessera/background/cell_grid.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <span>

#include "tessera/core/statistics.h"

namespace tessera::background {
namespace {

constexpr double clip_sigma = 3;

}  // namespace

CellGrid::CellGrid(Box whole, int side) : box{whole}, nx{std::max(1, (whole.width() + side / 2) / side)}, ny{std::max(1, (whole.height() + side / 2) / side)} {
  value.resize(static_cast<std::size_t>(nx * ny));
}

Box CellGrid::cell(int i, int j) const {
  const auto edge = [](int k, int cells, int pixels) { return static_cast<int>(static_cast<std::int64_t>(k) * pixels / cells); };
  return {box.x0 + edge(i, nx, box.width()), box.y0 + edge(j, ny, box.height()), box.x0 + edge(i + 1, nx, box.width()),
          box.y0 + edge(j + 1, ny, box.height())};
}

void CellGrid::fill_unseen() {
  for (;;) {
    std::vector<double> next = value;
    bool unknown = false, changed = false;
    for (int j = 0; j < ny; ++j)
      for (int i = 0; i < nx; ++i) {
        if (!std::isnan(at(i, j))) continue;
        unknown = true;
        double sum = 0;
        int n = 0;
        for (int b = std::max(0, j - 1); b <= std::min(ny - 1, j + 1); ++b)
          for (int a = std::max(0, i - 1); a <= std::min(nx - 1, i + 1); ++a)
            if (!std::isnan(at(a, b))) sum += at(a, b), ++n;
        if (n > 0) next[static_cast<std::size_t>(j * nx + i)] = sum / n, changed = true;
      }
    value = std::move(next);
    if (!unknown) return;
    if (!changed) {
      std::fill(value.begin(), value.end(), 0.0);
      return;
    }
  }
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

}  // namespace tessera::background
