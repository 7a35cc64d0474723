/// background/cell_sample.h — who sees which cell: the cells of many frames, or an unbiased sample of them, cell by cell.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "tessera/background/cells.h"

namespace tessera::background {

/// One frame's view of one sampled cell.
struct Seen {
  std::uint64_t cell;
  int frame;  ///< index into `members`
  float variance;
  float u, v;  ///< place on the frame; 0 when cells were not placed
};

/// One cell of every step × step cells, at a place that looks random but depends on the lattice alone; sorted by cell, then frame.
std::vector<Seen> sample_cells(std::span<const CellMap> frames, std::span<const int> members, int step);

/// Calls f(span of Seen) for each cell of a sample that two frames or more see.
template <class F>
void for_each_cell(std::span<const Seen> seen, F&& f) {
  for (std::size_t first = 0, last = 0; first < seen.size(); first = last) {
    while (last < seen.size() && seen[last].cell == seen[first].cell) ++last;
    if (last - first > 1) f(seen.subspan(first, last - first));
  }
}

/// A reproducible scatter of 64 bits (splitmix64, Steele et al. 2014).
std::uint64_t scramble(std::uint64_t x);

}  // namespace tessera::background
