/// match/astrometry.h — how the positions of one catalogue differ from those of a reference: offset, rotation, scale, and what scatter is left.
#pragma once
#include <span>
#include <utility>
#include <vector>

#include "tessera/match/cross_match.h"

namespace tessera::match {

/// On the plane that touches the sky at the middle of the reference positions, ξ to the east and η to the north, a catalogue lies at
///   ξ' = ξ + offset_ra  + scale · ξ + rotation · η,      η' = η + offset_dec + scale · η − rotation · ξ,
/// least squares weighted by both catalogues' errors, pairs beyond 4 σ of the scatter left out until nothing changes.
struct AstrometricFit {
  int pairs = 0, used = 0;
  double ra_deg = 0, dec_deg = 0;                     ///< the middle
  double offset_ra = 0, offset_dec = 0;               ///< arcsec
  double offset_ra_err = 0, offset_dec_err = 0;
  double rotation = 0, rotation_err = 0;              ///< degrees, as a position angle: from north to east
  double scale = 0, scale_err = 0;                    ///< relative: 0 means equal
  double rms_ra = 0, rms_dec = 0;                     ///< arcsec, of the pairs used, after the fit
  double pull_width = 0;                              ///< robust width of the residuals over their errors: 1 when both catalogues' errors are right
  struct Residual {
    double xi = 0, eta = 0;       ///< place, arcsec from the middle
    double before_ra = 0, before_dec = 0, ra = 0, dec = 0;  ///< catalogue less reference before and after the fit, arcsec
    bool used = false;
  };
  std::vector<Residual> residuals;  ///< one per pair
};

/// `pairs`: of the reference and of the catalogue. Errors are 1 σ, from the scatter that is left where it exceeds the stated errors. With fewer than two pairs only the offset is found, with none
/// nothing (NaN); rotation and scale are NaN then.
AstrometricFit compare_astrometry(std::span<const std::pair<Position, Position>> pairs);

}  // namespace tessera::match
