/// instrument/pointing.h — the WCS of a frame with a pointing that was refined against a star catalogue (MOPEX guide 5.6.1: Use Refined Pointing; Spitzer's cards RARFND, DECRFND, CT2RFND).
#pragma once
#include <string>

#include "tessera/core/header.h"

namespace tessera::instrument {

/// The pointing a pipeline refined against a star catalogue, beside the one in the WCS.
struct RefinedPointing {
  double ra_deg = 0, dec_deg = 0;  ///< of the reference pixel
  double angle_deg = 0;            ///< position angle of the +y axis there, from north to east, as PA of Spitzer's headers
};

/// The cards with the reference pixel moved to the refined place and the axes turned about it to the refined angle; scale, skew and distortion stay.
/// Throws DataError that starts with `where`: axes that are not right ascension and declination, or an angle more than a degree from that of the WCS, which refines nothing.
Header with_pointing(const Header& header, const RefinedPointing& refined, const std::string& where);

}  // namespace tessera::instrument
