#include "tessera/background/offsets.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "tessera/background/equations_private.h"
#include "tessera/background/statistic.h"
#include "tessera/core/statistics.h"

namespace tessera::background {
namespace {

/// Offsets beyond the thresholds around the median, σ from the median absolute deviation of those inside; repeated until it
/// settles. Mean and standard deviation, as the guide has it, would let one outlier among ten hide itself.
std::vector<std::uint8_t> find_outliers(const std::vector<double>& offset, const BackgroundOptions& options) {
  std::vector<std::uint8_t> outlier(offset.size(), 0);
  if (offset.size() < static_cast<std::size_t>(std::max(2, options.min_images))) return outlier;
  for (int round = 0; round < 20; ++round) {
    std::vector<double> inside;
    for (std::size_t i = 0; i < offset.size(); ++i)
      if (!outlier[i]) inside.push_back(offset[i]);
    const double centre = statistics::median(inside), sigma = statistics::mad_sigma(std::span<const double>{inside});
    if (!(sigma > 0)) break;
    auto next = outlier;
    for (std::size_t i = 0; i < offset.size(); ++i)
      next[i] = offset[i] > centre + options.top_threshold * sigma || offset[i] < centre - options.bottom_threshold * sigma;
    if (next == outlier) break;
    outlier = std::move(next);
  }
  return outlier;
}

/// Shifts the constants so that the frames which are no outliers have mean 0.
void fix_mean(std::vector<double>& offset, const std::vector<std::uint8_t>& outlier) {
  double sum = 0;
  int n = 0;
  for (std::size_t i = 0; i < offset.size(); ++i)
    if (!outlier[i]) sum += offset[i], ++n;
  const double mean = sum / n;
  for (auto& e : offset) e -= mean;
}

/// Sets the level that differences leave free; returns each frame's part in what is held at 0, for the covariance. Empty: nothing is.
std::vector<double> set_level(std::vector<double>& offset, const std::vector<std::uint8_t>& outlier, const BackgroundOptions& options) {
  std::vector<double> part;
  if (options.level == Level::mean && options.weight > 0) return part;
  part.assign(offset.size(), 0.0);
  if (options.level == Level::mean) {
    fix_mean(offset, outlier);
    const auto inside = std::count(outlier.begin(), outlier.end(), std::uint8_t{0});
    for (std::size_t i = 0; i < offset.size(); ++i) part[i] = outlier[i] ? 0.0 : 1.0 / static_cast<double>(inside);
    return part;
  }
  const auto kept = options.level == Level::down ? std::min_element(offset.begin(), offset.end()) : std::max_element(offset.begin(), offset.end());
  part[static_cast<std::size_t>(kept - offset.begin())] = 1;
  const double level = *kept;
  for (auto& e : offset) e -= level;
  return part;
}

void solve_group(std::span<const CellMap> frames, const Group& group, const BackgroundOptions& options, OffsetSolution& solution) {
  if (group.frames.size() < 2) return;
  auto solved = std::make_unique<Equations>(frames, group, options);
  if (solved->basis().order() > 0) solved = std::make_unique<Equations>(frames, group, options, solved->solve(solved->right()).col(0));
  const Equations& equations = *solved;
  const auto coefficients = equations.solve(equations.right());
  const auto terms = static_cast<std::size_t>(equations.basis().terms());
  std::vector<double> offset;
  for (std::size_t i = 0; i < group.frames.size(); ++i) offset.push_back(coefficients(static_cast<Eigen::Index>(i * terms), 0));
  const auto outlier = find_outliers(offset, options);
  const auto part = set_level(offset, outlier, options);
  fill_covariance(frames, group, equations, options, part, solution.covariance);
  for (std::size_t i = 0; i < group.frames.size(); ++i) {
    const auto frame = static_cast<std::size_t>(group.frames[i]);
    solution.offset[frame] = offset[i];
    solution.sigma[frame] = std::sqrt(std::max(0.0, solution.covariance(group.frames[i], group.frames[i])));
    solution.outlier[frame] = outlier[i];
    for (std::size_t t = 1; t < terms; ++t) solution.surface[frame * (terms - 1) + t - 1] = coefficients(static_cast<Eigen::Index>(i * terms + t), 0);
  }
}

/// One frame's own sky and the variance of that number.
struct OwnSky {
  double value = NAN, variance = 0;
};
OwnSky own_sky(const CellMap& map, Statistic statistic) {
  std::vector<double> values;
  double variance = 0, weight = 0, weighted = 0;
  for (std::size_t k = 0; k < map.mean.pixels().size(); ++k) {
    const double v = static_cast<double>(map.variance.pixels()[k]), value = static_cast<double>(map.mean.pixels()[k]);
    if (!(v > 0)) continue;
    values.push_back(value);
    variance += v, weight += 1 / v, weighted += value / v;
  }
  if (values.empty()) return {};
  if (statistic == Statistic::weighted) return {weighted / weight, 1 / weight};
  const auto n = static_cast<double>(values.size());
  return {sky_statistic(values, statistic), variance / (n * n) * statistic_inefficiency(statistic, static_cast<long>(values.size()))};
}

OffsetSolution empty_solution(std::span<const CellMap> frames, const BackgroundOptions& options) {
  OffsetSolution solution;
  solution.offset.assign(frames.size(), 0.0);
  solution.sigma.assign(frames.size(), 0.0);
  solution.outlier.assign(frames.size(), 0);
  solution.order = surface_order(options);
  const SurfaceBasis basis{solution.order};
  solution.surface.assign(frames.size() * static_cast<std::size_t>(basis.terms() - 1), 0.0);
  const auto pairs = overlapping_pairs(frames);
  solution.covariance = OffsetCovariance{frames.size(), pairs, basis.terms()};
  return solution;
}

/// `local` and `global`: no overlaps are needed. A constant common to all frames has no error that could make them differ.
OffsetSolution own_skies(std::span<const CellMap> frames, const BackgroundOptions& options) {
  auto solution = empty_solution(frames, options);
  solution.group.assign(frames.size(), 0);
  solution.groups = frames.empty() ? 0 : 1;
  double lowest = INFINITY;
  std::vector<OwnSky> sky;
  for (const auto& map : frames) sky.push_back(own_sky(map, options.statistic)), lowest = std::fmin(lowest, sky.back().value);
  for (std::size_t i = 0; i < frames.size(); ++i) {
    if (!std::isfinite(sky[i].value)) continue;
    if (options.sky == Sky::global) {
      solution.offset[i] = lowest;
      continue;
    }
    solution.offset[i] = sky[i].value;
    solution.sigma[i] = std::sqrt(sky[i].variance);
    solution.covariance.block(solution.covariance.slot(static_cast<int>(i), static_cast<int>(i)))[0] = sky[i].variance;
  }
  return solution;
}

/// Adds to all frames the lowest own sky that they have after matching.
void subtract_lowest(std::span<const CellMap> frames, const BackgroundOptions& options, OffsetSolution& solution) {
  double lowest = INFINITY;
  for (std::size_t i = 0; i < frames.size(); ++i) lowest = std::fmin(lowest, own_sky(frames[i], options.statistic).value - solution.offset[i]);
  if (!std::isfinite(lowest)) return;
  for (auto& e : solution.offset) e += lowest;
}

}  // namespace

OffsetSolution solve_offsets(std::span<const CellMap> frames, std::vector<PairDifference> pairs, const BackgroundOptions& options) {
  auto solution = empty_solution(frames, options);
  const auto groups = split_groups(frames.size(), pairs, solution.group);
  solution.groups = static_cast<int>(groups.size());
  for (const auto& group : groups) solve_group(frames, group, options, solution);
  solution.pairs = std::move(pairs);
  return solution;
}

OffsetSolution match_backgrounds(std::span<const CellMap> frames, const BackgroundOptions& options) {
  if (options.sky == Sky::local || options.sky == Sky::global) return own_skies(frames, options);
  auto solution = solve_offsets(frames, pair_differences(frames, options), options);
  if (options.sky == Sky::global_match) subtract_lowest(frames, options, solution);
  return solution;
}

}  // namespace tessera::background
