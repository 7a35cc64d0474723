#include "tessera/wcs/separation.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace tessera::wcs {

double separation_deg(SkyPoint a, SkyPoint b) {
  constexpr double deg = std::numbers::pi / 180;
  const double s1 = std::sin((b.dec_deg - a.dec_deg) * deg / 2), s2 = std::sin((b.ra_deg - a.ra_deg) * deg / 2);
  const double h = s1 * s1 + std::cos(a.dec_deg * deg) * std::cos(b.dec_deg * deg) * s2 * s2;
  return 2 * std::atan2(std::sqrt(h), std::sqrt(std::max(0.0, 1 - h))) / deg;
}

}  // namespace tessera::wcs
