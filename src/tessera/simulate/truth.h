/// simulate/truth.h — what is known about a simulated stack, as tables and images.
#pragma once
#include <vector>

#include "tessera/core/header.h"
#include "tessera/core/image.h"
#include "tessera/core/table.h"
#include "tessera/simulate/exposure.h"

namespace tessera::simulate {

struct FrameTruth {
  int cosmic_rays = 0;
  std::int64_t cosmic_pixels = 0, saturated_pixels = 0;
  int trails = 0;
};
FrameTruth truth_of(const Exposure& exposure);

/// One row per frame: name, header and true position, roll, offset, defects.
Table frames_table(const Scene& scene, const std::vector<FrameTruth>& truth);

/// Pixels that cosmic rays hit (1) and where trails or the moving object add half a sigma or more (2, or 3 for both), with the frame's header WCS.
Image<std::int16_t> cosmic_mask(const Exposure& exposure);

/// The sky without stars on a tangent plane over the whole field, at most `side` pixels on a side; MJy/sr.
struct SkyImage {
  Header header;
  Image<float> pixels;
};
SkyImage sky_image(const Scene& scene, int side = 1024);

}  // namespace tessera::simulate
