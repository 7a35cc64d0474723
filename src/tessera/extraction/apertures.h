/// extraction/apertures.h — fluxes in circles on the image that sources are found on.
#pragma once
#include <span>
#include <vector>

#include "tessera/extraction/extract_options.h"
#include "tessera/joint_fit/fit_image.h"
#include "tessera/joint_fit/source.h"
#include "tessera/run/context.h"

namespace tessera::extraction {

/// Of one source: a sum for each radius, less the annulus.
struct ApertureFluxes {
  std::vector<double> flux, error, bad, correction;
  double sky = 0;
};
/// On the image that sources are found on; fluxes in `unit`, NaN where a circle holds no good pixel or the annulus too few.
std::vector<ApertureFluxes> measure_apertures(const FrameView& frame, const joint_fit::FitImage& image, std::span<const joint_fit::Source> sources, const ApertureOptions& options, run::Context& context);
/// "3", "5" … as numbers; throws UsageError.
std::vector<double> radii_of(const ApertureOptions& options);

}  // namespace tessera::extraction
