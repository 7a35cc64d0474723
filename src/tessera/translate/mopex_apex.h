/// translate/mopex_apex.h — the APEX scripts of MOPEX run from their namelists: tessera extract and tessera residual with MOPEX's files, folders and names. MOPEX guide 6, 9.7.
#pragma once
#include <string>
#include <vector>

#include "tessera/extraction/extract_options.h"
#include "tessera/run/context.h"
#include "tessera/run/record.h"
#include "tessera/translate/mopex_files.h"
#include "tessera/translate/mopex_scripts.h"

namespace tessera::translate {

struct ApexRun {
  MopexScript script;
  const Namelist& namelist;
  std::string output;
  bool overwrite = false, dry_run = false;
  std::string fif;                  ///< -F
  run::KeptText kept;          ///< the namelist, as it is kept beside the products
};

/// What the namelist became, for the options of the step itself; those of `tessera psf estimate` and residual alone are left to their scripts.
void assign_values(const Import& import, const Namelist& namelist, param::OptionSet& options);

/// Where the scripts put the products of extract and residual.
run::Placement apex_layout(MopexScript script, const param::LegacyConfig& config);

/// apex.pl, apex_1frame.pl, apex_user_list.pl, apex_user_list_1frame.pl, aperture.pl. `image`, `list`: values of -i and -u, which options.assign sees as mopex.image and catalog.sources.
run::Outcome run_apex(const ApexRun& run, const std::string& image, extraction::ExtractOptions& extract, param::OptionSet& options, run::Context& context);
/// apex_qa.pl, of frames (&POINTSOURCEIMAGE) or a mosaic (&MOSAIC_POINTSOURCEIMAGE). `table`: -E; `mosaic`: -T.
run::Outcome run_apex_qa(const ApexRun& run, const std::string& table, const std::string& mosaic, extraction::ExtractOptions& extract, param::OptionSet& options, run::Context& context);

}  // namespace tessera::translate
