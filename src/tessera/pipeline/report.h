/// pipeline/report.h — report.html: what a run made of its frames, in one file that needs nothing beside it.
#pragma once
#include <vector>

#include "tessera/pipeline/frame_masks.h"
#include "tessera/pipeline/frame_pass.h"
#include "tessera/pipeline/repeatability.h"
#include "tessera/pipeline/star_losses.h"
#include "tessera/report/html.h"
#include "tessera/run/output_folder.h"
#include "tessera/run/record.h"

namespace tessera::pipeline {

/// Its length does not grow with the number of frames or pixels: pictures are averaged down, plots hold at most 2000 marks, lists 200
/// lines and say how many more there are. `run.wall_s` is the time so far. Call it when all other products but run.json are written.
void write_report(const run::RunRecord& run, const Plan& plan, const FramePass& pass, const TileStore& store, const FrameMasks& masks, const StarLosses& losses, const Repeatability& stars, const MosaicOptions& options,
                  const param::OptionSet& settings, run::OutputFolder& folder, run::Recorder& context);

/// A page for background matching alone: offsets and noise frame by frame, caveats, the quick look where there is one.
void write_overlap_report(const run::RunRecord& record, const Plan& plan, const FramePass& pass, bool quicklook, const param::OptionSet& settings, run::OutputFolder& folder, run::Recorder& context);

}  // namespace tessera::pipeline
