/// cube/band.h — synthetic bands: a transmission T(λ) becomes weights of the channels, for a detector that counts photons.
///
///   F_ν = Σ_c F_c W_c / Σ_c W_c,   W_c = ∫_strip c T(λ) dλ/λ,   pivot λ = √(∫ T λ dλ / ∫ T dλ/λ),   width = ∫ T dλ / max T
///
/// Where planes are missing in a pixel, F is made of the rest as long as it holds enough of Σ W.
#pragma once
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tessera/spherex/channels.h"

namespace tessera::cube {

/// T between points is linear, and 0 outside of them.
struct Transmission {
  std::string name;
  std::vector<double> wavelength_um, value;
};

enum class WavelengthUnit { um, nm, angstrom };

/// A table in one of the known formats, or text in two columns (# begins a remark); `unit` where the table's column says none. `spec` is FILE or NAME=FILE. Throws
/// UsageError, DataError: fewer than two points, wavelengths not ascending, T negative, 0 everywhere or not finite.
Transmission read_transmission(const std::string& spec, WavelengthUnit unit);

/// ∫ T λ^power dλ over [low, high], exactly; power −1, 0 or 1.
double integral(const Transmission& t, double low_um, double high_um, int power);
double pivot_um(const Transmission& t);
double width_um(const Transmission& t);

/// Channels with W_c > 0, ascending, their weights summing to 1. Throws UsageError when no channel lies in the band.
std::vector<std::pair<int, double>> band_weights(const Transmission& t, std::span<const spherex::Channel> channels);
/// Part of ∫ T dλ/λ that lies within the wavelengths of the channels.
double part_within(const Transmission& t, std::span<const spherex::Channel> channels);

}  // namespace tessera::cube
