/// spectrum/zone_spectrum.h — the Fourier transform of a zone's point response on native pixels, from which responses to shapes are made.
///
/// Z(f) = Σ c exp(−2πi f·u), u the cells' places in native pixels from the middle of their grid, times the transforms of a square cell and of the square pixel that gathers its light; of an
/// EPSF, which holds the pixel, times that of the cubic between its samples (Keys 1981, a = −1/2). Frequencies in cycles per pixel, f_x ≥ 0 (the response is real), on steps of 1/50 up to 2.5:
/// what is finer than 0.2 pixel lies below 10⁻⁵ in the response of a sampled star. Between the steps cubic: the response ends some 5 pixels from its middle, so that it errs by 10⁻⁵.
#pragma once
#include <vector>

#include "tessera/spectrum/response.h"

namespace tessera::spectrum {

class ZoneSpectrum {
 public:
  static constexpr int period = 50;  ///< steps per cycle and pixel
  static constexpr int last = 125;   ///< steps to the highest frequency on each axis

  explicit ZoneSpectrum(const ZoneResponse& zone);

  struct Row {
    const float *re = nullptr, *im = nullptr;  ///< at x = first…
  };
  /// Along f_y = y/(period·ratio), the values at f_x = x/(period·ratio), x = first … first + n − 1, 0 ≤ first, all within the highest frequency. What it returns lies in the table (ratio 1) or in
  /// `space`.
  Row row(int y, int first, int n, int ratio, std::vector<float>& space) const;

 private:
  static constexpr int border = 2, width = last + 1 + 2 * border, height = 2 * (last + border) + 1;
  std::size_t at(int x, int y) const { return static_cast<std::size_t>(y + last + border) * width + static_cast<std::size_t>(x + border); }
  std::vector<float> re_, im_;
};

}  // namespace tessera::spectrum
