/// pipeline/pixel_flux.h — products in flux per pixel instead of surface brightness: each value times the solid angle of its own output pixel.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tessera/wcs/grid.h"

namespace tessera::pipeline {

/// What a value times a solid angle is.
struct FluxUnit {
  std::string name;      ///< "Jy/pixel" of MJy/sr, "electron" of electron/arcsec2 …
  double per_sr = 1;     ///< flux = value · solid angle [sr] · per_sr
};
/// Nothing for units that are not per solid angle.
std::optional<FluxUnit> flux_unit(const std::string& unit);

/// Solid angles of a grid's pixels: from a lattice of every 16th, linear in between (10⁻⁶ where the projection is smooth), exactly where the lattice has
/// no place on the sky. Rows in any order; results depend on the pixel alone.
class PixelAreas {
 public:
  explicit PixelAreas(const wcs::Grid& grid);
  /// Multiplies row y by area [sr] · factor, from column x0 on.
  void multiply(int y, double factor, std::span<float> row, int x0 = 0);

 private:
  double node(int column, int y) const;
  wcs::SkyWcs wcs_;
  int width_, rows_at_ = -1;
  std::vector<double> low_, high_;
};

}  // namespace tessera::pipeline
