/// wcs/track.h — where a moving object is at any time, from a list of positions (an ephemeris).
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "tessera/wcs/sky_wcs.h"

namespace tessera::wcs {

/// Positions at rising times. Between them the direction follows the cubic through the four nearest points (Lagrange; fewer points, lower
/// degree), normalised: for an ephemeris in steps of h this leaves an error of about 0.02 h⁴ times the fourth derivative.
class Track {
 public:
  /// Any order; `mjd_days` and `positions` have one length. Throws DataError that starts with `where`: no point, a time twice, a value
  /// that is not finite, a declination beyond a pole.
  Track(std::vector<double> mjd_days, std::vector<SkyPoint> positions, const std::string& where);
  double begin() const { return mjd_.front(); }
  double end() const { return mjd_.back(); }
  /// Nothing outside [begin, end]: an ephemeris is not continued.
  std::optional<SkyPoint> at(double mjd_days) const;

 private:
  std::vector<double> mjd_;
  std::vector<SkyPoint> positions_;
};

}  // namespace tessera::wcs
