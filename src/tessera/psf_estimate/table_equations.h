/// psf_estimate/table_equations.h — the normal equations of a response table, and the smoothness that is expected of it.
///
/// The table is a B-spline of degree 5 (psf/spline.h) with `side` × `side` coefficients, or `terms` of them, one for each power of the position on the detector. A pixel sees 6 × 6 neighbouring
/// coefficients, so that the matrix of all pixels is a band: 11 × 11 numbers for each coefficient.
#pragma once
#include <array>
#include <span>
#include <vector>

#include "tessera/psf/spline.h"

namespace tessera::psf_estimate {

struct TableShape {
  int side = 0, terms = 1;
  std::size_t coefficients() const { return static_cast<std::size_t>(side) * static_cast<std::size_t>(side); }
  std::size_t unknowns() const { return coefficients() * static_cast<std::size_t>(terms); }   ///< term after term, rows after another
};

/// The weights that all pixels of a star on an image share: they lie whole numbers of samples apart.
struct Taps {
  std::array<double, psf::spline_taps> x{}, y{}, slope_x{}, slope_y{};
};

/// A = Σ w φ φᵀ.
class BandMatrix {
 public:
  BandMatrix() = default;
  explicit BandMatrix(TableShape shape);
  /// A pixel whose first coefficient is (kx, ky), with weight w; `powers`: the values of the terms there.
  void add(int kx, int ky, const Taps& taps, std::span<const double> powers, double w);
  void add(const BandMatrix& other, double factor = 1);
  void multiply(std::span<const double> x, std::span<double> out) const;  ///< out += A x
  double diagonal(std::size_t unknown) const;

 private:
  static constexpr int reach = psf::spline_taps - 1, width = 2 * reach + 1, stride = width + 1, band = width * stride;   // the last of a row is 0: whole vectors
  TableShape shape_;
  std::vector<double> a_;  // [coefficient][term][term'][row of neighbours][neighbour]
};

/// Σ_k w_k [(Δx³c)² + 3(Δx²Δy c)² + 3(ΔxΔy²c)² + (Δy³c)²] + Σ_k v_k c_k²: what turns fast, or lies where there are no data, costs. Each term of a varying table with weights of its own.
class Roughness {
 public:
  Roughness() = default;
  /// One weight for each unknown.
  Roughness(TableShape shape, std::vector<double> of_differences, std::vector<double> of_values);
  void multiply(std::span<const double> x, std::span<double> out) const;  ///< out += P x
  double diagonal(std::size_t unknown) const { return diagonal_[unknown]; }

 private:
  template <class F>
  void for_each_row(F f) const;
  TableShape shape_;
  std::vector<double> differences_, values_, diagonal_;
};

/// Solves H x = b by conjugate gradients with the diagonal as preconditioner, keeping x orthogonal to the vectors of `fixed` (Gould, Hribar & Nocedal 2001, SIAM J. Sci. Comput. 23, 1376): directions that the
/// data leave open. H is positive definite on what is left. Ends when the residual has fallen by `tolerance`. Returns the number of steps.
template <class Multiply>
int conjugate_gradients(Multiply multiply, std::span<const double> b, std::span<const double> diagonal, const std::vector<std::vector<double>>& fixed, double tolerance, int most, std::span<double> x);

double dot(std::span<const double> a, std::span<const double> b);
/// to += factor · from.
void add_scaled(std::span<const double> from, double factor, std::span<double> to);

}  // namespace tessera::psf_estimate

#include "tessera/psf_estimate/conjugate_gradients.h"
