/// pipeline/quicklook.h — a coarse mosaic from the sky cells alone: what the match looks like, without another pass over the frames.
#pragma once
#include "tessera/pipeline/frame_pass.h"

namespace tessera::pipeline {

struct Quicklook {
  wcs::Grid grid;        ///< the output grid with pixels as large as a cell
  Image<float> pixels;   ///< NaN where no frame has sky
};
/// Inverse-variance mean of the cells of all frames, their offsets and surfaces subtracted. Needs pass.cells.
Quicklook quicklook(const Plan& plan, const FramePass& pass);

}  // namespace tessera::pipeline
