#include "tessera/simulate_spherex/spectrum.h"

#include <cmath>

namespace tessera::simulate_spherex {
namespace {

constexpr double fwhm_per_sigma = 2.3548200450309493;
constexpr double second_radiation_um_k = 14387.768775;

double planck(double um, double kelvin) { return 1 / (um * um * um * std::expm1(second_radiation_um_k / (um * kelvin))); }

}  // namespace

double Spectrum::at(double um) const {
  if (temperature_k > 0) return flux_ujy * planck(um, temperature_k) / planck(reference_um, temperature_k);
  return index == 0 ? flux_ujy : flux_ujy * std::pow(um / reference_um, index);
}

double Spectrum::through(double centre_um, double width_um) const {
  const double step = std::exp(std::sqrt(3.0) * width_um / (centre_um * fwhm_per_sigma));
  return (at(centre_um / step) + 4 * at(centre_um) + at(centre_um * step)) / 6;
}

double line_response(double line_um, double centre_um, double width_um) {
  const double z = (line_um - centre_um) * fwhm_per_sigma / width_um;
  return std::exp(-.5 * z * z);
}

}  // namespace tessera::simulate_spherex
