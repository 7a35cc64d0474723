/// pipeline/provenance.h — what a run did: run.json (everything, also what changes from run to run) and the short form for headers.
#pragma once
#include <string>
#include <vector>

#include "tessera/param/schema.h"
#include "tessera/pipeline/frame_masks.h"
#include "tessera/pipeline/frame_pass.h"
#include "tessera/pipeline/repeatability.h"
#include "tessera/pipeline/star_losses.h"
#include "tessera/run/context.h"
#include "tessera/run/record.h"

namespace tessera::pipeline {

/// Every file the frames' planes are in, and `others`, once each; not hashed yet.
std::vector<run::InputRecord> list_inputs(const Plan& plan, const std::vector<std::string>& others);
/// The same, measured in parallel. Throws UnreadableFrame when one is not the file any more that was planned with.
std::vector<run::InputRecord> hash_inputs(const Plan& plan, const std::vector<std::string>& others, run::Context& context);

/// run::publish_run() with what a record says of frames and of the grid.
void publish_mosaic(run::RunClock& clock, const Plan& plan, const FramePass& pass, const FrameMasks& masks, const Repeatability& stars, const MosaicOptions& options, const param::OptionSet& settings,
                    const std::vector<run::InputRecord>& inputs, const std::vector<run::ProductRecord>& products, const StarLosses& losses, run::OutputFolder& folder, run::Recorder& recorder);

}  // namespace tessera::pipeline
