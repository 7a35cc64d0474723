#include "tessera/fit/linear.h"

#include <algorithm>
#include <cmath>

#include "tessera/base/clones.h"

namespace tessera::fit {
namespace {

__attribute__((always_inline)) inline void add_row(double factor, const double* __restrict from, std::size_t n, double* __restrict to) {
  for (std::size_t j = 0; j < n; ++j) to[j] += factor * from[j];
}

/// Column after column, each taken off what is right of it: rows of memory, and every element's terms in their order. `column`: room for n numbers.
TESSERA_CLONES bool factorise(double* m, std::size_t n, const double* diagonal, double* column) {
  for (std::size_t k = 0; k < n; ++k) {
    double* const row = m + k * n;
    const double pivot = row[k];
    if (!(pivot > 1e-13 * diagonal[k]) || !std::isfinite(pivot)) return false;
    const double root = std::sqrt(pivot);
    row[k] = root;
    for (std::size_t i = k + 1; i < n; ++i) column[i] = m[i * n + k];
    for (std::size_t i = k + 1; i < n; ++i) column[i] /= root;
    for (std::size_t i = k + 1; i < n; ++i) {
      m[i * n + k] = column[i];
      add_row(-column[i], column + k + 1, i - k, m + i * n + k + 1);
    }
  }
  return true;
}

TESSERA_CLONES void substitute(const double* l, std::size_t n, double* b) {
  for (std::size_t i = 0; i < n; ++i) {
    b[i] /= l[i * n + i];
    for (std::size_t j = i + 1; j < n; ++j) b[j] -= l[j * n + i] * b[i];
  }
  for (std::size_t i = n; i-- > 0;) {
    b[i] /= l[i * n + i];
    add_row(-b[i], l + i * n, i, b);
  }
}

/// L⁻¹ row after row, then L⁻ᵀ L⁻¹ in its place: row i needs itself and those below.
TESSERA_CLONES void invert_rows(const double* l, std::size_t n, double* inverse) {
  for (std::size_t i = 0; i < n; ++i) {
    double* const row = inverse + i * n;
    for (std::size_t j = 0; j < i; ++j) row[j] = 0;
    for (std::size_t k = 0; k < i; ++k) add_row(l[i * n + k], inverse + k * n, k + 1, row);
    const double scale = 1 / l[i * n + i];
    for (std::size_t j = 0; j < i; ++j) row[j] *= -scale;
    row[i] = scale;
  }
  for (std::size_t i = 0; i < n; ++i) {
    double* const row = inverse + i * n;
    const double own = row[i];
    for (std::size_t j = 0; j <= i; ++j) row[j] *= own;
    for (std::size_t k = i + 1; k < n; ++k) add_row(inverse[k * n + i], inverse + k * n, i + 1, row);
  }
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < i; ++j) inverse[j * n + i] = inverse[i * n + j];
}

typedef double Lanes __attribute__((vector_size(64)));
constexpr std::size_t lanes = 8;

/// The same for a few parameters, in rows of whole vectors, whose columns from n on stay 0.
template <std::size_t parts>
__attribute__((always_inline)) inline void invert_few(const double* l, std::size_t n, double* inverse) {
  constexpr std::size_t most = parts * lanes;
  Lanes rows[most][parts];
  for (std::size_t i = 0; i < n; ++i) {
    Lanes sum[parts] = {};
    for (std::size_t k = 0; k < i; ++k)
      for (std::size_t p = 0; p < parts; ++p) sum[p] += l[i * n + k] * rows[k][p];
    const double scale = 1 / l[i * n + i];
    for (std::size_t p = 0; p < parts; ++p) rows[i][p] = sum[p] * -scale;
    rows[i][i / lanes][i % lanes] = scale;
  }
  for (std::size_t i = 0; i < n; ++i) {
    Lanes sum[parts] = {};
    for (std::size_t k = i; k < n; ++k)
      for (std::size_t p = 0; p < parts; ++p) sum[p] += rows[k][i / lanes][i % lanes] * rows[k][p];
    for (std::size_t j = 0; j <= i; ++j) inverse[i * n + j] = inverse[j * n + i] = sum[j / lanes][j % lanes];
  }
}
TESSERA_CLONES void invert_up_to_8(const double* l, std::size_t n, double* inverse) { invert_few<1>(l, n, inverse); }
TESSERA_CLONES void invert_up_to_16(const double* l, std::size_t n, double* inverse) { invert_few<2>(l, n, inverse); }

}  // namespace

bool cholesky(std::span<double> m, std::size_t n) {
  constexpr std::size_t few = 64;
  double on_stack[2 * few] = {};
  std::vector<double> on_heap(n > few ? 2 * n : 0);
  double* const diagonal = n > few ? on_heap.data() : on_stack;
  for (std::size_t i = 0; i < n; ++i) diagonal[i] = m[i * n + i];
  return factorise(m.data(), n, diagonal, diagonal + n);
}

void solve_with(std::span<const double> factor, std::size_t n, std::span<double> b) { substitute(factor.data(), n, b.data()); }
void invert_with(std::span<const double> factor, std::size_t n, std::span<double> inverse) { (n <= lanes ? invert_up_to_8 : n <= 2 * lanes ? invert_up_to_16 : invert_rows)(factor.data(), n, inverse.data()); }

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
