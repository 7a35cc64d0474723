/// spectrum/sources.h — the sources whose spectra are wanted: one position, or the rows of a table, each checked by itself.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "tessera/param/schema.h"
#include "tessera/wcs/sky_wcs.h"

namespace tessera::spectrum {

/// Names of columns; empty: the usual names.
struct SourceOptions {
  std::string label, ra, dec, pm_ra, pm_dec, epoch, sersic_n, r_e, axis_ratio, position_angle;
  double default_epoch = 2016;  ///< Julian year
  std::string neighbours;       ///< a second table: sources that are fitted along and not reported
};
void describe(param::Schema<SourceOptions>& s);

/// Sérsic profile on the sky. n 0.5 to 6, 0 < b/a ≤ 1, R_e 1 to 20 arcsec along the major axis, position angle east of north.
struct SersicShape {
  double n = 0, r_e_arcsec = 0, axis_ratio = 1, angle_deg = 0;
};

struct Source {
  std::string label;
  wcs::SkyPoint sky;                 ///< at `epoch`, ICRS
  double pm_ra = 0, pm_dec = 0;      ///< mas/yr, pm_ra times cos δ
  double epoch = 2016;               ///< Julian year
  bool extended = false;
  SersicShape shape;
  bool neighbour = false;            ///< fitted along only
  std::string refusal;               ///< why the row is not measured; "" when it is
  bool moving() const { return pm_ra != 0 || pm_dec != 0; }
  /// Place at a time, linear along the great circle of its motion.
  wcs::SkyPoint at(double julian_year) const;
};

struct SourceList {
  std::vector<Source> sources;
  std::vector<std::string> notes;    ///< which columns were taken, one line each
  std::int64_t refused = 0;
};

/// `what`: a position ("188.73,-1.2", "12:34:56.7 -01:02:03") or the path of a table (IPAC, VOTable, ECSV, CSV, FITS, Parquet). Throws DataError: no such table, no positions, units that are
/// none of positions; UsageError: neither. A row out of range (declination, Sérsic parameters) is refused by itself.
SourceList read_sources(const std::string& what, const SourceOptions& options);

double julian_year(double mjd);

}  // namespace tessera::spectrum
