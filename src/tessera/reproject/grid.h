/// reproject/grid.h — every frame pixel as ratio × ratio points, each dropped in the output pixel that contains it: the guide's
/// grid interpolation (8.4, scheme 3). O = Σ n I / Σ n, variance Σ n² σ² / (Σ n)², n points of a frame pixel in the output pixel;
/// coverage Σ n A / ratio², A the frame pixel's area in output pixels. Tends to area overlap as the ratio grows.
#pragma once
#include "tessera/reproject/drop_sums.h"
#include "tessera/reproject/interpolation.h"

namespace tessera::reproject {

/// Contract as resample().
void drop_grid(const FrameView& frame, const FrameMaps& maps, int ratio, ResampledView out);

}  // namespace tessera::reproject
