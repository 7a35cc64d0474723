/// pipeline/mosaic_peaks.h — local maxima of a finished mosaic above the sky around them: what all that looks for stars there begins with.
#pragma once
#include <functional>
#include <utility>
#include <vector>

#include "tessera/pipeline/plan.h"
#include "tessera/pipeline/plane_window.h"

namespace tessera::pipeline {

/// A pixel that exceeds its eight neighbours; of equal ones the first.
struct MosaicPeak {
  int x = 0, y = 0;
  float sky = 0;              ///< median of sixteen points at a distance of the search's reach
  float height = 0;           ///< above that
  float signal_to_noise = 0;  ///< of the pixel
};

/// One pass over two planes, row by row.
class PeakSearch {
 public:
  /// `whole_ring`: only peaks whose sky points all have data.
  PeakSearch(const Plan& plan, const TileStore& store, int reach, float least_signal_to_noise, bool whole_ring);
  /// Tells every peak, by y and then x, at least `reach` from the mosaic's borders; values up to `reach` away can be asked for meanwhile.
  void run(const std::function<void(const MosaicPeak&)>& each);
  float value(int x, int y) const { return values_(x, y); }
  int reach() const { return reach_; }

 private:
  bool is_peak(int x, int y) const;
  float sky_around(int x, int y) const;

  int width_, height_, reach_;
  float least_;
  bool whole_ring_;
  std::vector<std::pair<int, int>> ring_;
  PlaneWindow values_, sigmas_;
};

}  // namespace tessera::pipeline
