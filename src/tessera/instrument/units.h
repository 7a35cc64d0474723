/// instrument/units.h — what BUNIT says about a pixel value, and the factor to MJy/sr where there is one.
#pragma once
#include <string>
#include <string_view>

namespace tessera::instrument {

struct Unit {
  enum class Kind {
    surface_brightness,  ///< flux density per solid angle: `factor` turns it into MJy/sr
    flux_per_pixel,      ///< flux density per pixel: `factor` turns it into MJy per pixel
    counts_per_pixel,    ///< electrons, counts, ADU, nanomaggies … per pixel, or per second
    other                ///< anything else, and no unit at all: kept as it is
  };
  Kind kind = Kind::other;
  std::string name;       ///< one spelling per unit ("MJy/sr", "Jy/pixel", "electron/s"); other: as it stood
  double factor = 1;
  std::string quantum;    ///< counts: "electron", "count", "adu", "DN", "photon", "nanomaggy"
  bool per_second = false;
  bool assumed_per_pixel = false;  ///< a bare "nJy": a flux density in a pixel can only be per pixel
};

/// Reads the spellings in use (case where it matters: MJy and mJy; "uJy/arcsec^2", "µJy arcsec-2", "e-/s", "ELECTRONS/S").
Unit parse_unit(std::string_view bunit);

inline constexpr double arcsec2_in_sr = 2.350443053909789e-11;  ///< (π/648000)²

}  // namespace tessera::instrument
