/// reproject/point_kernels.h — interpolation of the frame at the centre of each output pixel: nearest pixel, bilinear, cubic
/// (Keys 1981, IEEE TASSP 29, 1153; MOPEX guide 8.4, scheme 4), Lanczos 2 to 4 (Duchon 1979, JAM 18, 1016).
///
/// With w = h(u − i) h(v − j) at the centre's place (u, v) in the frame, over good pixels: O = Σ w I / Σ w, variance
/// Σ w² σ² / (Σ w)². Coverage is Σ_good |w| / Σ |w|. There is no value where that, or Σ_good w / Σ w, is below min_weight:
/// normalising what is left would then amplify noise and tilt. Nor where (u, v) lies outside the frame.
/// No kernel is stretched for output pixels larger than the frame's: they sample and do not average.
#pragma once
#include <vector>

#include "tessera/core/frame.h"
#include "tessera/wcs/pixel_map.h"

namespace tessera::reproject {

/// A separable kernel of 1, 2, 4, 6 or 8 taps as a table over the position between two pixels, linear in between: to 10⁻⁷ of
/// the formula, below the rounding of pixels.
class PointKernel {
 public:
  static constexpr int phases = 2048;
  /// `formula(x)` at distance x; 0 is not assumed beyond taps/2.
  template <class Formula>
  PointKernel(int taps, Formula formula) : taps_{taps} {
    for (int p = 0; p <= phases; ++p)
      for (int k = 0; k < taps; ++k) table_.push_back(formula(k - (taps / 2 - 1) - static_cast<double>(p) / phases));
  }
  int taps() const { return taps_; }
  /// Weights of the taps for a position `fraction` (0 ≤ fraction < 1) beyond the last pixel at or before it (nearest: any).
  template <int Taps>
  void weights(double fraction, double (&w)[Taps]) const {
    const double at = fraction * phases;
    const int p = static_cast<int>(at);
    const double t = at - p;
    const double* a = table_.data() + p * Taps;
    for (int k = 0; k < Taps; ++k) w[k] = a[k] + t * (a[Taps + k] - a[k]);
  }

 private:
  int taps_;
  std::vector<double> table_;
};

const PointKernel& nearest_kernel();
const PointKernel& bilinear_kernel();
PointKernel cubic_kernel(double alpha);
const PointKernel& lanczos_kernel(int order);  ///< 2, 3, 4

/// Contract as resample().
void interpolate(const FrameView& frame, const wcs::PixelMap& to_frame, const PointKernel& kernel, double min_weight, ResampledView out);

}  // namespace tessera::reproject
