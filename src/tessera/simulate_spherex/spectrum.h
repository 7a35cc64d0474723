/// simulate_spherex/spectrum.h — what a source or a line looks like through a bandpass.
#pragma once

namespace tessera::simulate_spherex {

inline constexpr double reference_um = 2.0;  ///< where fluxes of sources are stated

/// F_ν = flux (λ/2 µm)^index, or of a black body when a temperature is given.
struct Spectrum {
  double flux_ujy = 0;   ///< at 2 µm
  double index = 0;
  double temperature_k = 0;  ///< 0: the power law
  double at(double um) const;
  /// Mean of F_ν over ln λ with a Gaussian bandpass of full width `width_um` at half maximum, by three Gauss–Hermite points.
  double through(double centre_um, double width_um) const;
};

/// Response of the same bandpass to a narrow line, 1 in its middle.
double line_response(double line_um, double centre_um, double width_um);

}  // namespace tessera::simulate_spherex
