/// extraction/fit_sky.h — the sky that a fit stands on, found on the fitted image itself (MOPEX's Extract MedFilter, guide 6.5.14).
#pragma once
#include <cstdint>

#include "tessera/core/frame.h"
#include "tessera/extraction/extract_options.h"

namespace tessera::extraction {

/// The sky of `frame` (its values as they are) by options.method, from good pixels that are not in `sources` (1: a source); 0 everywhere for none. Where the method finds none, the nearest found to the left or right,
/// else the median of those found. options.method is not FitSky::detection. Throws UsageError as background::check does.
Image<float> sky_for_fit(const FrameView& frame, const Image<std::uint8_t>& sources, const FitSkyOptions& options);

}  // namespace tessera::extraction
