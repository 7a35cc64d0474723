/// pipeline/rejection_pass.h — outliers by any set of schemes, before the coadd: tiles are compared, masks of the frames come out. A run that
/// asks for temporal outliers alone does without and rejects in the coadd's own pass over the tiles, with the same result.
#pragma once
#include "tessera/pipeline/frame_masks.h"
#include "tessera/pipeline/frame_pass.h"
#include "tessera/run/context.h"

namespace tessera::pipeline {

/// The masks of all frames, all schemes' bits in them. Needs plan.two_pass. The result does not depend on threads or tiles.
/// Outlier maps, when they are asked for, are left in the folder `scratch`; those of an earlier run are used instead of comparing.
FrameMasks run_rejection_pass(const Plan& plan, const FramePass& frames, const MosaicOptions& options, FrameCache& cache, const std::filesystem::path& scratch, run::Context& context);

}  // namespace tessera::pipeline
