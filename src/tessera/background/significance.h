/// background/significance.h — a frame above its local sky, in units of its noise.
#pragma once
#include "tessera/core/frame.h"

namespace tessera::background {

/// (value − local sky) / (noise_scale · √variance), the sky that of mask_objects(): clipped medians of a mesh of about 32 × 32 pixels,
/// bilinear between. 0 where a pixel is bad. A noise_scale that is not a positive number counts as 1. Give it the whole frame.
Image<float> significance(const FrameView& frame, double noise_scale);

}  // namespace tessera::background
