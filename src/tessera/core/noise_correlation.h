/// core/noise_correlation.h — how the noise of an image's pixels hangs together, and what follows for sums over pixels.
///
/// Pixels of a resampled image share input pixels, so their errors are correlated. With σ_p the 1σ uncertainty of pixel p and ρ(d) the
/// mean correlation of pixels a step d apart, a sum Σ a_p I_p over any weights a has the variance
///
///   Var = Σ_p Σ_q a_p a_q σ_p σ_q ρ(q − p).
#pragma once
#include "tessera/core/image.h"

namespace tessera {

/// The mean correlation of two pixels as a function of the step between them: ρ(0) = 1, ρ(−d) = ρ(d), 0 beyond `reach`.
class NoiseCorrelation {
 public:
  /// Pixels that know nothing of each other.
  NoiseCorrelation() : rho_{Box{0, 0, 1, 1}, 1.0F} {}
  /// `rho` on the box [−reach, reach]². Throws DataError when it is not square about the origin, or not 1 there.
  explicit NoiseCorrelation(Image<float> rho);
  NoiseCorrelation copy() const { return NoiseCorrelation{rho_.copy()}; }
  int reach() const { return rho_.box().x1 - 1; }
  float operator()(int dx, int dy) const { return rho_.box().contains(dx, dy) ? rho_(dx, dy) : 0.0F; }
  const Image<float>& table() const { return rho_; }
  /// Σ_d ρ(d): the variance of a large aperture's sum over what independent pixels of the same σ would have.
  double large_aperture_variance() const;

 private:
  Image<float> rho_;
};

/// Variance of Σ weight · I, in the square of sigma's unit. The box of `weight` lies in that of `sigma`, else UsageError; NaN where a pixel with
/// weight has no σ. Time goes with the pixels that have weight times the table's size.
double variance_of_sum(View<const float> weight, View<const float> sigma, const NoiseCorrelation& correlation);

/// Share of each pixel that lies in a circle, exactly, for pixel centres at integers; on the smallest box that holds the circle.
Image<float> circular_aperture(double x, double y, double radius);

}  // namespace tessera
