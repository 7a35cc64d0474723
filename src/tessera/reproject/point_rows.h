/// reproject/point_rows.h — the inner loop of the interpolating kernels: one row of output pixels, the taps of a patch row side by side in vector lanes.
#pragma once
#include <string_view>
#include <vector>

#include "tessera/core/frame.h"

namespace tessera::reproject {

/// Lanes of one row of a patch: the taps, then zeros.
constexpr int point_lanes(int taps) { return taps <= 4 ? 4 : 8; }

/// Columns of one row of output pixels, ready to be interpolated.
struct PointRow {
  const double *u, *v;  ///< frame coordinates of their centres
  int count = 0;
  const FrameView* frame = nullptr;
  const float* table = nullptr;  ///< of a PointKernel
  float least = 0;               ///< share of the weight that must lie on good pixels
  float *value, *variance, *coverage;
};

/// One build of the same loop for one instruction set; all give the same bits.
struct PointRowKernel {
  std::string_view name;
  void (*interpolate)(int taps, const PointRow&);
};
/// Those this machine can run, the fastest last.
const std::vector<PointRowKernel>& point_row_kernels();

}  // namespace tessera::reproject
