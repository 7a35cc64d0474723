/// translate/mopex_mosaic.h — mosaics of MOPEX's scripts: what a namelist becomes for tessera mosaic, and the mosaic of residual frames that apex_qa.pl makes. MOPEX guide 5, 6.6, 9.7.3.
#pragma once
#include <optional>
#include <string>

#include "tessera/param/schema.h"
#include "tessera/run/context.h"
#include "tessera/translate/mopex_apex.h"
#include "tessera/translate/mopex_files.h"
#include "tessera/translate/mopex_scripts.h"

namespace tessera::translate {

/// Options of mosaic.pl and overlap.pl; every line of the namelist goes to the log.
void take_mosaic_options(const Namelist& namelist, MopexScript script, param::OptionSet& options, run::Context& context);

/// The namelist by which apex_qa.pl mosaics residual frames: that of -u (`name`), or its own where run_mosaic_coadder is on; none otherwise. Throws as read_namelist_file().
std::optional<Namelist> residual_mosaic_namelist(const Namelist& own, const std::string& name);

/// The mosaic of the residual images that run_apex_qa() has written, with the uncertainties and masks of the frames they are of, beside them: Combine-ApexQA/mosaic.fits. `before`: how that run ended.
run::Outcome mosaic_residuals(const ApexRun& run, const Namelist& namelist, const param::OptionSet& of_frames, run::Context& context, run::Outcome before);

}  // namespace tessera::translate
