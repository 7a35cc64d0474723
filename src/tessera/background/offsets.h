/// background/offsets.h — additive background matching: one constant per frame from all overlaps. MOPEX guide 4.3.5, 8.5.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "tessera/background/pairs.h"

namespace tessera::background {

struct OffsetSolution {
  std::vector<double> offset;        ///< the value to subtract from each frame
  std::vector<double> sigma;         ///< its standard error (sandwich estimate); 0 for a frame alone
  std::vector<int> group;            ///< frames connected by overlaps share a number, from 0 in order of first frame
  std::vector<std::uint8_t> outlier; ///< 1: left out of the mean that fixes the group's level
  int groups = 0;
  std::vector<PairDifference> pairs; ///< what was fitted
};
/// Solves the sparse normal equations of χ² = Σ weight·(d_mn − (ε_m − ε_n))² per connected group, Σε = 0 over the group's
/// non-outlier frames (TOP/BOTTOM_THRESHOLD σ from the median, MIN_IMG_NUM of the guide). A frame that overlaps nothing
/// keeps 0. The covariance is the sandwich A⁺ C A⁺, C the covariance of the right-hand side with every cell's noise counted
/// once per frame (pairs share frames, so A⁺ alone is too small). Its diagonal is exact for shallow stacks; deep ones use an unbiased
/// sample of the cells, and groups above 512 frames 256 seeded random draws of their noise (4 % of σ).
OffsetSolution solve_offsets(std::span<const CellMap> frames, std::vector<PairDifference> pairs, const BackgroundOptions& options);

/// pair_differences() and solve_offsets().
OffsetSolution match_backgrounds(std::span<const CellMap> frames, const BackgroundOptions& options);

}  // namespace tessera::background
