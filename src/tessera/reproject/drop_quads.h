/// reproject/drop_quads.h — the inner loop of the square drizzle kernel: one row of quadrilaterals dropped on the output by exact overlap.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "tessera/geometry/quad_overlap.h"
#include "tessera/reproject/drop_sums.h"

namespace tessera::reproject {

/// One row of frame pixels with the corners of their drops on the output grid, in order around each, readable lane_padding beyond.
struct DropRow {
  const double* x[4];
  const double* y[4];
  const float *value, *variance;
  const std::uint8_t* good;
  int count = 0;
  DropSums* sums = nullptr;
  geometry::OverlapTable* table = nullptr;  ///< scratch
};

/// One build of the same loop for one instruction set; all give the same bits.
struct DropQuadsKernel {
  std::string_view name;
  void (*drop)(const DropRow&);
};
/// Those this machine can run, the fastest last.
const std::vector<DropQuadsKernel>& drop_quads_kernels();

}  // namespace tessera::reproject
