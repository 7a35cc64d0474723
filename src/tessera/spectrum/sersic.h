/// spectrum/sersic.h — Sérsic profiles as mixtures of Gaussians (Hogg & Lang 2013), with tables of our own made when they are asked for.
///
/// I(r) ∝ exp{−b [(r/R_e)^{1/n} − 1]}, P(2n, b) = 1/2 solved exactly. The mixture Σ a_k N(0, v_k R_e²), Σ a = 1, follows from non-negative least squares on the curve of growth.
#pragma once
#include <vector>

namespace tessera::spectrum {

struct Gaussian {
  double amplitude = 0, variance = 0;  ///< of unit total; R_e²
};

/// b of the profile: half of the light inside R_e.
double sersic_b(double n);
/// Share of the light inside r (in R_e).
double sersic_growth(double n, double r);

/// For 0.5 ≤ n ≤ 6: fitted for n = 0.5, 0.6 … 6, and between these the mean of both profiles by distance. The curve of growth is right to 0.1 % of the total (tested). n = 0.5 is one Gaussian of
/// variance 1/(2 ln 2).
std::vector<Gaussian> sersic_mixture(double n);

/// min │A x − b│², x ≥ 0 (Lawson & Hanson 1974). `columns` of one length.
std::vector<double> non_negative_least_squares(const std::vector<std::vector<double>>& columns, const std::vector<double>& b);

}  // namespace tessera::spectrum
