/// reproject/area_edges.h — the inner loop of area_overlap where output pixels are no larger than about a frame pixel: overlap areas in single precision, from edges that
/// neighbouring output pixels share (shared_edges.h).
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "tessera/core/frame.h"

namespace tessera::reproject {

/// A block of output pixels, ready to be resampled.
struct AreaBlock {
  static constexpr int largest_width = 64;  // edges::largest_row
  const double *u, *v;                          ///< frame coordinates of the corners, width + 1 and height + 1 of them
  std::ptrdiff_t corner_stride = 0;
  int width = 0, height = 0;                    ///< width ≤ largest_width
  const FrameView* frame = nullptr;
  float *value, *variance, *coverage;
  std::ptrdiff_t value_stride, variance_stride, coverage_stride;
  std::uint8_t* left;                           ///< width × height: set to 1 where a pixel is left to area_block.h, else to 0
};

/// One build of the same loop for one instruction set; all give the same bits.
struct AreaBlockKernel {
  std::string_view name;
  int (*resample)(const AreaBlock&);            ///< returns how many pixels are left
};
/// Those this machine can run, the fastest last.
const std::vector<AreaBlockKernel>& area_block_kernels();

}  // namespace tessera::reproject
