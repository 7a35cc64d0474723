/// simulate_spherex/artefacts.h — light and charge that bright things leave where they are not: ghosts, satellites, snowballs, blooms, crosstalk.
/// spherex.md §11.7 and the flags of §5. Shapes and shares are ours; none is published.
#pragma once
#include <vector>

#include "tessera/simulate_spherex/light.h"

namespace tessera::simulate_spherex {

inline constexpr int ghost_radius = 6;                                   ///< pixels of the disc
inline constexpr double ghost_faintest_ujy = 3000;                       ///< in the frame's bandpass
inline constexpr double satellite_core = 1.2, satellite_halo = 8, satellite_halo_share = .02;  ///< σ of the trail and of its halo, pixels; peak of the halo over the trail's
inline constexpr double snowball_e = 3e4, snowball_scale = 1.5;          ///< electrons per pixel of its disc; pixels in which its halo falls to 1/e

struct Artefacts {
  Image<double> light;               ///< MJy/sr, added to what falls on the pixels
  Image<double> rate;                ///< e⁻/s, added to slopes: blooms and crosstalk
  Image<double> electrons;           ///< that arrive at once
  Image<std::int16_t> read;          ///< before which read (from 1) they do; 0: none
  Image<std::int32_t> flags;
  Image<std::int16_t> truth;         ///< Defect bits: of additions above a tenth of the noise; flags: above half of it
};

/// `brightness`: what falls on the pixels without them; `sources`: those on the frame.
///   ghost: share · F on a disc at the point opposite of the detector's middle, of sources brighter than ghost_faintest_ujy.
///   satellite: peak · [exp(−d²/2σ_c²) + share exp(−d²/2σ_h²)] about a line through the frame; STREAK within 3 σ_c, SATELLITE_HALO beyond.
///   snowball: a disc of 3 to 8 pixels, exp(−(d − r)/scale) beyond it; SNOWBALL and HALO.
///   bloom: each of the four pixels beside one whose charge exceeds the full well gets share/4 of what is above.
///   crosstalk: share of a pixel's slope in the same place of the two outputs beside its own.
Artefacts artefacts_of(const Frame& frame, const Image<double>& brightness, const std::vector<MeasuredTruth>& sources);

}  // namespace tessera::simulate_spherex
