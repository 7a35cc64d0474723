/// pipeline/plane_window.h — some rows of a finished plane around one, as a search moves up the mosaic.
#pragma once
#include <algorithm>
#include <cstddef>
#include <vector>

#include "tessera/pipeline/tile_store.h"

namespace tessera::pipeline {

class PlaneWindow {
 public:
  /// Keeps the 2 · reach + 1 rows read last; tiles never put read as `fill`.
  PlaneWindow(const TileStore& store, TileResult::Plane plane, float fill, int reach)
      : rows_{store, plane, fill}, height_{store.lattice().height}, kept_(static_cast<std::size_t>(2 * reach + 1)), empty_(kept_.size(), false) {}
  /// Reads up to row y.
  void advance(int y) {
    for (; next_ <= std::min(y, height_ - 1); ++next_) {
      const auto slot = static_cast<std::size_t>(next_) % kept_.size();
      const bool empty = rows_.empty(next_);
      if (!(empty && empty_[slot])) {
        const auto row = rows_.row(next_);
        kept_[slot].assign(row.begin(), row.end());
      }
      empty_[slot] = empty;
    }
  }
  float operator()(int x, int y) const { return row(y)[static_cast<std::size_t>(x)]; }
  /// Whether row y is `fill` all along.
  bool empty(int y) const { return empty_[static_cast<std::size_t>(y) % kept_.size()]; }
  const std::vector<float>& row(int y) const { return kept_[static_cast<std::size_t>(y) % kept_.size()]; }

 private:
  PlaneRows rows_;
  int height_, next_ = 0;
  std::vector<std::vector<float>> kept_;
  std::vector<bool> empty_;
};

}  // namespace tessera::pipeline
