/// pipeline/mosaic.h — frames in, mosaic out: plan, frame pass, tile pass, finish.
#pragma once
#include <string>
#include <vector>

#include "tessera/pipeline/context.h"
#include "tessera/pipeline/mosaic_options.h"
#include "tessera/pipeline/plan.h"

namespace tessera::pipeline {

struct MosaicRequest {
  std::vector<std::string> inputs;
  std::string output;
  bool overwrite = false;
  bool dry_run = false;      ///< print the plan on standard output and stop
};

/// Tells notes and caveats of a plan; margin as in GeometryOptions.
void report_plan(const Plan& plan, int margin, Context& context);

/// Throws UsageError, DataError, SystemError, Interrupted; an unfinished run can be resumed by the same call.
Outcome make_mosaic(const MosaicRequest& request, const MosaicOptions& options, param::OptionSet& settings, Context& context);

}  // namespace tessera::pipeline
