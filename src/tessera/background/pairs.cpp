#include "tessera/background/pairs.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "tessera/background/statistic.h"
#include "tessera/core/statistics.h"

namespace tessera::background {
namespace {

constexpr std::size_t sample_size = 1000;  // cells that fix the limits of the clipping

struct CentreScatter {
  double centre, scatter;
};

/// Median of the differences, and their robust scatter in units of the stated σ, at least 1: structure of the sky that two
/// frames sample differently widens it, which is no reason to drop half of the cells. From every k-th cell of many.
CentreScatter centre_and_scatter(const std::vector<float>& difference, const std::vector<float>& variance) {
  const std::size_t step = 1 + difference.size() / sample_size;
  std::vector<float> sample;
  for (std::size_t k = 0; k < difference.size(); k += step) sample.push_back(difference[k]);
  const double centre = statistics::median_inplace(std::span<float>{sample});
  sample.clear();
  for (std::size_t k = 0; k < difference.size(); k += step) sample.push_back(std::abs(difference[k] - static_cast<float>(centre)) / std::sqrt(variance[k]));
  return {centre, std::max(1.0, 1.4826 * statistics::median_inplace(std::span<float>{sample}))};
}

bool too_few(std::size_t cells, int side, const BackgroundOptions& options) {
  return cells == 0 || static_cast<double>(cells) * side * side < options.min_overlap;
}

}  // namespace

std::vector<std::pair<int, int>> overlapping_pairs(std::span<const CellMap> frames) {
  std::vector<int> order;
  for (std::size_t i = 0; i < frames.size(); ++i)
    if (!frames[i].cells.empty()) order.push_back(static_cast<int>(i));
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return frames[a].cells.x0 < frames[b].cells.x0; });
  std::vector<std::pair<int, int>> pairs;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const Box& a = frames[order[i]].cells;
    for (std::size_t j = i + 1; j < order.size() && frames[order[j]].cells.x0 < a.x1; ++j) {
      const Box& b = frames[order[j]].cells;
      if (b.y0 < a.y1 && a.y0 < b.y1) pairs.push_back(std::minmax(order[i], order[j]));
    }
  }
  std::sort(pairs.begin(), pairs.end());
  return pairs;
}

CommonCells common_cells(const CellMap& a, const CellMap& b, const BackgroundOptions& options, bool with_place) {
  CommonCells found;
  const Box common = intersection(a.cells, b.cells);
  if (common.empty()) return found;
  auto& [difference, variance, place, centre, limit] = found;
  difference.reserve(static_cast<std::size_t>(common.area()));
  variance.reserve(difference.capacity());
  for (int y = common.y0; y < common.y1; ++y) {
    const Box row{common.x0, y, common.x1, y + 1};
    const auto mean_a = a.mean.view().window(row).row(y), mean_b = b.mean.view().window(row).row(y);
    const auto var_a = a.variance.view().window(row).row(y), var_b = b.variance.view().window(row).row(y);
    for (std::size_t k = 0; k < mean_a.size(); ++k) {
      if (!(var_a[k] > 0 && var_b[k] > 0)) continue;
      difference.push_back(mean_a[k] - mean_b[k]);
      variance.push_back(var_a[k] + var_b[k]);
      if (with_place) place.emplace_back(common.x0 + static_cast<int>(k), y);
    }
  }
  if (too_few(difference.size(), a.side, options)) return {};
  const auto found_centre = centre_and_scatter(difference, variance);
  centre = found_centre.centre;
  limit = options.clip * options.clip * found_centre.scatter * found_centre.scatter;
  return found;
}

PairDifference pair_difference(std::span<const CellMap> frames, int m, int n, const BackgroundOptions& options) {
  PairDifference pair{m, n};
  const auto cells = common_cells(frames[m], frames[n], options, false);
  double sum = 0;
  for (std::size_t k = 0; k < cells.difference.size(); ++k) {
    if (!cells.counts(k)) continue;
    const double v = static_cast<double>(cells.variance[k]);
    sum += static_cast<double>(cells.difference[k]) / v;
    pair.weight += 1.0 / v;
    ++pair.cells;
  }
  if (too_few(static_cast<std::size_t>(pair.cells), frames[m].side, options)) return {m, n};
  pair.difference = sum / pair.weight;
  if (options.statistic != Statistic::weighted) {
    std::vector<double> kept;
    for (std::size_t k = 0; k < cells.difference.size(); ++k)
      if (cells.counts(k)) kept.push_back(static_cast<double>(cells.difference[k]));
    pair.difference = sky_statistic(kept, options.statistic);
  }
  return pair;
}

std::vector<PairDifference> pair_differences(std::span<const CellMap> frames, const BackgroundOptions& options) {
  std::vector<PairDifference> found;
  for (const auto& [m, n] : overlapping_pairs(frames)) {
    const auto pair = pair_difference(frames, m, n, options);
    if (pair.cells > 0) found.push_back(pair);
  }
  return found;
}

}  // namespace tessera::background
