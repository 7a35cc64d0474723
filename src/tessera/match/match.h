/// match/match.h — the whole of tessera match: catalogues in, one row per source out, and how their positions compare.
#pragma once
#include <string>
#include <vector>

#include "tessera/param/schema.h"
#include "tessera/run/context.h"

namespace tessera::match {

enum class Keep { all, first, common };

struct MatchOptions {
  double radius = 1;                       // arcsec
  double sigmas = 5;
  double error = 0.3, error_floor = 0;     // arcsec
  std::string ra, dec, ra_err, dec_err;    // names of columns
  std::vector<std::string> names;          // of the catalogues
  std::vector<std::string> columns;        // kept of each
  Keep keep = Keep::all;
  std::string where;
  std::vector<std::string> formats{"fits"};
};
void describe(param::Schema<MatchOptions>& s);

struct MatchRequest {
  std::vector<std::string> inputs;
  std::string output;
  bool overwrite = false, dry_run = false;
};

/// Writes matched.fits (and other formats), astrometry.tbl, report.html, run.json and tessera.log. The first catalogue is the reference of the astrometric check. Throws UsageError (fewer
/// than two catalogues, names), DataError (no table, no positions), SystemError. Nothing kept: Outcome::nothing_to_do, written all the same.
run::Outcome match(const MatchRequest& request, const MatchOptions& options, param::OptionSet& settings, run::Context& context);

}  // namespace tessera::match
