/// simulate_spherex/detector.h — one detector as simulated: wavelengths on arcs, distortion, solid angles, strips, zones of the PSF.
/// A detector of fewer than 2040 pixels has the same wavelengths, zones and distortion in fractions of its side, with pixels of 6.15″.
/// Pixels are counted from 0.
#pragma once
#include <vector>

#include "tessera/core/header.h"
#include "tessera/core/image.h"
#include "tessera/core/table.h"
#include "tessera/spherex/spectral_frame.h"
#include "tessera/wcs/sky_wcs.h"

namespace tessera::simulate_spherex {

inline constexpr int full_size = 2040;
inline constexpr double pixel_scale_arcsec = 6.15;

/// Where one detector looks: centre of the detector and direction of its y axis, east of north.
struct Attitude {
  wcs::SkyPoint centre;
  double position_angle_deg = 0;
};

class Detector {
 public:
  /// `number` 1 to 6; `size` pixels along a side.
  Detector(int number, int size, double distortion);
  int number() const { return number_; }
  int size() const { return size_; }
  Box box() const { return {0, 0, size_, size_}; }

  /// λ = λ_min exp(ln(λ_max/λ_min) (r − 7593)/(9686 − 7593)), r the distance from (1020, 9632) in pixels of 2040, band centre over a constant R.
  spherex::Wavelength wavelength(double x, double y) const;
  double resolving_power() const;
  /// Strip 1 to 17 of equal width in r, the same on all detectors.
  int strip(double x, double y) const;
  /// Table SPECTRAL_CHANNELS that these strips have: all six detectors.
  static Table channels();
  /// Control points of WCS-WAVE along an axis, 1-based pixels.
  std::vector<std::int32_t> wave_points(bool along_x) const;

  /// Cards of the celestial WCS: TAN-SIP of order 3 with its inverse, PCi_j and CDELT 1, as in published headers.
  Header sky_cards(const Attitude& attitude) const;
  wcs::SkyWcs sky(const Attitude& attitude) const;
  /// Square seconds of arc per pixel, by the definition of spherex::solid_angle_arcsec2; the same wherever the detector points.
  const Image<float>& solid_angle() const { return solid_angle_; }
  /// Zones of the PSF: `columns` × `rows`, places as the headers state them.
  std::vector<spherex::PsfZone> zones(int columns, int rows) const;

 private:
  void measure_solid_angles();
  double radius(double x, double y) const;
  int number_, size_;
  double distortion_, min_um_, max_um_;
  Image<float> solid_angle_;
};

}  // namespace tessera::simulate_spherex
