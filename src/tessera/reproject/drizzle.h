/// reproject/drizzle.h — drops every frame pixel, shrunk about its centre, on the output grid. Fruchter & Hook 2002,
/// PASP 114, 144; MOPEX guide 8.4, scheme 2. With a_ki the overlap of drop i with output pixel k:
///
///   O = Σ a I / Σ a,   variance Σ a² σ² / (Σ a)²,   coverage Σ a / pixfrac²
///
/// in output pixels, so that coverage is 1 in the mean inside a frame without bad pixels, whatever pixfrac. It is uneven: where
/// drops are small and output pixels no larger, some catch little or nothing, and their value rests on other frames.
///
/// Drops: square = the quadrilateral of the shrunk pixel, corners mapped, exact overlap; turbo = a square of the same area along
/// the output axes; gaussian = a normal density of FWHM pixfrac · (side of a frame pixel), taken at the centres of output
/// pixels within 2.5 sigma (at least 1.2 frame pixels); point = all of the pixel where its centre falls. For the last two coverage
/// counts the frame pixel's whole area. These are the kernels of STScI's drizzle, with the side of each frame pixel from its
/// own mapped area instead of one scale for all.
#pragma once
#include "tessera/reproject/drop_sums.h"
#include "tessera/reproject/interpolation.h"

namespace tessera::reproject {

/// Contract as resample(). pixfrac in (0, 1]; it is rounded to 2⁻²⁹.
void drizzle(const FrameView& frame, const FrameMaps& maps, double pixfrac, DropKernel kernel, ResampledView out);

}  // namespace tessera::reproject
