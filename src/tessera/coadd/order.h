/// coadd/order.h — median and absolute minimum of a stack (MOPEX guide 5.6.19). Flux of stars is not conserved by either: the median of
/// the skewed values an undersampled star gives differs from their mean, and the minimum is biased towards zero by its nature.
#pragma once
#include <span>

#include "tessera/core/frame.h"

namespace tessera::coadd {

/// Replaces the finite pixels of `mosaic` and `uncertainty` by the median of the stack and its error (votes.h). All views share one box.
void median(std::span<const ResampledView> stack, View<float> mosaic, View<float> uncertainty);

/// Likewise by the value of the smallest |I_j| and its own σ; of equals the first of the stack counts.
void absolute_minimum(std::span<const ResampledView> stack, View<float> mosaic, View<float> uncertainty);

}  // namespace tessera::coadd
