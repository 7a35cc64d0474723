/// pipeline/mosaic.h — frames in, mosaic out: plan, frame pass, tile pass, finish.
#pragma once
#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "tessera/pipeline/context.h"
#include "tessera/pipeline/mosaic_options.h"
#include "tessera/pipeline/output_folder.h"
#include "tessera/pipeline/plan.h"
#include "tessera/pipeline/provenance.h"

namespace tessera::pipeline {

/// Text that a run keeps beside its products.
struct KeptText {
  std::string name, content;
};

struct MosaicRequest {
  std::vector<std::string> inputs;
  std::string output;
  bool overwrite = false;
  bool dry_run = false;      ///< print the plan on standard output and stop
  std::string verb = "mosaic";               ///< the step as it is recorded
  std::vector<std::string> arguments{};      ///< its arguments as they are recorded; empty: the inputs
  Placement place{};                         ///< see OutputFolder
  std::vector<std::string> other_inputs{};   ///< files read beside the frames, which a replay must find unchanged
  std::vector<KeptText> kept{};
  const std::vector<std::string>& recorded_arguments() const { return arguments.empty() ? inputs : arguments; }
};

/// What an unfinished run leaves of the request.
Request folder_request(const MosaicRequest& request, const Plan& plan, const param::OptionSet& settings);
/// Writes the kept texts to the folder and gives every product the names of its places.
std::vector<ProductRecord> placed_products(const std::vector<KeptText>& kept, const std::vector<ProductRecord>& products, OutputFolder& folder);

/// The record of a run and its clock.
struct RunClock {
  explicit RunClock(const MosaicRequest& request) : RunClock{request.verb, request.recorded_arguments()} {}
  RunClock(const std::string& verb, const std::vector<std::string>& arguments)
      : record{verb, arguments, std::filesystem::current_path().string(), utc_now(), 0}, began{std::chrono::steady_clock::now()} {}
  void stop() { record.wall_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count(); }
  RunRecord record;
  std::chrono::steady_clock::time_point began;
};

/// All tiles, and what they were made from.
struct FinishedTiles {
  const Plan& plan;
  const FramePass& pass;
  const TileStore& store;
  const FrameMasks& masks;
  FrameCache& cache;
  const std::vector<InputRecord>& inputs;
};
/// The end of a run: products, report and record, put in place all at once.
void finish_mosaic(const FinishedTiles& tiles, const MosaicRequest& request, const MosaicOptions& options, const param::OptionSet& settings, OutputFolder& folder, RunClock& run, Recorder& context);

/// What --dry-run prints, with its notes.
void print_plan(const Plan& plan, Context& context);

/// Tells notes and caveats of a plan; margin as in GeometryOptions.
void report_plan(const Plan& plan, int margin, Context& context);

/// Throws UsageError, DataError, SystemError, Interrupted; an unfinished run can be resumed by the same call.
Outcome make_mosaic(const MosaicRequest& request, const MosaicOptions& options, param::OptionSet& settings, Context& context);

/// Settles the grid and stops: FIF.tbl, header_list.tbl and the record. Throws as make_mosaic does.
Outcome make_grid(const MosaicRequest& request, const MosaicOptions& options, param::OptionSet& settings, Context& context);

}  // namespace tessera::pipeline
