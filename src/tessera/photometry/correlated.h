/// photometry/correlated.h — the covariance of a fit's parameters when the noise of neighbouring pixels is correlated.
///
/// A weighted fit is a set of linear sums near its solution: parameter k moves by Σ_p a_k(p) δI_p with a_k = w Σ_j C_kj J_j, J_j the model's derivative by
/// parameter j, w the weights and C the inverse of Σ w J Jᵀ. With noise σ and correlation ρ of pixels a step apart
///
///   Cov(k, l) = Σ_p Σ_q a_k(p) σ_p ρ(q − p) σ_q a_l(q),
///
/// which is C itself for independent pixels of variance 1/w (the sandwich estimate, e.g. White 1980, Econometrica 48, 817).
#pragma once
#include <cstddef>
#include <span>
#include <vector>

#include "tessera/core/noise_correlation.h"

namespace tessera::photometry {

/// `derivatives`: J_j on the box of `weight`, one per parameter; `inverse`: C, n × n. Returns the rows.size()² covariance of the parameters in `rows`. Pixels of weight 0
/// do not count. Throws UsageError when the planes' boxes or the numbers differ.
std::vector<double> correlated_covariance(std::span<const Image<float>> derivatives, View<const float> weight, View<const float> sigma, std::span<const double> inverse,
                                          std::span<const std::size_t> rows, const NoiseCorrelation& correlation);

}  // namespace tessera::photometry
