/// fit/linear.h — weighted linear least squares by normal equations, with the covariance of its parameters.
///
/// χ² = Σ w (v − Σ_k p_k r_k)², w = 1/σ²:  N = Σ w r rᵀ, b = Σ w v r, p = N⁻¹ b, covariance N⁻¹, χ²_min = Σ w v² − pᵀb.
/// Matrices are square, row after row; of symmetric ones only the lower triangle is read.
#pragma once
#include <cstddef>
#include <span>
#include <vector>

namespace tessera::fit {

/// N = L Lᵀ in place (lower triangle). False when a pivot falls below 1e-13 of its diagonal: parameters that the data do not tell apart.
bool cholesky(std::span<double> matrix, std::size_t n);
/// Solves N x = b with the factor, in place.
void solve_with(std::span<const double> factor, std::size_t n, std::span<double> b);
/// N⁻¹ from the factor, both triangles written.
void invert_with(std::span<const double> factor, std::size_t n, std::span<double> inverse);

class NormalEquations {
 public:
  explicit NormalEquations(std::size_t parameters = 0) { reset(parameters); }
  void reset(std::size_t parameters);  ///< empty sums; keeps memory
  std::size_t parameters() const { return n_; }
  /// One datum: value v with weight 1/σ² and the model's row r (parameters() numbers). A weight of 0 adds nothing.
  void add(std::span<const double> row, double value, double weight);
  /// Sums as they stand, for those who fill them faster.
  std::span<double> matrix() { return matrix_; }
  std::span<double> right() { return right_; }
  std::span<const double> matrix() const { return matrix_; }
  std::span<const double> right() const { return right_; }
  double& sum_of_squares() { return squares_; }
  std::size_t& data() { return data_; }
  double sum_of_squares() const { return squares_; }
  std::size_t data() const { return data_; }

 private:
  std::size_t n_ = 0, data_ = 0;
  std::vector<double> matrix_, right_;
  double squares_ = 0;
};

struct LinearFit {
  bool solved = false;                 ///< false: the data leave a parameter open; nothing else is set then
  std::vector<double> parameters;
  std::vector<double> covariance;      ///< n × n
  double chi2 = 0;
  long dof = 0;                        ///< data with weight minus parameters
};
LinearFit solve(const NormalEquations& equations);

}  // namespace tessera::fit
