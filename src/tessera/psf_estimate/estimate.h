/// psf_estimate/estimate.h — the whole of tessera psf estimate: images in, point response out.
#pragma once
#include "tessera/extraction/extract.h"
#include "tessera/psf_estimate/estimate_options.h"
#include "tessera/run/context.h"

namespace tessera::psf_estimate {

/// One image, or frames with their mosaic: stars chosen on it, the effective PSF fitted to all images that see them. Throws UsageError, DataError, SystemError, Interrupted.
run::Outcome estimate(const extraction::ExtractRequest& request, const PsfOptions& options, param::OptionSet& settings, run::Context& context);

}  // namespace tessera::psf_estimate
