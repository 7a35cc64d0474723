/// pipeline/mosaic.h — frames in, mosaic out: plan, frame pass, tile pass, finish.
#pragma once
#include <string>
#include <vector>

#include "tessera/pipeline/frame_masks.h"
#include "tessera/pipeline/frame_pass.h"
#include "tessera/pipeline/mosaic_options.h"
#include "tessera/pipeline/plan.h"
#include "tessera/run/context.h"
#include "tessera/run/output_folder.h"
#include "tessera/run/record.h"

namespace tessera::pipeline {

struct MosaicRequest {
  std::vector<std::string> inputs;
  std::string output;
  bool overwrite = false;
  bool dry_run = false;      ///< print the plan on standard output and stop
  std::string verb = "mosaic";               ///< the step as it is recorded
  std::vector<std::string> arguments{};      ///< its arguments as they are recorded; empty: the inputs
  run::Placement place{};                         ///< see OutputFolder
  std::vector<std::string> other_inputs{};   ///< files read beside the frames, which a replay must find unchanged
  std::vector<run::KeptText> kept{};
  const std::vector<std::string>& recorded_arguments() const { return arguments.empty() ? inputs : arguments; }
};

/// What an unfinished run leaves of the request.
run::Request folder_request(const MosaicRequest& request, const Plan& plan, const param::OptionSet& settings);
/// All tiles, and what they were made from.
struct FinishedTiles {
  const Plan& plan;
  const FramePass& pass;
  const TileStore& store;
  const FrameMasks& masks;
  FrameCache& cache;
  const std::vector<run::InputRecord>& inputs;
};
/// The end of a run: products, report and record, put in place all at once.
void finish_mosaic(const FinishedTiles& tiles, const MosaicRequest& request, const MosaicOptions& options, const param::OptionSet& settings, run::OutputFolder& folder, run::RunClock& run, run::Recorder& context);

/// What --dry-run prints, with its notes.
void print_plan(const Plan& plan, run::Context& context);

/// Tells notes and caveats of a plan; margin as in GeometryOptions.
void report_plan(const Plan& plan, int margin, run::Context& context);

/// Throws UsageError, DataError, SystemError, Interrupted; an unfinished run can be resumed by the same call.
run::Outcome make_mosaic(const MosaicRequest& request, const MosaicOptions& options, param::OptionSet& settings, run::Context& context);

/// Settles the grid and stops: FIF.tbl, header_list.tbl and the record. Throws as make_mosaic does.
run::Outcome make_grid(const MosaicRequest& request, const MosaicOptions& options, param::OptionSet& settings, run::Context& context);

}  // namespace tessera::pipeline
