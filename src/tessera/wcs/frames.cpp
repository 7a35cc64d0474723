#include "tessera/wcs/frames.h"

#include <erfa.h>

#include <cmath>
#include <numbers>

namespace tessera::wcs {
namespace {

constexpr double degree = std::numbers::pi / 180;
using Vector = std::array<double, 3>;

Vector direction(double lng_deg, double lat_deg) {
  const double l = lng_deg * degree, b = lat_deg * degree;
  return {std::cos(b) * std::cos(l), std::cos(b) * std::sin(l), std::sin(b)};
}

SkyPoint angles(const Vector& v) {
  return {wrap_degrees(std::atan2(v[1], v[0]) / degree), std::atan2(v[2], std::hypot(v[0], v[1])) / degree};
}

std::array<Vector, 3> galactic_matrix() {
  std::array<Vector, 3> m{};
  const std::array<std::array<double, 2>, 3> axes{{{0, 0}, {std::numbers::pi / 2, 0}, {0, std::numbers::pi / 2}}};
  for (std::size_t k = 0; k < 3; ++k) {  // row k is the direction, in ICRS, of the k-th galactic axis
    double ra = 0, dec = 0;
    eraG2icrs(axes[k][0], axes[k][1], &ra, &dec);
    m[k] = direction(ra / degree, dec / degree);
  }
  return m;
}

}  // namespace

double wrap_degrees(double angle) {
  if (angle >= 0 && angle < 360) return angle;
  const double wrapped = angle - 360 * std::floor(angle / 360);
  return wrapped < 360 ? wrapped : 0;
}

std::string to_string(SkySystem system) {
  switch (system) {
    case SkySystem::icrs: return "ICRS";
    case SkySystem::fk5: return "FK5";
    case SkySystem::fk4: return "FK4";
    case SkySystem::galactic: return "GALACTIC";
    case SkySystem::ecliptic: return "ECLIPTIC";
  }
  return "";
}

FrameChange::FrameChange(SkySystem system, double equinox, double epoch) : epoch_{epoch} {
  double day0 = 0, day = 0, m[3][3];
  eraEpj2jd(equinox, &day0, &day);
  if (system == SkySystem::fk4) {
    kind_ = Kind::fk4;
  } else if (system == SkySystem::galactic) {
    kind_ = Kind::rotation;
    matrix_ = galactic_matrix();
  } else if (system == SkySystem::ecliptic || (system == SkySystem::fk5 && equinox != 2000)) {
    kind_ = Kind::rotation;
    if (system == SkySystem::ecliptic)
      eraEcm06(day0, day, m);
    else
      eraPmat76(day0, day, m);
    for (std::size_t i = 0; i < 3; ++i)
      for (std::size_t j = 0; j < 3; ++j) matrix_[i][j] = m[i][j];
  }
}

SkyPoint FrameChange::to_icrs(double lng_deg, double lat_deg) const {
  if (kind_ == Kind::none) return {wrap_degrees(lng_deg), lat_deg};
  if (kind_ == Kind::fk4) {
    double ra = 0, dec = 0;
    eraFk45z(lng_deg * degree, lat_deg * degree, epoch_, &ra, &dec);
    return {wrap_degrees(ra / degree), dec / degree};
  }
  const Vector v = direction(lng_deg, lat_deg);
  Vector w{};
  for (std::size_t j = 0; j < 3; ++j) w[j] = matrix_[0][j] * v[0] + matrix_[1][j] * v[1] + matrix_[2][j] * v[2];
  return angles(w);
}

SkyPoint FrameChange::from_icrs(SkyPoint icrs) const {
  if (kind_ == Kind::none) return {wrap_degrees(icrs.ra_deg), icrs.dec_deg};
  if (kind_ == Kind::fk4) {
    // The reverse of eraFk45z by fixed point: E-terms and precession change slowly over the 0.01" that separate the two ways.
    const Vector target = direction(icrs.ra_deg, icrs.dec_deg);
    Vector aim = target;
    double ra = 0, dec = 0, dra = 0, ddec = 0;
    for (int round = 0; round < 4; ++round) {
      const SkyPoint at = angles(aim);
      eraFk54z(at.ra_deg * degree, at.dec_deg * degree, epoch_, &ra, &dec, &dra, &ddec);
      const SkyPoint back = to_icrs(ra / degree, dec / degree);
      const Vector reached = direction(back.ra_deg, back.dec_deg);
      for (std::size_t k = 0; k < 3; ++k) aim[k] += target[k] - reached[k];
    }
    return {wrap_degrees(ra / degree), dec / degree};
  }
  const Vector v = direction(icrs.ra_deg, icrs.dec_deg);
  Vector w{};
  for (std::size_t i = 0; i < 3; ++i) w[i] = matrix_[i][0] * v[0] + matrix_[i][1] * v[1] + matrix_[i][2] * v[2];
  return angles(w);
}

}  // namespace tessera::wcs
