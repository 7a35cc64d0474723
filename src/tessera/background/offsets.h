/// background/offsets.h — additive background matching: one constant (or plane, or surface) per frame from all overlaps. MOPEX guide 4.3.5, 8.5.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "tessera/background/covariance.h"
#include "tessera/background/pairs.h"

namespace tessera::background {

struct OffsetSolution {
  std::vector<double> offset;        ///< the value to subtract from each frame: with surfaces the mean of the surface over the frame
  std::vector<double> sigma;         ///< its standard error (sandwich estimate); 0 for a frame alone
  std::vector<int> group;            ///< frames connected by overlaps share a number, from 0 in order of first frame
  std::vector<std::uint8_t> outlier; ///< 1: left out of the mean that fixes the group's level
  int groups = 0;
  int order = 0;                     ///< degree of the surfaces
  std::vector<double> surface;       ///< frame by frame all coefficients of SurfaceBasis(order) but the first, which is `offset`
  OffsetCovariance covariance;       ///< of all coefficients
  std::vector<PairDifference> pairs; ///< what was fitted
};
/// Solves the sparse normal equations of χ² = Σ weight·(d_mn − (ε_m − ε_n))² per connected group. options.weight > 0 adds
/// weight·Σ ε²/s² to χ², s² the group's median variance of a pair difference, and Σε = 0 follows; else options.level fixes what
/// differences leave free: Σε = 0 over the group's non-outlier frames (TOP/BOTTOM_THRESHOLD σ from the median, MIN_IMG_NUM of the guide), or
/// the lowest or highest frame keeps its level. A frame that overlaps nothing keeps 0. With planes and surfaces the differences of
/// all cells are fitted, and options.stiffness·Σ a²/s² is added for all coefficients a but the constants; their cells need place_cells().
OffsetSolution solve_offsets(std::span<const CellMap> frames, std::vector<PairDifference> pairs, const BackgroundOptions& options);

/// pair_differences() and solve_offsets(), or what options.sky asks for instead: each frame's own sky (`local`), the lowest of these
/// for all frames (`global`), or the lowest sky of the matched frames on top (`global+match`).
OffsetSolution match_backgrounds(std::span<const CellMap> frames, const BackgroundOptions& options);

}  // namespace tessera::background
