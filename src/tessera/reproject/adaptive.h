/// reproject/adaptive.h — a kernel that follows the local shape of the map: anti-aliased where output pixels are larger than the frame's, an
/// interpolation where they are smaller, also under strong rotation, shear and distortion. DeForest 2004, Solar Physics 219, 3.
///
/// With J the derivative of frame coordinates to output coordinates at an output pixel's centre, J = U diag(s) Vᵀ its singular values, those below 1
/// raised to 1: P = U diag(max(s, 1)) Vᵀ. A frame pixel δ away from the centre's place lies at d = P⁻¹ δ in the kernel:
///
///   gaussian: w = exp(−2 |d|² / width²), |d_x|, |d_y| < 1.93 width (so ±1σ is `width` output pixels wide);   hann: w = Π ½ (1 + cos π d), |d| < 1.
///
/// O = Σ w I / Σ w over good pixels, variance Σ w² σ² / (Σ w)², coverage Σ_good w / Σ w. No value where coverage is below min_weight, or where the centre's place
/// lies outside the frame. On smooth maps sums over output pixels times their area are kept to the quality of the kernel: Hann's windows add up to 1.
#pragma once
#include "tessera/reproject/interpolation.h"

namespace tessera::reproject {

/// Contract as resample().
void adaptive(const FrameView& frame, const wcs::PixelMap& to_frame, const InterpolationOptions& options, ResampledView out);

/// Half side of the kernel's square of support, in units of the larger of an output and a frame pixel.
double adaptive_support(const InterpolationOptions& options);

}  // namespace tessera::reproject
