/// wcs/celestial.h — projection plane (degrees) ↔ native-frame longitude and latitude: the only place that calls wcslib.
/// Private to the room.
#pragma once
#include <memory>
#include <span>
#include <string>

#include "tessera/wcs/header_check.h"

namespace tessera::wcs {

/// Each call borrows a wcsprm copy of its own from a free list, because wcslib writes into the struct while it computes.
class CelestialStage {
 public:
  /// Throws DataError when wcslib rejects a card or the parameters.
  CelestialStage(const Reading& reading, const std::string& where);
  ~CelestialStage();
  CelestialStage(const CelestialStage&) = delete;
  CelestialStage& operator=(const CelestialStage&) = delete;

  /// (x, y) pairs, interleaved → (lng, lat) pairs; NaN where there is no image.
  void to_sky(std::span<const double> xy, std::span<double> lng_lat) const;
  void from_sky(std::span<const double> lng_lat, std::span<double> xy) const;

 private:
  struct Worker;
  struct Pool;
  std::unique_ptr<Pool> pool_;
};

}  // namespace tessera::wcs
