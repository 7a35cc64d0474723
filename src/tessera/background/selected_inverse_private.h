/// background/selected_inverse_private.h — elements of A⁻¹ B A⁻¹ on the pattern of the Cholesky factor, for sparse symmetric A and B: what the
/// errors of least squares need, without any dense matrix. As A⁻¹ B A⁻¹ is the derivative of (A − t B)⁻¹ at t = 0, the selected
/// inverse of Takahashi, Fagan & Chen (1973) is taken with numbers that carry their derivative.
#pragma once
#include <Eigen/Sparse>
#include <cstddef>
#include <vector>

namespace tessera::background {

class SelectedInverse {
 public:
  /// Lower triangles of A (positive definite) and B, of one size; the elements of both are inside the pattern that can be asked for.
  SelectedInverse(const Eigen::SparseMatrix<double>& a, const Eigen::SparseMatrix<double>& b);
  /// Element (i, j) of A⁻¹ B A⁻¹; (i, j) must be a place where A or B holds an element (a stored zero will do).
  double operator()(int i, int j) const;

 private:
  std::vector<int> new_index_, start_, row_;   // the factor's columns, without the diagonal
  std::vector<double> diagonal_, below_;
};

/// Multiplications that SelectedInverse takes about, from the factor of A alone.
double selected_inverse_work(const Eigen::SimplicialLDLT<Eigen::SparseMatrix<double>>& factor);

}  // namespace tessera::background
