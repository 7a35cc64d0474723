/// detect/combine.h — one detection image of several bands.
#pragma once
#include <span>

#include "tessera/core/image.h"

namespace tessera::detect {

/// χ² = Σ max(S, 0)² over the bands of signal to noise S that are finite at a pixel (Szalay, Connolly & Szokoly 1999, AJ 117, 68, but a dark pixel is no source), as the σ of a normal variable that is
/// exceeded by chance as often: under noise alone χ² is distributed as Σ_k 2⁻ⁿ C(n,k) χ²_k (Kudo 1963, Biometrika 50, 403). One band gives S itself where S > 0. NaN where no band is finite. All of one box;
/// throws UsageError otherwise, or for more than 128.
Image<float> combined_significance(std::span<const Image<float>> bands);

}  // namespace tessera::detect
