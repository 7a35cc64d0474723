/// background/noise.h — how noisy the sky of a frame is, against what its uncertainties say.
#pragma once
#include <vector>

#include "tessera/core/frame.h"

namespace tessera::background {

struct FrameNoise {
  /// How much larger the frame's true noise is than its variance says (σ_true / σ_given), as it counts after resampling: from
  /// differences of means of 2 × 2 source-free pixels eight pixels apart, so that noise shared by neighbours is not missed. 1 for
  /// a perfect noise model of independent pixels; NaN when fewer than 100 pairs, and below 0.02 (a sky without noise).
  double scale = 1;
  double sky_variance = 0;  ///< median stated variance of the source-free good pixels; NaN when there is none
};
/// Give it the whole frame: it masks sources itself, with the noise it finds. Frames above a quarter megapixel are sampled on a
/// lattice of windows.
FrameNoise measure_noise(const FrameView& frame);
/// The parts of a frame that measure_noise() looks at, and the same from nothing but their pixels.
std::vector<Box> noise_windows(Box frame);
FrameNoise measure_noise(std::vector<FrameView> windows);

}  // namespace tessera::background
