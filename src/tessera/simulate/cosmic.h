/// simulate/cosmic.h — tracks of cosmic rays and the detector's own bad pixels.
#pragma once
#include <cstdint>
#include <utility>
#include <vector>

#include "tessera/core/image.h"
#include "tessera/simulate/exposure.h"
#include "tessera/simulate/random.h"

namespace tessera::simulate {

/// Electrons left by cosmic rays in single pixels, each pixel once, ordered by index y · width + x.
struct CosmicRays {
  std::vector<std::pair<std::int64_t, double>> hits;
  int tracks = 0;
};
/// Straight tracks until round(fraction · area) pixels are hit; the last one is cut short. Lengths have density ∝ 1/length
/// between 1 and the longest; charge per pixel of path is drawn per track from a power law.
CosmicRays cosmic_rays(const DefectOptions& options, Box frame, Random random);

/// Flag bits of pixels that are bad in every frame: round(fraction · area) of each kind, at places drawn without repetition.
Image<std::uint8_t> detector_defects(const DefectOptions& options, Box frame, Random random);

}  // namespace tessera::simulate
