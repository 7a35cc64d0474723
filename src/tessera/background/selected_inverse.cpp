#include "tessera/background/selected_inverse_private.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace tessera::background {
namespace {

/// A number and its derivative.
struct Dual {
  double value = 0, slope = 0;
  Dual() = default;
  Dual(double v) : value{v} {}
  Dual(int v) : value{static_cast<double>(v)} {}
  Dual(double v, double s) : value{v}, slope{s} {}
  Dual& operator+=(const Dual& o) { value += o.value, slope += o.slope; return *this; }
  Dual& operator-=(const Dual& o) { value -= o.value, slope -= o.slope; return *this; }
  Dual& operator*=(const Dual& o) { return *this = Dual{value * o.value, value * o.slope + slope * o.value}; }
  Dual& operator/=(const Dual& o) {
    const double quotient = value / o.value;
    return *this = Dual{quotient, (slope - quotient * o.slope) / o.value};
  }
  friend Dual operator+(Dual a, const Dual& b) { return a += b; }
  friend Dual operator-(Dual a, const Dual& b) { return a -= b; }
  friend Dual operator*(Dual a, const Dual& b) { return a *= b; }
  friend Dual operator/(Dual a, const Dual& b) { return a /= b; }
  friend Dual operator-(const Dual& a) { return {-a.value, -a.slope}; }
  friend bool operator==(const Dual& a, const Dual& b) { return a.value == b.value; }
  friend bool operator!=(const Dual& a, const Dual& b) { return a.value != b.value; }
  friend bool operator<(const Dual& a, const Dual& b) { return a.value < b.value; }
  friend bool operator<=(const Dual& a, const Dual& b) { return a.value <= b.value; }
  friend bool operator>(const Dual& a, const Dual& b) { return a.value > b.value; }
  friend Dual sqrt(const Dual& a) { const double root = std::sqrt(a.value); return {root, a.slope / (2 * root)}; }
  friend Dual abs(const Dual& a) { return a.value < 0 ? -a : a; }
};

}  // namespace
}  // namespace tessera::background

template <>
struct Eigen::NumTraits<tessera::background::Dual> : Eigen::NumTraits<double> {
  using Real = tessera::background::Dual;
  using NonInteger = tessera::background::Dual;
  using Nested = tessera::background::Dual;
  using Literal = tessera::background::Dual;
  enum { IsComplex = 0, IsInteger = 0, IsSigned = 1, RequireInitialization = 1, ReadCost = 2, AddCost = 2, MulCost = 3 };
};

namespace tessera::background {
namespace {

using DualMatrix = Eigen::SparseMatrix<Dual>;

DualMatrix a_minus_tb(const Eigen::SparseMatrix<double>& a, const Eigen::SparseMatrix<double>& b) {
  std::vector<Eigen::Triplet<Dual>> terms;
  terms.reserve(static_cast<std::size_t>(a.nonZeros() + b.nonZeros()));
  for (int column = 0; column < a.outerSize(); ++column) {
    for (Eigen::SparseMatrix<double>::InnerIterator it{a, column}; it; ++it) terms.emplace_back(static_cast<int>(it.row()), column, Dual{it.value(), 0});
    for (Eigen::SparseMatrix<double>::InnerIterator it{b, column}; it; ++it) terms.emplace_back(static_cast<int>(it.row()), column, Dual{0, -it.value()});
  }
  DualMatrix sum{a.rows(), a.cols()};
  sum.setFromTriplets(terms.begin(), terms.end());
  return sum;
}

}  // namespace

SelectedInverse::SelectedInverse(const Eigen::SparseMatrix<double>& a, const Eigen::SparseMatrix<double>& b) {
  const Eigen::SimplicialLDLT<DualMatrix> factor{a_minus_tb(a, b)};
  const DualMatrix lower = factor.matrixL().nestedExpression();
  const auto n = static_cast<std::size_t>(lower.cols());
  const auto pivots = factor.vectorD();
  for (std::size_t k = 0; k < n; ++k) new_index_.push_back(factor.permutationP().size() > 0 ? factor.permutationP().indices()[static_cast<Eigen::Index>(k)] : static_cast<int>(k));
  start_.assign(1, 0);
  std::vector<Dual> factor_below;
  for (std::size_t column = 0; column < n; ++column) {
    for (DualMatrix::InnerIterator it{lower, static_cast<Eigen::Index>(column)}; it; ++it)
      if (it.row() > static_cast<Eigen::Index>(column)) row_.push_back(static_cast<int>(it.row())), factor_below.push_back(it.value());
    start_.push_back(static_cast<int>(row_.size()));
  }
  // From the last column to the first: Z_ij = −Σ_k Z_ik L_kj over the rows k of column j, all of whose pairs are known by then.
  std::vector<Dual> below(row_.size()), diagonal(n), column_of(n), sum(n);
  std::vector<char> marked(n, 0);
  for (std::size_t j = n; j-- > 0;) {
    for (int p = start_[j]; p < start_[j + 1]; ++p) column_of[row_[p]] = factor_below[p], sum[row_[p]] = Dual{}, marked[row_[p]] = 1;
    for (int p = start_[j]; p < start_[j + 1]; ++p) {
      const auto k = static_cast<std::size_t>(row_[p]);
      Dual own = diagonal[k] * factor_below[p];
      for (int q = start_[k]; q < start_[k + 1]; ++q) {
        const int r = row_[q];
        if (!marked[r]) continue;
        sum[r] += below[q] * factor_below[p];
        own += below[q] * column_of[r];
      }
      sum[k] += own;
    }
    diagonal[j] = Dual{1} / pivots[static_cast<Eigen::Index>(j)];
    for (int p = start_[j]; p < start_[j + 1]; ++p) {
      below[p] = -sum[row_[p]];
      diagonal[j] += sum[row_[p]] * factor_below[p];
      marked[row_[p]] = 0;
    }
  }
  for (const auto& d : diagonal) diagonal_.push_back(d.slope);
  for (const auto& d : below) below_.push_back(d.slope);
}

double SelectedInverse::operator()(int i, int j) const {
  const auto [column, row] = std::minmax(new_index_[i], new_index_[j]);
  if (column == row) return diagonal_[column];
  const auto first = row_.begin() + start_[column], last = row_.begin() + start_[column + 1];
  const auto found = std::lower_bound(first, last, row);
  return found != last && *found == row ? below_[static_cast<std::size_t>(found - row_.begin())] : 0.0;
}

double selected_inverse_work(const Eigen::SimplicialLDLT<Eigen::SparseMatrix<double>>& factor) {
  const auto& lower = factor.matrixL().nestedExpression();
  double work = 0;
  for (Eigen::Index j = 0; j < lower.outerSize(); ++j) {
    const auto n = static_cast<double>(lower.outerIndexPtr()[j + 1] - lower.outerIndexPtr()[j]);
    work += n * n;
  }
  return work;
}

}  // namespace tessera::background
