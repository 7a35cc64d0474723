/// wcs/separation.h — the distance of two points along the sky.
#pragma once
#include "tessera/wcs/sky_wcs.h"

namespace tessera::wcs {

/// Great-circle distance in degrees, good at all separations (haversines).
double separation_deg(SkyPoint a, SkyPoint b);

}  // namespace tessera::wcs
