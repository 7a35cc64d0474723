/// joint_fit/source.h — a source while it is measured: where it began, where it is seen, what the fit says of it.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tessera/photometry/psf_fit.h"
#include "tessera/wcs/sky_wcs.h"

namespace tessera::joint_fit {

/// How the fit of a source ended. The numbers are MOPEX's (guide 6.5.20) but for `twin` and `poor`, whose χ² MOPEX counts under −2.
enum class Status : std::int32_t {
  poor = -6,         ///< fitted, with more χ² per degree of freedom than is allowed
  twin = -5,         ///< another row of the list has this position; not fitted
  degenerate = -4,   ///< the data do not tell it from its neighbours
  no_data = -3,      ///< no good pixel, or no degree of freedom
  at_limit = -2,     ///< the best position is further away than allowed; what is given is for the limit
  no_convergence = -1,
  not_fitted = 0,    ///< outside of all images, or without a position
  fitted = 1
};

/// Where light is, and how much.
struct Light {
  double u = 0, v = 0, flux = 0;
};

struct Source {
  wcs::SkyPoint start;            ///< ICRS degrees
  double ref_x = 0, ref_y = 0;    ///< start on the image that sources are found on, pixels from 0
  int detection = -1;             ///< index, -1: of a list
  int window_x = 0, window_y = 0; ///< sides of its windows on the images, odd; 0: those of all
  double turn = 0;                ///< from east to north, radians: of the axis along which the first limit of its position counts; the second is at a right angle to it
  std::vector<photometry::Sight> sights;  ///< at the start, coordinates u, v in arcsec to the east and north

  double u = 0, v = 0;            ///< arcsec from the start
  double flux = 0;
  double covariance[9] = {};      ///< of (u, v, flux)
  std::optional<Light> light;     ///< by which its photons' noise is counted while the fit goes on; none: as it stands
  bool forced = false;
  bool active = false;            ///< found in what the fit of others left (active deblending)
  int passive = 0;                ///< members of its group before more were tried for its χ² (fit.max_sources); 0: none was kept
  Status status = Status::not_fitted;
  int members = 0, group = -1;
  double group_chi2 = 0, chi2 = 0;
  long group_dof = 0;
  int pixels = 0, bad_pixels = 0, frames = 0;
  double portion = 0;
  double background = 0;          ///< fitted under it, pixel value
  double correlation = 0;         ///< of its flux with that of `neighbour`, the source it hangs together with most
  int neighbour = -1;
  std::vector<std::pair<int, double>> correlations;  ///< of its flux with those fitted beside it, by index; only with fit.covariance

  std::string list_id;            ///< of the list it came from
  double pm_u = 0, pm_v = 0;      ///< proper motion, arcsec per Julian year to the east and north
  double epoch = 0;               ///< Julian year of `start`; counts with a motion

  int side_x(int of_all) const { return window_x > 0 ? window_x : of_all; }
  int side_y(int of_all) const { return window_y > 0 ? window_y : of_all; }
  bool moves() const { return pm_u != 0 || pm_v != 0; }
  /// At the epoch of `start`, or at a modified Julian date.
  wcs::SkyPoint position() const;
  wcs::SkyPoint position(double mjd) const;
};

/// Whether a fit gave it a flux.
inline bool measured(const Source& s) { return s.status == Status::fitted || s.status == Status::no_convergence || s.status == Status::at_limit || s.status == Status::poor; }

}  // namespace tessera::joint_fit
