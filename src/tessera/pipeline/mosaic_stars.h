/// pipeline/mosaic_stars.h — bright, isolated stars of a finished mosaic, spread over it.
#pragma once
#include <vector>

#include "tessera/pipeline/plan.h"
#include "tessera/pipeline/tile_store.h"

namespace tessera::pipeline {

struct MosaicStar {
  int x = 0, y = 0;            ///< brightest pixel of the mosaic
  float peak = 0;              ///< above the local sky, in the mosaic's unit
  float signal_to_noise = 0;   ///< of that pixel
  float fwhm = 0;              ///< output pixels: diameter of the circle of as many pixels as exceed half the peak
};

/// At most some 20 per area of a frame (at least 40, at most 20 000 in all), ordered by y then x: the brightest of each cell of a lattice first. Peak above 30σ; within
/// 6 half widths and 3 frame pixels nothing above 15 % of it; width within a factor 1.6 of the median. Reads two planes, row by row.
std::vector<MosaicStar> find_mosaic_stars(const Plan& plan, const TileStore& store);

}  // namespace tessera::pipeline
