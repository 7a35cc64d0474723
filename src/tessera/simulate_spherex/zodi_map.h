/// simulate_spherex/zodi_map.h — the zodiacal light on every pixel of one exposure.
#pragma once
#include "tessera/core/image.h"
#include "tessera/simulate_spherex/detector.h"

namespace tessera::simulate_spherex {

/// MJy/sr at each pixel's own wavelength. The model's four bands are computed on a lattice of directions not more than 0.45° apart and
/// interpolated between them; the wavelength enters exactly.
Image<float> zodi_map(const Detector& detector, const wcs::SkyWcs& sky, double mjd, View<const float> centre_um);

}  // namespace tessera::simulate_spherex
