/// wcs/frames.h — the sky frame of a header and its rotation to ICRS (ERFA). Private to the room.
#pragma once
#include <array>
#include <string>

#include "tessera/wcs/sky_wcs.h"

namespace tessera::wcs {

enum class SkySystem { icrs, fk5, fk4, galactic, ecliptic };

/// Longitude and latitude in `system` ↔ ICRS, degrees. FK5 of equinox 2000 is taken as ICRS.
class FrameChange {
 public:
  FrameChange() = default;
  /// `equinox`: Julian year of the FK5 or ecliptic frame. `epoch`: Besselian year of observation, for FK4 (equinox B1950) only.
  FrameChange(SkySystem system, double equinox, double epoch);
  bool identity() const { return kind_ == Kind::none; }
  SkyPoint to_icrs(double lng_deg, double lat_deg) const;
  SkyPoint from_icrs(SkyPoint icrs) const;  ///< ra_deg, dec_deg hold longitude and latitude

 private:
  enum class Kind { none, rotation, fk4 };
  Kind kind_ = Kind::none;
  std::array<std::array<double, 3>, 3> matrix_{};  // ICRS → frame
  double epoch_ = 1950;
};

std::string to_string(SkySystem system);

/// Degrees into [0, 360).
double wrap_degrees(double angle);

}  // namespace tessera::wcs
