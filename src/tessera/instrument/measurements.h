/// instrument/measurements.h — what a frame's pixels and WCS say about it, found once per frame whatever window is read first.
#pragma once
#include <mutex>
#include <span>
#include <vector>

#include "tessera/instrument/frame_file.h"

namespace tessera::instrument {

/// Solid angle of pixels on a lattice over the whole frame, bilinear between nodes; so a pixel's value never depends on a window.
class AreaLattice {
 public:
  AreaLattice() = default;
  AreaLattice(const wcs::SkyWcs& wcs, int width, int height, int nodes_across);
  double at(int x, int y) const;
  double median() const;

 private:
  int nodes_x_ = 0, nodes_y_ = 0;
  double step_x_ = 1, step_y_ = 1;
  std::vector<double> area_sr_;
};

struct FrameMeasurements {
  std::once_flag noise_once, area_once;
  double noise_scale = 0;  ///< σ of a pixel of weight 1, input unit
  AreaLattice area;
};

/// Robust width of differences of horizontal neighbours, each over √(1/w1 + 1/w2): σ of a pixel of weight 1. `bad` marks pixels
/// to leave out. NaN with fewer than 10 pairs; the plain rms when more than half of the differences are equal; 1 for a constant image.
double neighbour_noise(View<const float> value, View<const float> weight, View<const std::uint8_t> bad);

}  // namespace tessera::instrument
