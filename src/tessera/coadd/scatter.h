/// coadd/scatter.h — the standard-deviation mosaic (MOPEX guide 5.6.19): how much the values of a stack differ in each pixel, from the
/// values alone and not from their stated uncertainties.
#pragma once
#include <span>

#include "tessera/core/frame.h"

namespace tessera::coadd {

/// S² = Σ T_j c_j (I_j − O)² / Σ T_j c_j, with O the mosaic's value; NaN where that is NaN. As in the guide a stack of one value has S = 0, and
/// nothing makes up for the degree of freedom that O took. `exposure_s` has one entry per frame of the stack; all views share one box.
void standard_deviation(std::span<const ResampledView> stack, std::span<const double> exposure_s, View<const float> mosaic, View<float> deviation);

}  // namespace tessera::coadd
