/// photometry/fit_sums.h — the sums over pixels that a fit is made of, in lanes of doubles, in one fixed order.
#pragma once
#include <cstddef>

namespace tessera::photometry {

/// Σ w r a, Σ w r b, Σ w r c, then Σ w of a², ab, b², ac, bc, c², added to sums[9].
void add_own_sums(const float* weight, const float* residual, const float* a, const float* b, const float* c, std::size_t n, double* sums);
/// Σ w a_i b_j, i and j over (x, y, value), row after row, added to sums[9].
void add_pair_sums(const float* weight, const float* const a[3], const float* const b[3], std::size_t n, double* sums);
/// Σ w r c, Σ w c², added to sums[2].
void add_flux_sums(const float* weight, const float* residual, const float* c, std::size_t n, double* sums);
double sum_product(const float* weight, const float* a, const float* b, std::size_t n);  ///< Σ w a b
/// residual −= amplitude · response.
void subtract(float* residual, const float* response, float amplitude, std::size_t n);

}  // namespace tessera::photometry
