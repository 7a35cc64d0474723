/// detect/noise_map.h — the noise of an image at every place: half the width that holds 68 % of the pixels around (MOPEX's Gaussnoise, guide 6.5.10).
#pragma once
#include "tessera/core/image.h"

namespace tessera::detect {

struct NoiseWindows {
  int cell_x = 64, cell_y = 64;  ///< pixels
  int least_pixels = 30;
};

/// Half of the difference between the 84.13th and the 15.87th percentile of the finite pixels in windows of 2 · cell pixels a side that stand a cell apart from the
/// image's first corner, bilinear between the windows' middles. It is σ for normal noise and hardly moved by sources that cover a small part of the window; the lower half alone
/// counts (median − 15.87th percentile) where the upper one is wider, as sources only add. Windows with fewer than `least_pixels` finite pixels take the value of the nearest that has more; NaN
/// everywhere when none has. Depends on the whole image and on nothing else. Throws UsageError when a cell is below 8 pixels.
Image<float> noise_map(View<const float> image, const NoiseWindows& windows);

}  // namespace tessera::detect
