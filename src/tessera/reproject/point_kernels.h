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
#include "tessera/reproject/point_rows.h"
#include "tessera/wcs/pixel_map.h"

namespace tessera::reproject {

/// A separable kernel of 1, 2, 4, 6 or 8 taps as a table over the position between two pixels, a parabola through both ends and the middle of each
/// interval: to 3·10⁻⁸ of the formula, below the rounding of a float.
class PointKernel {
 public:
  static constexpr int phases = 256;
  /// `formula(x)` at distance x; 0 is not assumed beyond taps/2.
  template <class Formula>
  PointKernel(int taps, Formula formula) : taps_{taps} {
    const int lanes = point_lanes(taps);
    table_.assign(static_cast<std::size_t>(phases) * 3 * static_cast<std::size_t>(lanes), 0.0F);
    for (int p = 0; p < phases; ++p)
      for (int k = 0; k < taps; ++k) {
        const auto at = [&](double t) { return static_cast<double>(formula(k - (taps / 2 - 1) - (p + t) / phases)); };
        const double f0 = at(0), f1 = at(0.5), f2 = at(1);
        const double coefficient[3] = {f0, 4 * f1 - 3 * f0 - f2, 2 * (f0 - 2 * f1 + f2)};
        for (int c = 0; c < 3; ++c) table_[static_cast<std::size_t>((p * 3 + c) * lanes + k)] = static_cast<float>(coefficient[c]);
      }
  }
  int taps() const { return taps_; }
  /// Coefficients a, b, c of each interval, point_lanes(taps) of each: a tap is a + t (b + t c) at t of the interval.
  const float* table() const { return table_.data(); }

 private:
  int taps_;
  std::vector<float> table_;
};

const PointKernel& nearest_kernel();
const PointKernel& bilinear_kernel();
PointKernel cubic_kernel(double alpha);
const PointKernel& lanczos_kernel(int order);  ///< 2, 3, 4

/// Contract as resample().
void interpolate(const FrameView& frame, const wcs::PixelMap& to_frame, const PointKernel& kernel, double min_weight, ResampledView out);

}  // namespace tessera::reproject
