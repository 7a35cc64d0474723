/// cube/strip_maps.h — which strip each pixel of a frame belongs to; where products of calibration say it, read once for each detector.
#pragma once
#include <array>
#include <cstdint>
#include <mutex>

#include "tessera/spherex/calibration.h"

namespace tessera::cube {

/// Safe from many threads. The maps of six detectors take 25 MB.
class StripMaps {
 public:
  explicit StripMaps(const spherex::CalibrationSet& calibration) : calibration_{calibration} {}
  /// Strip 1 to 17 of each pixel of the window, 0 outside of all.
  Image<std::uint8_t> strips(const spherex::SpectralFrame& frame, Box window) const;

 private:
  struct Whole {
    std::once_flag read;
    Image<std::uint8_t> strip;  // by pixels of the detector
  };
  const spherex::CalibrationSet& calibration_;
  mutable std::array<Whole, spherex::detectors> whole_;
};

}  // namespace tessera::cube
