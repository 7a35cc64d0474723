#include "tessera/fit/linear.h"

#include <algorithm>
#include <cmath>

namespace tessera::fit {
namespace {

inline void add_row(double factor, const double* from, std::size_t n, double* to) {
  for (std::size_t j = 0; j < n; ++j) to[j] += factor * from[j];
}

}  // namespace

bool cholesky(std::span<double> m, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    double* const row = m.data() + i * n;
    const double diagonal = row[i];
    for (std::size_t j = 0; j <= i; ++j) {
      const double* const other = m.data() + j * n;
      double sum = row[j];
      for (std::size_t k = 0; k < j; ++k) sum -= row[k] * other[k];
      if (j < i) {
        row[j] = sum / other[j];
      } else {
        if (!(sum > 1e-13 * diagonal) || !std::isfinite(sum)) return false;
        row[i] = std::sqrt(sum);
      }
    }
  }
  return true;
}

void solve_with(std::span<const double> l, std::size_t n, std::span<double> b) {
  for (std::size_t i = 0; i < n; ++i) {
    double sum = b[i];
    for (std::size_t k = 0; k < i; ++k) sum -= l[i * n + k] * b[k];
    b[i] = sum / l[i * n + i];
  }
  for (std::size_t i = n; i-- > 0;) {
    double sum = b[i];
    for (std::size_t k = i + 1; k < n; ++k) sum -= l[k * n + i] * b[k];
    b[i] = sum / l[i * n + i];
  }
}

void invert_with(std::span<const double> l, std::size_t n, std::span<double> inverse) {
  // L⁻¹ row after row, then L⁻ᵀ L⁻¹ in its place: row i needs itself and those below.
  for (std::size_t i = 0; i < n; ++i) {
    double* const row = inverse.data() + i * n;
    std::fill_n(row, n, 0.0);
    for (std::size_t k = 0; k < i; ++k) add_row(l[i * n + k], inverse.data() + k * n, k + 1, row);
    const double scale = 1 / l[i * n + i];
    for (std::size_t j = 0; j < i; ++j) row[j] *= -scale;
    row[i] = scale;
  }
  for (std::size_t i = 0; i < n; ++i) {
    double* const row = inverse.data() + i * n;
    const double own = row[i];
    for (std::size_t j = 0; j <= i; ++j) row[j] *= own;
    for (std::size_t k = i + 1; k < n; ++k) add_row(inverse[k * n + i], inverse.data() + k * n, i + 1, row);
  }
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < i; ++j) inverse[j * n + i] = inverse[i * n + j];
}

void NormalEquations::reset(std::size_t parameters) {
  n_ = parameters;
  data_ = 0;
  squares_ = 0;
  matrix_.assign(n_ * n_, 0.0);
  right_.assign(n_, 0.0);
}

void NormalEquations::add(std::span<const double> row, double value, double weight) {
  if (!(weight > 0)) return;
  for (std::size_t i = 0; i < n_; ++i) {
    const double scaled = weight * row[i];
    right_[i] += scaled * value;
    for (std::size_t j = 0; j <= i; ++j) matrix_[i * n_ + j] += scaled * row[j];
  }
  squares_ += weight * value * value;
  ++data_;
}

LinearFit solve(const NormalEquations& equations) {
  LinearFit fit;
  const std::size_t n = equations.parameters();
  std::vector<double> factor(equations.matrix().begin(), equations.matrix().end());
  if (!cholesky(factor, n)) return fit;
  fit.parameters.assign(equations.right().begin(), equations.right().end());
  solve_with(factor, n, fit.parameters);
  fit.covariance.resize(n * n);
  invert_with(factor, n, fit.covariance);
  fit.chi2 = equations.sum_of_squares();
  for (std::size_t i = 0; i < n; ++i) fit.chi2 -= fit.parameters[i] * equations.right()[i];
  fit.chi2 = std::max(fit.chi2, 0.0);
  fit.dof = static_cast<long>(equations.data()) - static_cast<long>(n);
  fit.solved = true;
  return fit;
}

}  // namespace tessera::fit
