/// discover/quick_flux.h — quick-look fluxes of found sources in each plane of a cube, by the response that the plane's own exposures give at their places.
///
/// The response of a source in a plane is made as the plane was: a star of 1 µJy through the PSF zone of each exposure of the channel, on the native pixels of its strip that were used, each exposure resampled and
/// weighted as in the cube. So it has the zone, angle, pixel phase, bad pixels and strip edges that the data have. In the pixels around a source its flux, those of its neighbours and a level are
/// fitted together, with weights WEIGHT (sky noise alone: never the noise of the source). Errors: C = N⁻¹ (Σ w² V r rᵀ) N⁻¹ with V = VARIANCE, times the width that the plane's significance has (detections.h).
/// Positions: steps of Gauss and Newton for one place in all planes, δ = (Σ w ∇m ∇mᵀ)⁻¹ Σ w (d − m) ∇m, m = f r and ∇m by finite differences, from the planes where the source is seen.
#pragma once
#include <filesystem>
#include <vector>

#include "tessera/cube/cube_plan.h"
#include "tessera/discover/detections.h"
#include "tessera/run/context.h"

namespace tessera::discover {

/// The planes of a cube that have an exposure.
struct PlaneSet {
  std::filesystem::path cube;        ///< folder or file
  std::vector<int> planes;           ///< index in the cube
  std::vector<int> channels;         ///< 1 to 102
};

/// Sets places, fluxes and errors of `found`, whose values index `set`; flux NaN where a plane's pixels do not tell. `filtered` as given to find_sources(). Results do not depend on the number of threads.
/// Throws DataError when a frame's PSFs cannot be read.
void measure_quickly(std::vector<Detection>& found, const PlaneSet& set, const cube::CubePlan& plan, const std::vector<FilteredPlane>& filtered, const cube::CoaddOptions& coadd, const DetectionOptions& options,
                     run::Context& context);

}  // namespace tessera::discover
