/// reproject/area.h — exact area-overlap interpolation: O = Σ a I / Σ a over good input pixels, variance Σ a² σ² / (Σ a)²,
/// coverage Σ a / A_out. MOPEX guide 5.6.8, 8.4, scheme 1; the areas by Green's theorem (area_edges.h, geometry/quad_overlap.h).
#pragma once
#include "tessera/core/frame.h"
#include "tessera/wcs/pixel_map.h"

namespace tessera::reproject {

/// Resamples `frame` (any window of it that holds what `out` needs; pixels outside the window count as bad) to the pixels
/// of `out`, which may be any tile of the output grid. `output_to_frame` maps output pixel coordinates to frame pixel
/// coordinates; corners of output pixels are taken at half-integers. Overwrites `out` entirely.
/// Contract, tested: a constant sky stays constant to 1e-6; Σ value·area is conserved to 1e-6 away from borders; a pixel's
/// bits depend on neither the tile nor the window. Starts no thread; `scratch` memory is per call.
void area_overlap(const FrameView& frame, const wcs::PixelMap& output_to_frame, ResampledView out);

/// The box of frame pixels that `out_box` can need (grown by one pixel), clipped to `frame_box`; empty when they do not meet.
Box needed_window(const wcs::PixelMap& output_to_frame, Box out_box, Box frame_box);

}  // namespace tessera::reproject
