/// wcs/tangent_plane.h — the gnomonic projection about a point of the sky and back (Calabretta & Greisen 2002, A&A 395, 1077, 5.1.3).
#pragma once
#include <array>

#include "tessera/wcs/sky_wcs.h"

namespace tessera::wcs {

/// (ξ, η) of `p` on the plane that touches the sky at `centre`, degrees to the east and to the north; infinite where p is 90° away or more. Without the cancellation of the textbook form for close points.
std::array<double, 2> to_tangent_plane(SkyPoint p, SkyPoint centre);
/// The point at (ξ, η), degrees; right ascension within 0 … 360.
SkyPoint from_tangent_plane(const std::array<double, 2>& plane, SkyPoint centre);

}  // namespace tessera::wcs
