/// simulate_spherex/planes.h — the planes of one spectral image: what falls on the pixels, and what the pipeline would say of it.
#pragma once
#include <vector>

#include "tessera/core/image.h"
#include "tessera/simulate_spherex/electronics.h"
#include "tessera/simulate_spherex/light.h"

namespace tessera::simulate_spherex {

struct Planes {
  Image<float> image, variance, zodi;  ///< MJy/sr, its square, MJy/sr
  Image<std::int32_t> flags;           ///< standard numbers
  Image<std::int16_t> defects;         ///< Defect bits
  Image<float> model;                  ///< noise-free image without defects, MJy/sr; empty unless asked for
  std::vector<MeasuredTruth> truth;    ///< sources whose middle lies on the frame
};
/// Frame `key`: the same whatever other frames are made.
Planes expose(const Scene& scene, FrameKey key, bool keep_model);

}  // namespace tessera::simulate_spherex
