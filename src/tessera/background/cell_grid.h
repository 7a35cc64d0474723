/// background/cell_grid.h — one value per cell of a mesh that divides a frame evenly; what the two skies of this room that are made of cells have in common.
#pragma once
#include <cstdint>
#include <vector>

#include "tessera/core/box.h"

namespace tessera::background {

struct CellGrid {
  CellGrid() = default;
  CellGrid(Box whole, int side);
  double& at(int i, int j) { return value[static_cast<std::size_t>(j * nx + i)]; }
  double at(int i, int j) const { return value[static_cast<std::size_t>(j * nx + i)]; }
  Box cell(int i, int j) const;
  /// Cells that are NaN take the mean of their known neighbours, ring by ring; 0 when nothing is known.
  void fill_unseen();

  Box box;
  int nx = 0, ny = 0;
  std::vector<double> value;
};

/// Median after 3σ about it were clipped up to three times (σ: 1.4826 median deviation). Sorts the samples.
double clipped_median(std::vector<float>& samples);

}  // namespace tessera::background
