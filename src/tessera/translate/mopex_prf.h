/// translate/mopex_prf.h — prf_estimate.pl of MOPEX run from its namelist: tessera psf estimate --method mopex with MOPEX's files and names. MOPEX guide 7, 9.8.
#pragma once
#include <string>

#include "tessera/psf_estimate/estimate_options.h"
#include "tessera/run/output_folder.h"
#include "tessera/translate/mopex_apex.h"

namespace tessera::translate {

/// Where prf_estimate.pl puts the products of tessera psf estimate.
run::Placement prf_layout(const param::LegacyConfig& config);

/// `image`: the value of -i. The list of stars is catalog.sources (-E, -u or POINT_SOURCE_LIST). `extract` and `estimate` are what options.assign changes.
run::Outcome run_prf_estimate(const ApexRun& run, const std::string& image, const extraction::ExtractOptions& extract, const psf_estimate::EstimateOptions& estimate, param::OptionSet& options, run::Context& context);

}  // namespace tessera::translate
