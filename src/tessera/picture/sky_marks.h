/// picture/sky_marks.h — what a picture says of the sky: north and east, a round length, positions as text.
#pragma once
#include <array>
#include <optional>
#include <string>

#include "tessera/wcs/sky_wcs.h"

namespace tessera::picture {

/// A direction in the picture, x to the right and y upwards, of length 1.
struct Direction {
  double x = 0, y = 0;
};
struct Compass {
  Direction north, east;
};
/// From d(ξ,η)/d(x,y) = [ξx ξy ηx ηy], ξ to the east and η to the north; nothing where that is singular or not finite.
std::optional<Compass> compass(const std::array<double, 4>& jacobian);

struct ScaleBar {
  double arcsec = 0;
  std::string label;
};
/// The longest round angle (1 2 3 5 10 15 20 30 of ″ or ′, degrees, decimal fractions of ″) not above `longest_arcsec`.
ScaleBar scale_bar(double longest_arcsec);

std::string angle_text(double arcsec);                                ///< "43.2″", "8.90′", "2.50°"
std::string right_ascension_text(double ra_deg);                      ///< "08h00m07.9s"
std::string declination_text(double dec_deg);                         ///< "−09°04′52″"

}  // namespace tessera::picture
