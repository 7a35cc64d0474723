#include "tessera/joint_fit/source.h"

#include "tessera/wcs/tangent_plane.h"

namespace tessera::joint_fit {

wcs::SkyPoint Source::position() const {  // u to the east, v to the north of the start
  return wcs::from_tangent_plane({u / 3600, v / 3600}, start);
}

wcs::SkyPoint Source::position(double mjd) const {
  if (!moves() || !(mjd > 0)) return position();
  const double years = 2000 + (mjd - 51544.5) / 365.25 - epoch;
  return wcs::from_tangent_plane({(u + pm_u * years) / 3600, (v + pm_v * years) / 3600}, start);
}

}  // namespace tessera::joint_fit
