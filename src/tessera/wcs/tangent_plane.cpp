#include "tessera/wcs/tangent_plane.h"

#include <cmath>
#include <limits>
#include <numbers>

namespace tessera::wcs {
namespace {

constexpr double degree = std::numbers::pi / 180;

}  // namespace

std::array<double, 2> to_tangent_plane(SkyPoint p, SkyPoint centre) {
  const double da = (p.ra_deg - centre.ra_deg) * degree, d = p.dec_deg * degree, d0 = centre.dec_deg * degree;
  const double half = std::sin(da / 2), curl = 2 * std::cos(d) * half * half;
  const double scale = std::cos((p.dec_deg - centre.dec_deg) * degree) - std::cos(d0) * curl;
  if (scale <= 0) return {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity()};
  const double xi = std::cos(d) * std::sin(da), eta = std::sin((p.dec_deg - centre.dec_deg) * degree) + std::sin(d0) * curl;
  return {xi / scale / degree, eta / scale / degree};
}

SkyPoint from_tangent_plane(const std::array<double, 2>& plane, SkyPoint centre) {
  const double xi = plane[0] * degree, eta = plane[1] * degree, dec0 = centre.dec_deg * degree;
  const double down = std::cos(dec0) - eta * std::sin(dec0);
  const double ra = centre.ra_deg + std::atan2(xi, down) / degree;
  const double dec = std::atan2(std::sin(dec0) + eta * std::cos(dec0), std::hypot(xi, down)) / degree;
  return {ra < 0 ? ra + 360 : ra >= 360 ? ra - 360 : ra, dec};
}

}  // namespace tessera::wcs
