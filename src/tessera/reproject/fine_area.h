/// reproject/fine_area.h — area overlap with frame pixels divided into n × n fine ones by bilinear interpolation: the guide's FINERES (5.6.8, 8.4).
/// A fine pixel is the mean of the frame under a square as large as a frame pixel about it, so b = (1 − |dx|)(1 − |dy|) over the four closest pixels. With a the area of a
/// fine pixel in the output pixel and B the sum of b over good pixels of the four:
///
///   O = Σ_i α_i I_i / Σ_i α_i,  α_i = Σ_fine a b_i / B,  variance Σ α_i² σ_i² / (Σ α_i)²,  coverage Σ_i α_i / A_out.
///
/// Fine pixels inside a bad frame pixel are bad, so that a bad pixel leaves a hole of its own size. The guide advises against it: it smooths, and correlates noise.
#pragma once
#include "tessera/reproject/interpolation.h"

namespace tessera::reproject {

/// Contract as resample(); `fineres` ≥ 1, and 1 is area_overlap() to rounding.
void fine_area_overlap(const FrameView& frame, const wcs::PixelMap& to_frame, int fineres, ResampledView out);

}  // namespace tessera::reproject
