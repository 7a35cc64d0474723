/// reproject/area_block.h — the inner loops of area_overlap on one small block of output pixels.
#pragma once
#include <cstddef>
#include <string_view>
#include <vector>

#include "tessera/core/frame.h"
#include "tessera/geometry/quad_overlap.h"

namespace tessera::reproject {

/// A pixel's planes side by side and in double already: the kernel reads each about nine times.
struct PackedPixel {
  double value, good, variance;
};

/// Columns [x0, x1) of one row of output pixels, ready to be resampled.
struct AreaRow {
  const double *u_below, *v_below, *u_above, *v_above;  ///< frame coordinates of the corners, x1 − x0 + 1 of each, readable lane_padding beyond
  int count = 0;                                        ///< output pixels
  const PackedPixel* packed = nullptr;                  ///< frame pixels, (packed_x0, packed_y0) first, 0 outside the frame
  int packed_x0 = 0, packed_y0 = 0;
  std::ptrdiff_t packed_stride = 0;
  float *value, *variance, *coverage;
  const FrameView* frame = nullptr;                     ///< for quadrilaterals too large for the packed block
  geometry::OverlapTable* table = nullptr;              ///< scratch
};

constexpr int lane_padding = 8;

/// Coverage below this is the rounding of areas, not overlap; such pixels count as not covered.
constexpr double least_coverage = 1e-6;

/// One build of the same loop for one instruction set; all give the same bits.
struct AreaKernel {
  std::string_view name;
  void (*resample)(const AreaRow&);
};
/// Those this machine can run, the fastest last.
const std::vector<AreaKernel>& area_kernels();

}  // namespace tessera::reproject
