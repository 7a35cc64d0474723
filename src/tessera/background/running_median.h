/// background/running_median.h — the local sky as the median of a window that moves with the pixel, its brightest pixels dropped.
/// MOPEX guide 4.3.5, 5.6.21.
#pragma once
#include "tessera/core/image.h"

namespace tessera::background {

struct WindowOptions {
  int width = 45, height = 45;   // pixels
  int dropped = 500;             // of a full window
};

/// Median of the finite pixels of `image` in the window centred on each pixel of `out` (even sizes reach one pixel further down and left),
/// after the brightest ones have been left out: as many of them as the share `dropped` is of a full window, so that a window at an edge
/// or on a hole loses no more of its pixels than any other. For an even count the mean of the two middle values. NaN where `image` has
/// no value itself. `image` must hold the windows of `out`, cut at the image's border; the bits of a pixel depend on its window alone.
/// Each value of the block is ranked once and the window is a set of ranks, so a step costs two columns of updates.
void running_median(View<const float> image, const WindowOptions& options, View<float> out);

}  // namespace tessera::background
