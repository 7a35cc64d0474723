/// pipeline/tile_workspace.h — memory of one thread's tile, kept from tile to tile; private to the tile pass.
#pragma once
#include <vector>

#include "tessera/coadd/sums.h"
#include "tessera/pipeline/tile_pass.h"

namespace tessera::pipeline {

struct TilePass::Workspace {
  std::vector<int> frames;                        // of this tile, in listed order
  std::vector<Frame> windows;                     // their pixels
  std::vector<Image<float>> flat;                 // their values without the frames' surfaces, where they have one
  std::vector<Resampled> stack;                   // on the grown tile
  std::vector<Image<std::uint8_t>> outliers;      // likewise
  std::vector<Image<float>> deviation, box_deviation, dual_map;  // outlier maps, when they are kept
  std::vector<Image<std::uint8_t>> rejected;      // by the temporal scheme, on the windows
  std::vector<Image<std::uint8_t>> found;         // bits of the schemes, on the windows
  std::vector<Box> covered;                       // part of the grown tile a frame can touch
  coadd::Sums sums;
};

}  // namespace tessera::pipeline
