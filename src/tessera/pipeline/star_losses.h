/// pipeline/star_losses.h — what rejection did to stars: of the frame pixels under the cores of the mosaic's stars, how many were rejected.
/// Stars are found on the mosaic itself, as local maxima; no catalogue is needed. Much more in stars than elsewhere means that
/// rejection took stars for hits.
#pragma once
#include <string>
#include <vector>

#include "tessera/pipeline/frame_masks.h"
#include "tessera/pipeline/frame_pass.h"
#include "tessera/pipeline/tile_store.h"
#include "tessera/run/context.h"

namespace tessera::pipeline {

struct StarLosses {
  struct Bin {
    double from = 0, to = 0;          ///< magnitudes
    double signal_to_noise = 0;       ///< of the peaks, median
    std::int64_t stars = 0;
    double pixels = 0;                ///< frame pixels under their cores: what was used (the coverage there) and what was rejected
    std::int64_t rejected = 0;
    double percent() const { return pixels > 0 ? 100 * static_cast<double>(rejected) / pixels : 0; }
  };
  std::vector<Bin> bins;              ///< bright ones first, those with stars; empty: nothing was rejected or could be
  bool ab = false;                    ///< AB magnitudes; else −2.5 lg of a sum over output pixels in the mosaic's unit
  double aperture_arcsec = 0;         ///< radius in which the light was summed; nothing is added for what lies outside
  double percent_of_all = 0;          ///< of all good frame pixels
};

/// A core is what lies within one frame pixel of the highest output pixel; a star's peak is above ten times its uncertainty. One pass over three planes.
StarLosses measure_star_losses(const Plan& plan, const FramePass& pass, const TileStore& store, const FrameMasks& masks, outlier::SchemeBits fatal);

/// The table to the log, and a caveat where a bin lost more than a per cent beyond what all pixels lost.
void tell_star_losses(const StarLosses& losses, run::Context& context);

}  // namespace tessera::pipeline
