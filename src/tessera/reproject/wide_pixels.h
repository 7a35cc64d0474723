/// reproject/wide_pixels.h — the correlation of noise between output pixels that take so many frame pixels that reading off their weights (noise_block.h) would cost
/// more than making the mosaic. There frame pixels are fine grains, and the mean over their phases is an integral:
///
///   ρ(d) = C(d)/C(0) along each axis, C(d) = ∫ a(x) a(x − d) dx,
///
/// with a(x) the weight of a grain at x, in output pixels: for areas the box of the output pixel convolved with that of the frame pixel (or its drop), so that
/// ρ(1) = (r/6)/(1 − r/3) for grains of width r; for adaptive kernels the kernel. How frame pixels are turned changes ρ(1) of areas by less than one part in a hundred.
#pragma once
#include "tessera/core/image.h"
#include "tessera/reproject/interpolation.h"

namespace tessera::reproject {

/// ρ on [−reach, reach]², for output pixels that span `span` (at least 1.5) frame pixels along each axis.
Image<float> wide_pixel_correlation(const InterpolationOptions& options, double span);

}  // namespace tessera::reproject
