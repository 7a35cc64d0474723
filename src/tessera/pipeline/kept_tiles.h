/// pipeline/kept_tiles.h — how MOPEX divides a mosaic into tiles (guide 8.1).
#pragma once
#include <vector>

#include "tessera/core/box.h"

namespace tessera::pipeline {

/// NAXIS/T tiles per axis (at least one), one more when the remainder is larger than T/2; all but the last equally large. By rows from the origin.
std::vector<Box> kept_tiles(int width, int height, int tile_width, int tile_height);

}  // namespace tessera::pipeline
