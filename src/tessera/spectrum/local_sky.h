/// spectrum/local_sky.h — the background under a source from the pixels around it, as Background2D of photutils has it with one mesh: 3 σ clipping about the
/// median, at most ten times, then 2.5 median − 1.5 mean, or the median where |mean − median| ≥ 0.3 σ.
#pragma once
#include <cstdint>
#include <vector>

#include "tessera/core/image.h"

namespace tessera::spectrum {

struct SkyOptions {
  int side = 15;                ///< pixels, odd
  int widest_side = 31;         ///< the square grows by 2 up to this while too few pixels are left
  double least_fraction = 0.1;  ///< of the square's pixels that must be left
};

struct LocalSky {
  double level = 0;
  double sigma = 0;  ///< of one pixel, clipped
  double error = 0;  ///< 1 σ of the level, were the pixels normal and independent
  int used = 0;      ///< pixels after clipping
  int side = 0;      ///< of the square that was taken; 0: none had enough pixels
  bool found() const { return side > 0; }
};

/// About pixel (x, y). `usable`: 1 where a pixel may count; its box must hold what of the widest square lies on the array.
LocalSky local_sky(View<const float> image, View<const std::uint8_t> usable, int x, int y, const SkyOptions& options);
/// The estimator alone. Reorders `values`.
LocalSky sky_of(std::vector<double>& values);

}  // namespace tessera::spectrum
