/// spherex/wave_table.h — the coarse spectral WCS of a frame (WCS W, table WCS-WAVE): wavelength and bandwidth at raw detector pixels.
/// Bilinear between control points and linear beyond the outer ones (FITS Paper III, 6.1); good to about 1 nm.
#pragma once
#include <string>
#include <vector>

#include "tessera/core/table.h"

namespace tessera::spherex {

struct Wavelength {
  double centre_um = 0, width_um = 0;
};

class WaveTable {
 public:
  /// One row of array columns X, Y (1-based detector pixels) and VALUES (2, n_x, n_y), as read_table() unfolds them.
  /// Throws DataError that starts with `where`: columns absent, sizes that do not fit, points not ascending, values that are no wavelengths.
  static WaveTable from_table(const Table& table, const std::string& where);
  /// At a pixel of the full detector, counted from 0. No distortion is applied: the table is one of raw pixels.
  Wavelength at(double x_full, double y_full) const;

 private:
  std::vector<double> xs_, ys_;       // pixels counted from 0
  std::vector<Wavelength> values_;  // x runs fastest
};

}  // namespace tessera::spherex
