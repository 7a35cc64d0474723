/// background/pairs.h — which frames overlap, and the difference of their skies.
#pragma once
#include <span>
#include <utility>
#include <vector>

#include "tessera/background/background_options.h"
#include "tessera/background/cells.h"

namespace tessera::background {

struct PairDifference {
  int m = 0, n = 0;          ///< m < n
  double difference = 0;     ///< of I_m − I_n over the common cells: their weighted mean, or another statistic
  double weight = 0;         ///< Σ 1/(σ_m² + σ_n²)
  long cells = 0;
};
/// Frames whose cells meet, as (m, n) with m < n in the order (0,1), (0,2) … ; found by sweeping over the boxes.
std::vector<std::pair<int, int>> overlapping_pairs(std::span<const CellMap> frames);
/// The cells that two frames have in common, in row order, and which of them count: those whose difference is not further than
/// clip·σ from the median, σ the larger of the stated one and the scatter.
struct CommonCells {
  std::vector<float> difference, variance;
  std::vector<std::pair<int, int>> place;  ///< cell indices; empty unless asked for
  double centre = 0, limit = 0;
  bool counts(std::size_t k) const {
    const double d = static_cast<double>(difference[k]) - centre;
    return !(d * d > limit * static_cast<double>(variance[k]));
  }
};
/// Nothing when the common area is below options.min_overlap output pixels.
CommonCells common_cells(const CellMap& a, const CellMap& b, const BackgroundOptions& options, bool with_place);

/// Sums over the common cells in row order; cells with |difference − pair median| > clip·σ are left out, σ the larger of the
/// stated one and the scatter. `cells` is 0 when the common area is below options.min_overlap output pixels.
PairDifference pair_difference(std::span<const CellMap> frames, int m, int n, const BackgroundOptions& options);
/// Both of the above: all pairs that have common cells enough.
std::vector<PairDifference> pair_differences(std::span<const CellMap> frames, const BackgroundOptions& options);

}  // namespace tessera::background
