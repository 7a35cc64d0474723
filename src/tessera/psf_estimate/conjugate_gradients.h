/// psf_estimate/conjugate_gradients.h — the body of table_equations.h's conjugate_gradients().
#pragma once
#include <cmath>

#include "tessera/fit/linear.h"
#include "tessera/psf_estimate/table_equations.h"

namespace tessera::psf_estimate {

template <class Multiply>
int conjugate_gradients(Multiply multiply, std::span<const double> b, std::span<const double> diagonal, const std::vector<std::vector<double>>& fixed, double tolerance, int most, std::span<double> x) {
  const std::size_t n = b.size(), m = fixed.size();
  std::vector<double> r(b.begin(), b.end()), z(n), p(n), hp(n), normal(m * m), y(m);
  std::fill(x.begin(), x.end(), 0.0);
  for (std::size_t i = 0; i < m; ++i)
    for (std::size_t j = 0; j <= i; ++j)
      for (std::size_t k = 0; k < n; ++k) normal[i * m + j] += fixed[i][k] * fixed[j][k] / diagonal[k];
  if (m > 0 && !fit::cholesky(normal, m)) return 0;
  // z: the preconditioned residual without the fixed directions. Taking them off r as well keeps rounding from growing.
  const auto precondition = [&] {
    for (std::size_t i = 0; i < m; ++i) {
      y[i] = 0;
      for (std::size_t k = 0; k < n; ++k) y[i] += fixed[i][k] * r[k] / diagonal[k];
    }
    if (m > 0) fit::solve_with(normal, m, y);
    for (std::size_t i = 0; i < m; ++i)
      for (std::size_t k = 0; k < n; ++k) r[k] -= y[i] * fixed[i][k];
    for (std::size_t k = 0; k < n; ++k) z[k] = r[k] / diagonal[k];
  };
  precondition();
  p = z;
  double rz = dot(r, z);
  const double enough = rz * tolerance * tolerance;
  int steps = 0;
  while (steps < most && rz > enough && rz > 0) {
    std::fill(hp.begin(), hp.end(), 0.0);
    multiply(std::span<const double>{p}, std::span<double>{hp});
    const double curvature = dot(p, hp);
    if (!(curvature > 0)) break;
    const double a = rz / curvature;
    for (std::size_t k = 0; k < n; ++k) x[k] += a * p[k], r[k] -= a * hp[k];
    precondition();
    const double next = dot(r, z);
    const double share = next / rz;
    rz = next;
    for (std::size_t k = 0; k < n; ++k) p[k] = z[k] + share * p[k];
    ++steps;
  }
  return steps;
}

}  // namespace tessera::psf_estimate
