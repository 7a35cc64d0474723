/// pipeline/repeatability.h — stars measured again on every frame: what a frame's positions and fluxes differ by from those of all frames.
#pragma once
#include <cmath>
#include <vector>

#include "tessera/pipeline/frame_pass.h"
#include "tessera/pipeline/tile_store.h"
#include "tessera/run/context.h"

namespace tessera::pipeline {

/// One frame's stars against the medians over all frames that show them. NaN: no star.
struct FrameStars {
  int covered = 0;                          ///< stars in the frame without a bad pixel near them
  int count = 0;                            ///< those that were found where they should be, and in another frame as well
  double east = NAN, north = NAN;           ///< arcsec: median of the frame's position less the common one
  double position_scatter = NAN;            ///< arcsec per axis: 1.4826 median deviation of single stars; NaN: fewer than two
  double position_sigma = NAN;              ///< arcsec: standard error of the distance of (east, north) from 0
  double flux_ratio = NAN, flux_scatter = NAN, flux_sigma = NAN;  ///< median, scatter of single stars, standard error of the median
  double pixel = NAN;                       ///< arcsec: the frame's pixel
  bool misplaced = false, off_flux = false; ///< told as caveats
  bool shown() const { return count >= fewest; }
  static constexpr int fewest = 4;          ///< stars whose medians say something
};

struct Repeatability {
  int stars = 0;                   ///< looked for
  double aperture_arcsec = 0;      ///< radius
  std::vector<FrameStars> frames;  ///< as many as the plan has; empty: not measured, as stars do not stay where a moving object does
};

/// Positions are centroids under a Gaussian of the stars' width (iterated, as SExtractor's windowed positions: Bertin & Arnouts manual), taken through the frame's
/// map; fluxes are sums over 1.5 FWHM, at least 2.5 frame pixels, less the median of a ring. The common values are medians over the frames, not measured on the
/// mosaic, whose stars are wider. Rejected pixels count here: a frame that is out of place has its stars rejected, and medians bear the few cosmic rays.
/// Caveats "frame-position" beyond 5σ and 0.1 frame pixel, or when most stars are not found;
/// "frame-flux" beyond 5σ and 3 %. σ is the standard error, or how far frames are apart from each other where that is more; fewer than five frames do not tell it, so 0.25
/// pixel are asked of them.
Repeatability measure_repeatability(const Plan& plan, const FramePass& pass, const TileStore& store, FrameCache& cache, run::Context& context);

}  // namespace tessera::pipeline
