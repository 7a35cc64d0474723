/// simulate_spherex/survey.h — which exposures are made: target groups of up to four, stepped along the wavelengths, in several surveys.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "tessera/simulate_spherex/detector.h"
#include "tessera/simulate_spherex/options.h"

namespace tessera::simulate_spherex {

/// One exposure of one pair of detectors (1 and 4, 2 and 5, 3 and 6 look at the same sky).
struct Exposure {
  int index = 0;             ///< from 0, over all pairs and surveys
  int pair = 1;              ///< detector of the shorter wavelengths, 1 to 3
  int survey = 0, group = 0; ///< from 0; the group counts over all surveys and pairs
  int step = 0;              ///< 0 to 3 within the group
  Attitude attitude;
  double mjd = 0;            ///< middle
  std::string observation() const;  ///< OBSID, such as 2025W18_1A_0001_1
};

/// Position angle φ in surveys 1, 3, …, φ + 180° in the others. Steps are of 17′·size/2040 along y; of every two groups the second fills the gaps of the first,
/// and six bring the middle of the field to places 83 pixels of 2040 apart on the whole detector. Groups are shifted across by up to a tenth of the side at random.
std::vector<Exposure> plan_exposures(const SurveyOptions& options, wcs::SkyPoint field, std::uint64_t seed);

/// Detectors that write files, ascending. Throws UsageError when none does.
std::vector<int> detectors_of(const SurveyOptions& options);

/// Where the Earth is, heliocentric ecliptic AU, by the low-precision formula of the Astronomical Almanac (0.01°).
struct EarthPlace {
  double longitude_deg = 0, distance_au = 1;
};
EarthPlace earth_at(double mjd);
/// Ecliptic longitude and latitude (J2000), degrees.
struct Ecliptic {
  double longitude_deg = 0, latitude_deg = 0;
};
Ecliptic ecliptic(wcs::SkyPoint p);

/// Calendar of a modified Julian date: "2025-05-01T00:00:00.000", and its year and day or week.
std::string iso_date(double mjd);
struct YearDay {
  int year = 0, day = 0;  ///< day from 1
};
YearDay year_day(double mjd);

}  // namespace tessera::simulate_spherex
