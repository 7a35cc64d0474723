/// psf_estimate/at.h — the whole of tessera psf at: the point response of a mosaic at single places, from its record and the response of its frames.
#pragma once
#include <string>
#include <vector>

#include "tessera/psf_estimate/estimate_options.h"
#include "tessera/run/context.h"

namespace tessera::psf_estimate {

struct AtRequest {
  std::vector<std::string> positions;   ///< "RA,DEC"; none: those of estimate.sources
  std::string mosaic;                   ///< mosaic.fits or its folder
  std::string output;
  bool overwrite = false, dry_run = false;
  std::vector<std::string> arguments;   ///< as they are recorded
};

/// Writes psf.fits, psf.png, places.fits, run.json. Throws UsageError (a position that is none, no response given), DataError (no record, frames gone, a coadd without such a response), SystemError, Interrupted.
/// Without any covered place there is no psf.fits, and the outcome is nothing_to_do.
run::Outcome response_at(const AtRequest& request, const PsfOptions& options, param::OptionSet& settings, run::Context& context);

}  // namespace tessera::psf_estimate
