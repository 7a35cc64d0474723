/// background/equations_private.h — groups of frames tied by overlaps, and the sparse normal equations of one group. Used by offsets.cpp and covariance.cpp.
#pragma once
#include <Eigen/Dense>
#include <Eigen/Sparse>
#include <span>
#include <vector>

#include "tessera/background/pairs.h"
#include "tessera/background/surface.h"

namespace tessera::background {

/// Frames tied by overlaps, and the pairs that tie them, in local numbers.
struct Group {
  std::vector<int> frames;
  std::vector<PairDifference> pairs;  // m, n are indices into `frames`
};
/// In order of first frame; `group_of` gets each frame's group.
std::vector<Group> split_groups(std::size_t frames, const std::vector<PairDifference>& pairs, std::vector<int>& group_of);

/// A ε = b of one group. Unknown frame · terms + t is coefficient t of a frame; without options.weight the first frame's constant is
/// held at 0, so that A is positive definite, and A lacks its row.
class Equations {
 public:
  using Matrix = Eigen::MatrixXd;
  using Factor = Eigen::SimplicialLDLT<Eigen::SparseMatrix<double>>;
  /// `before`: coefficients of an earlier solution (all unknowns): cells are then clipped by what that leaves of their differences, since
  /// slopes of the frames would hide outliers. Empty: by the differences.
  Equations(std::span<const CellMap> frames, const Group& group, const BackgroundOptions& options, const Eigen::VectorXd& before = {});

  SurfaceBasis basis() const { return basis_; }
  int unknowns() const { return static_cast<int>(right_.size()); }
  /// Row of A of an unknown; −1 for the one held at 0.
  int row(int unknown) const { return unknown - grounded_; }
  const Eigen::SparseMatrix<double>& normal() const { return normal_; }  ///< lower triangle
  const Factor& factor() const { return factor_; }
  const Eigen::VectorXd& right() const { return right_; }
  /// Solutions for right-hand sides (one column each, all unknowns).
  Matrix solve(const Matrix& right) const;

 private:
  using Terms = std::vector<Eigen::Triplet<double>>;
  void add_constants(const PairDifference& pair, Terms& terms);
  void add_surfaces(const CellMap& a, const CellMap& b, const PairDifference& pair, const BackgroundOptions& options, const Eigen::VectorXd& before, Terms& terms);
  void add_ridge(const Group& group, const BackgroundOptions& options, Terms& terms) const;
  void add(int i, int j, double value, Terms& terms) const;

  SurfaceBasis basis_;
  int grounded_ = 1;  // unknowns left out of A
  Eigen::SparseMatrix<double> normal_;
  Eigen::VectorXd right_;
  Factor factor_;
};

}  // namespace tessera::background
