/// pipeline/report.h — report.html: what a run made of its frames, in one file that needs nothing beside it.
#pragma once
#include <vector>

#include "tessera/pipeline/output_folder.h"
#include "tessera/pipeline/provenance.h"

namespace tessera::pipeline {

/// Its length does not grow with the number of frames or pixels: pictures are averaged down, plots hold at most 2000 marks, lists 200
/// lines and say how many more there are. `run.wall_s` is the time so far. Call it when all other products but run.json are written.
void write_report(const RunRecord& run, const Plan& plan, const FramePass& pass, const TileStore& store, const StarLosses& losses, const MosaicOptions& options,
                  const param::OptionSet& settings, OutputFolder& folder, Recorder& context);

}  // namespace tessera::pipeline
