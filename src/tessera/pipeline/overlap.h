/// pipeline/overlap.h — background matching alone: frames in; a table of offsets, corrected frames and a quick look out. MOPEX guide 4.
#pragma once
#include "tessera/pipeline/mosaic.h"
#include "tessera/pipeline/mosaic_options.h"
#include "tessera/run/context.h"

namespace tessera::pipeline {

struct OverlapProducts {
  bool corrected = false;
  bool quicklook = false;
  bool report = true;
  bool zodi_subtracted = false;
};
void describe(param::Schema<OverlapProducts>& s);

/// What overlap takes of the options of a mosaic, and its own.
struct OverlapOptions {
  MosaicOptions mosaic;
  OverlapProducts products;
  void declare(param::OptionSet& options);
};

/// Throws UsageError, DataError, SystemError, Interrupted. A run that was interrupted is simply made anew.
run::Outcome match_overlaps(const MosaicRequest& request, OverlapOptions& options, param::OptionSet& settings, run::Context& context);

}  // namespace tessera::pipeline
