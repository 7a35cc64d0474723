/// background/significance.h — a frame above its local sky, in units of its noise.
#pragma once
#include "tessera/background/frame_sky.h"
#include "tessera/core/frame.h"

namespace tessera::background {

/// (value − local sky) / (noise_scale · √variance), the sky that of mask_objects(). 0 where a pixel is bad. A noise_scale that is not a positive number counts as 1. Give it the whole frame.
Image<float> significance(const FrameView& frame, double noise_scale, const FrameSkyOptions& sky = {});

}  // namespace tessera::background
