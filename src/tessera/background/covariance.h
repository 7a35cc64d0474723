/// background/covariance.h — the covariance of the offsets of frames that overlap: the sandwich A⁺ C A⁺, C the covariance of the
/// right-hand side with every cell's noise counted once per frame (pairs share frames, so A⁺ alone is too small).
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "tessera/background/pairs.h"

namespace tessera::background {

/// Blocks of `terms` × `terms` for each frame with itself and each pair of frames that may share cells; nothing else is kept.
class OffsetCovariance {
 public:
  OffsetCovariance() = default;
  /// `pairs` sorted, each once, m < n. All zero at first.
  OffsetCovariance(std::size_t frames, std::span<const std::pair<int, int>> pairs, int terms);
  int terms() const { return terms_; }
  std::size_t frames() const { return start_.empty() ? 0 : start_.size() - 1; }
  /// Number of the block of frames i ≤ j, or −1 when it is not kept.
  std::ptrdiff_t slot(int i, int j) const;
  std::size_t slots() const { return other_.size(); }
  int other(std::size_t slot) const { return other_[slot]; }
  std::pair<std::size_t, std::size_t> slots_of(std::size_t frame) const { return {start_[frame], start_[frame + 1]}; }
  /// Block of a slot by rows: [t, u] is Cov(coefficient t of i, coefficient u of j).
  double* block(std::ptrdiff_t slot) { return values_.data() + static_cast<std::size_t>(slot) * block_size(); }
  const double* block(std::ptrdiff_t slot) const { return values_.data() + static_cast<std::size_t>(slot) * block_size(); }
  /// Covariance of coefficient t of frame i with coefficient u of frame j; 0 when it is not kept.
  double operator()(int i, int j, int t = 0, int u = 0) const;

 private:
  std::size_t block_size() const { return static_cast<std::size_t>(terms_) * static_cast<std::size_t>(terms_); }
  int terms_ = 1;
  std::vector<std::size_t> start_;  // per frame i: its slots, for j = i and then rising j > i
  std::vector<int> other_;
  std::vector<double> values_;
};

struct Group;
class Equations;
/// Multiplications that a selected inverse may take.
constexpr double exact_covariance_budget = 4e9;
/// Fills the blocks of one group's frames. `level` holds, per frame of the group, its part in the mean that is held at 0 (they sum to 1;
/// empty: nothing is held). Exact, from the selected inverse, where that is affordable; larger groups take 256 seeded random draws of
/// the cells' noise (4 % of σ). Where cells and frames are many, an unbiased sample of the cells is taken.
void fill_covariance(std::span<const CellMap> frames, const Group& group, const Equations& equations, const BackgroundOptions& options,
                     std::span<const double> level, OffsetCovariance& covariance, double exact_budget = exact_covariance_budget);

/// Error that the offsets leave in a weighted mean of frames, over the cells of the grid.
struct MosaicError {
  double median = 0, largest = 0;
};
/// √(Σ_ij w_i w_j Cov_ij) / Σ w over the frames that see a cell; `weight` per frame. From a sample of the cells.
MosaicError mosaic_error(std::span<const CellMap> frames, std::span<const double> weight, const OffsetCovariance& covariance);

}  // namespace tessera::background
