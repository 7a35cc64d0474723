/// simulate_spherex/zodiacal_light.h — brightness of the zodiacal light by the model of Kelsall et al. 1998 (ApJ 508, 44): smooth cloud,
/// three dust bands, ring and trailing blob, scattered sunlight and thermal emission. Fitted at four bands; between them the scattered
/// part follows the Sun's spectrum and the thermal part a black body of 270 K (our choice).
#pragma once
#include <array>

namespace tessera::simulate_spherex {

using Vector3 = std::array<double, 3>;  ///< heliocentric ecliptic, AU; directions need not be unit vectors

/// The model in one direction: the fitted bands' scattered part over the Sun's flux, and thermal part over a black body of 270 K.
struct ZodiacalBands {
  std::array<double, 4> scattered{}, thermal{};
  /// MJy/sr at 0.7 to 5.1 µm. Throws UsageError outside.
  double at(double wavelength_um) const;
};
ZodiacalBands zodiacal_bands(const Vector3& earth, const Vector3& direction);
/// Weighted mean of four directions.
ZodiacalBands mixed(const ZodiacalBands& a, double wa, const ZodiacalBands& b, double wb, const ZodiacalBands& c, double wc, const ZodiacalBands& d, double wd);

/// MJy/sr seen from `earth` (AU) in ecliptic direction `direction` at 0.7 to 5.1 µm. Throws UsageError outside.
double zodiacal_light(const Vector3& earth, const Vector3& direction, double wavelength_um);

}  // namespace tessera::simulate_spherex
