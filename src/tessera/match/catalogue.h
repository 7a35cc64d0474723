/// match/catalogue.h — a table as tessera match sees it: a name, rows, and a position with errors for each.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "tessera/core/table.h"
#include "tessera/match/astrometry.h"
#include "tessera/match/cross_match.h"
#include "tessera/match/match.h"

namespace tessera::match {

struct Catalogue {
  std::string name, path;
  Table table;
  std::vector<Position> positions;  ///< one per row; NaN where a row has none
  long without_position = 0;
  bool has_errors = false;          ///< false: all errors are MatchOptions::error
};

/// Columns of right ascension and declination (degrees, ICRS) and of their errors (arcsec, mas or degrees by their unit; on the sky, as ours, Gaia's and MOPEX's are) are those of the options or the first of the
/// usual names. Throws DataError naming what is missing.
Catalogue read_catalogue(const std::string& path, const std::string& name, const MatchOptions& options);
/// Names for the columns of every catalogue: those of the options, else of their files or, where these are alike, of the folders they lie in. Throws UsageError.
std::vector<std::string> catalogue_names(const std::vector<std::string>& paths, const MatchOptions& options);

/// Of the catalogue at the same place and the first one.
struct Comparison {
  long matched = 0;          ///< rows of both that are in one group
  double by_chance = 0;      ///< how many of them unrelated positions would give
  double separation = 0;     ///< median, arcsec
  AstrometricFit fit;
};

/// One row per group: mean position, χ², separations, then the columns of every catalogue with its name behind.
Table merged_table(std::span<const Catalogue> catalogues, std::span<const Group> groups, const std::vector<std::string>& columns);
Table astrometry_table(std::span<const Catalogue> catalogues, std::span<const Comparison> comparisons);

}  // namespace tessera::match
