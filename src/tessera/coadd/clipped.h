/// coadd/clipped.h — values far from the median of their stack are left out of the mean, pixel by pixel of the output. In the manner of
/// Gruen, Seitz & Bernstein 2014 (PASP 126, 158): beside κσ a value may deviate by a part of the sky's structure, here of its gradient as in
/// outlier/temporal.h, because stars near the sampling limit differ from dither to dither.
///
///   |I_j − M| > clip_sigma · s_j + clip_gradient · G   leaves out I_j, repeated until nothing changes.
///
/// M is the median; of four values the lower middle one, as two hits among four would otherwise drag all out. s_j² = max(σ_j, MAD/0.6745)²
/// from five values on, and half of the gradient's part then; σ_j² + σ_M² of three and four; of fewer none is left out: two values cannot say which is wrong.
#pragma once
#include <span>

#include "tessera/coadd/coadd_options.h"
#include "tessera/core/frame.h"

namespace tessera::coadd {

/// Largest step of the stack's median along the axes within `reach` pixels, beyond 2σ of the step's own noise, for each pixel of `part`. The
/// stack's common box must hold `part` grown by `reach`.
Image<float> steepness(std::span<const ResampledView> stack, Box part, int reach);

/// Sets coverage, value and variance of the values left out to 0. `steep` is on the box of the stack. Returns how many there were.
long clip(std::span<const ResampledView> stack, View<const float> steep, const CoaddOptions& options);

}  // namespace tessera::coadd
