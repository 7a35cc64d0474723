/// psf/spline.h — uniform B-splines of degree 5: samples to coefficients, values, slopes, and integrals over a window.
/// Unser 1999, IEEE Signal Processing Magazine 16(6), 22; the weights by the recurrence of Cox and de Boor.
#pragma once
#include <array>
#include <span>
#include <vector>

#include "tessera/core/image.h"

namespace tessera::psf {

constexpr int spline_taps = 6;

/// Weights of the coefficients k−2 … k+3 at u = k + t, 0 ≤ t < 1, and of their slopes by u.
struct SplineWeights {
  std::array<double, spline_taps> value, slope;
};
SplineWeights spline_weights(double t);
std::array<double, spline_taps> spline_weights_alone(double t);  ///< without slopes, the same bits

/// Samples become the coefficients of the spline that passes through them; beyond the ends it is mirrored about the outer samples.
void to_coefficients(std::span<double> samples);
void to_coefficients(Image<double>& samples);  ///< along rows, then columns

/// Matrix with one row per position: row · samples' coefficients = value of the spline there. Dense, rows of `count` numbers; a position
/// outside [0, count − 1] gives a row of zeros.
std::vector<double> spline_values(std::span<const double> positions, int count);
/// The same for ∫ of the spline over [position − width/2, position + width/2]; beyond the coefficients there is nothing.
std::vector<double> spline_integrals(std::span<const double> positions, double width, int count);
/// The same for piecewise constant cells [k − ½, k + ½] that hold one sample each: lengths of overlap.
std::vector<double> cell_integrals(std::span<const double> positions, double width, int count);

}  // namespace tessera::psf
