/// spectrum/frame_sources.h — where the listed sources stand on one frame, and who is near whom.
#pragma once
#include <cmath>
#include <cstdint>
#include <vector>

#include "tessera/spectrum/measure.h"

namespace tessera::spectrum {

struct PlacedSource {
  std::int32_t source = 0;
  wcs::SkyPoint sky;
  double x = 0, y = 0;
  int pixel_x() const { return static_cast<int>(std::floor(x + .5)); }  ///< the nearest pixel
  int pixel_y() const { return static_cast<int>(std::floor(y + .5)); }
};

class FrameSources {
 public:
  /// All that stand on the frame or within `margin` pixels of it, ascending by source.
  FrameSources(const spherex::SpectralFrame& frame, const Field& field, double margin);
  const std::vector<PlacedSource>& placed() const { return placed_; }
  /// Indices into placed(), ascending, of those with |Δx|, |Δy| ≤ reach of a place.
  void near(double x, double y, double reach, std::vector<std::size_t>& found) const;

 private:
  struct Place {
    double x = 0, y = 0;
    std::size_t index = 0;
  };
  int band_of(double y) const;
  std::vector<PlacedSource> placed_;
  double lowest_ = 0;
  std::vector<Place> along_x_;         // by band of rows, then x
  std::vector<std::size_t> first_{0};  // per band, and the end
};

}  // namespace tessera::spectrum
