/// background/smooth_sky.h — the sky that point sources stand on: it follows nebulae of a few cells, which a mesh that is filtered and joined by straight lines cuts off.
#pragma once
#include "tessera/core/frame.h"

namespace tessera::background {

/// Clipped medians (3σ) of all good pixels in cells of about `side` pixels, joined by natural cubic splines whose means over the cells are those medians to fourth order: each node is lowered by 1/24 of its second
/// difference along either axis. Cells with fewer than a tenth of good pixels take the mean of their neighbours. 0 everywhere without a good pixel.
Image<float> smooth_sky(const FrameView& frame, int side);

}  // namespace tessera::background
