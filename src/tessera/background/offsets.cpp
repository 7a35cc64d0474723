#include "tessera/background/offsets.h"

#include <Eigen/Dense>
#include <Eigen/Sparse>
#include <algorithm>
#include <cmath>
#include <numeric>

#include "tessera/background/lattice.h"
#include "tessera/core/statistics.h"

namespace tessera::background {
namespace {

using Matrix = Eigen::MatrixXd;
using Factor = Eigen::SimplicialLDLT<Eigen::SparseMatrix<double>>;

constexpr int exact_group = 512;        // frames; above, the covariance comes from random draws
constexpr int draws = 256;
constexpr double work_budget = 2e8;     // multiplications spent on one group's covariance
constexpr int largest_sample_step = 32; // cells

/// Frames tied by overlaps, and the pairs that tie them, in local numbers.
struct Group {
  std::vector<int> frames;
  std::vector<PairDifference> pairs;  // m, n are indices into `frames`
};

/// One root per frame, the lowest number of its group.
std::vector<int> connect(std::size_t frames, const std::vector<PairDifference>& pairs) {
  std::vector<int> root(frames);
  std::iota(root.begin(), root.end(), 0);
  const auto find = [&](int i) {
    while (root[i] != i) i = root[i] = root[root[i]];
    return i;
  };
  for (const auto& p : pairs) {
    const int a = find(p.m), b = find(p.n);
    root[std::max(a, b)] = std::min(a, b);
  }
  for (std::size_t i = 0; i < frames; ++i) root[i] = find(static_cast<int>(i));
  return root;
}

std::vector<Group> split(std::size_t frames, const std::vector<PairDifference>& pairs, std::vector<int>& group_of) {
  const auto root = connect(frames, pairs);
  std::vector<Group> groups;
  std::vector<int> local(frames);
  group_of.assign(frames, 0);
  for (std::size_t i = 0; i < frames; ++i) {
    const bool first = root[i] == static_cast<int>(i);
    if (first) groups.emplace_back();
    group_of[i] = first ? static_cast<int>(groups.size()) - 1 : group_of[root[i]];
    auto& members = groups[group_of[i]].frames;
    local[i] = static_cast<int>(members.size());
    members.push_back(static_cast<int>(i));
  }
  for (auto p : pairs) {
    auto& group = groups[group_of[p.m]];
    p.m = local[p.m], p.n = local[p.n];
    group.pairs.push_back(p);
  }
  return groups;
}

/// Normal matrix of a group with its first frame held at 0, so that it is positive definite.
void factorise(const Group& group, Factor& factor) {
  const int unknowns = static_cast<int>(group.frames.size()) - 1;
  std::vector<Eigen::Triplet<double>> terms;
  for (const auto& p : group.pairs) {
    if (p.m > 0) terms.emplace_back(p.m - 1, p.m - 1, p.weight);
    if (p.n > 0) terms.emplace_back(p.n - 1, p.n - 1, p.weight);
    if (p.m > 0 && p.n > 0) terms.emplace_back(std::max(p.m, p.n) - 1, std::min(p.m, p.n) - 1, -p.weight);
  }
  Eigen::SparseMatrix<double> normal{unknowns, unknowns};
  normal.setFromTriplets(terms.begin(), terms.end());
  factor.compute(normal);
}

/// Solutions for right-hand sides (one column each), first frame at 0.
Matrix solve_grounded(const Factor& factor, const Matrix& right) {
  Matrix solution = Matrix::Zero(right.rows(), right.cols());
  solution.bottomRows(right.rows() - 1) = factor.solve(right.bottomRows(right.rows() - 1));
  return solution;
}

/// Shifts every column so that the frames which are no outliers have mean 0.
void fix_level(Matrix& solution, const std::vector<std::uint8_t>& outlier) {
  Eigen::RowVectorXd sum = Eigen::RowVectorXd::Zero(solution.cols());
  int n = 0;
  for (Eigen::Index i = 0; i < solution.rows(); ++i)
    if (!outlier[i]) sum += solution.row(i), ++n;
  solution.rowwise() -= sum / n;
}

/// Offsets beyond the thresholds around the median, σ from the median absolute deviation of those inside; repeated until it
/// settles. Mean and standard deviation, as the guide has it, would let one outlier among ten hide itself.
std::vector<std::uint8_t> find_outliers(const std::vector<double>& offset, const BackgroundOptions& options) {
  std::vector<std::uint8_t> outlier(offset.size(), 0);
  if (offset.size() < static_cast<std::size_t>(std::max(2, options.min_images))) return outlier;
  for (int round = 0; round < 20; ++round) {
    std::vector<double> inside;
    for (std::size_t i = 0; i < offset.size(); ++i)
      if (!outlier[i]) inside.push_back(offset[i]);
    const double centre = statistics::median(inside), sigma = statistics::mad_sigma(std::span<const double>{inside});
    if (!(sigma > 0)) break;
    auto next = outlier;
    for (std::size_t i = 0; i < offset.size(); ++i)
      next[i] = offset[i] > centre + options.top_threshold * sigma || offset[i] < centre - options.bottom_threshold * sigma;
    if (next == outlier) break;
    outlier = std::move(next);
  }
  return outlier;
}

std::uint64_t scramble(std::uint64_t x) {  // splitmix64
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

/// One frame's view of one sampled cell.
struct Seen {
  std::uint64_t cell;
  int frame;  // local number
  double variance;
};

/// One cell of every step × step cells, at a place that looks random but depends on the lattice alone; sorted by cell.
std::vector<Seen> sample_cells(std::span<const CellMap> frames, const Group& group, int step) {
  std::vector<Seen> seen;
  for (std::size_t f = 0; f < group.frames.size(); ++f) {
    const CellMap& map = frames[group.frames[f]];
    for (int j = floor_div(map.cells.y0, step); j <= floor_div(map.cells.y1 - 1, step); ++j)
      for (int i = floor_div(map.cells.x0, step); i <= floor_div(map.cells.x1 - 1, step); ++i) {
        const std::uint64_t key = (static_cast<std::uint64_t>(static_cast<std::uint32_t>(j)) << 32) | static_cast<std::uint32_t>(i);
        const auto place = scramble(key) % (static_cast<std::uint64_t>(step) * static_cast<std::uint64_t>(step));
        const int x = i * step + static_cast<int>(place) % step, y = j * step + static_cast<int>(place) / step;
        if (map.cells.contains(x, y) && map.variance(x, y) > 0) seen.push_back({key, static_cast<int>(f), static_cast<double>(map.variance(x, y))});
      }
  }
  std::sort(seen.begin(), seen.end(), [](const Seen& a, const Seen& b) { return std::pair{a.cell, a.frame} < std::pair{b.cell, b.frame}; });
  return seen;
}

/// What the noise of one cell does to the right-hand side: the Laplacian of the weights of its pairs.
void cell_laplacian(std::span<const Seen> cell, const std::vector<bool>& fitted, std::size_t frames, Matrix& laplacian) {
  const auto n = static_cast<Eigen::Index>(cell.size());
  laplacian.setZero(n, n);
  for (Eigen::Index a = 0; a < n; ++a)
    for (Eigen::Index b = a + 1; b < n; ++b) {
      if (!fitted[static_cast<std::size_t>(cell[a].frame) * frames + static_cast<std::size_t>(cell[b].frame)]) continue;
      const double weight = 1.0 / (cell[a].variance + cell[b].variance);
      laplacian(a, a) += weight, laplacian(b, b) += weight;
      laplacian(a, b) -= weight, laplacian(b, a) -= weight;
    }
}

/// diag(A⁺ C A⁺), C = Σ over cells L Σ L: the noise of a cell enters through all pairs of the frames that saw it.
class Sandwich {
 public:
  Sandwich(std::span<const CellMap> frames, const Group& group, const Factor& factor, const std::vector<std::uint8_t>& outlier)
      : group_{group}, n_{group.frames.size()}, exact_{n_ <= exact_group}, fitted_(n_ * n_, false) {
    double cell_pairs = 0;  // Σ over cells (frames there)²
    for (const auto f : group.frames) cell_pairs += static_cast<double>(frames[f].cells.area());
    for (const auto& p : group.pairs) {
      fitted_[static_cast<std::size_t>(std::min(p.m, p.n)) * n_ + static_cast<std::size_t>(std::max(p.m, p.n))] = true;
      cell_pairs += 2 * static_cast<double>(p.cells);
    }
    const double rows = exact_ ? static_cast<double>(n_) : draws;
    while (step_ < largest_sample_step && rows * cell_pairs > work_budget * step_ * step_) step_ *= 2;
    if (exact_) {
      response_ = solve_grounded(factor, Matrix::Identity(static_cast<Eigen::Index>(n_), static_cast<Eigen::Index>(n_)));
      fix_level(response_, outlier);
    } else {
      response_ = Matrix::Zero(static_cast<Eigen::Index>(n_), draws);
    }
    sum(sample_cells(frames, group, step_));
    if (!exact_) {
      response_ = solve_grounded(factor, response_);
      fix_level(response_, outlier);
      variance_ = response_.rowwise().squaredNorm() / draws;
    }
  }
  double sigma(std::size_t frame) const { return std::sqrt(variance_[static_cast<Eigen::Index>(frame)]); }

 private:
  void sum(const std::vector<Seen>& seen) {
    variance_ = Eigen::VectorXd::Zero(static_cast<Eigen::Index>(n_));
    for (std::size_t first = 0, last = 0; first < seen.size(); first = last) {
      while (last < seen.size() && seen[last].cell == seen[first].cell) ++last;
      const std::span<const Seen> cell{seen.data() + first, last - first};
      if (cell.size() < 2) continue;
      cell_laplacian(cell, fitted_, n_, laplacian_);
      if (exact_)
        add_exact(cell);
      else
        add_draws(cell);
    }
  }

  void add_exact(std::span<const Seen> cell) {
    columns_.resize(static_cast<Eigen::Index>(n_), laplacian_.rows());
    for (std::size_t a = 0; a < cell.size(); ++a) columns_.col(static_cast<Eigen::Index>(a)) = response_.col(cell[a].frame);
    product_.noalias() = columns_ * laplacian_;
    for (std::size_t a = 0; a < cell.size(); ++a)
      variance_ += (cell[a].variance * step_ * step_) * product_.col(static_cast<Eigen::Index>(a)).cwiseAbs2();
  }

  void add_draws(std::span<const Seen> cell) {
    columns_.resize(laplacian_.rows(), draws);
    for (std::size_t a = 0; a < cell.size(); ++a) {
      const double sigma = std::sqrt(cell[a].variance) * step_;
      for (int r = 0; r < draws; r += 64) {
        const auto bits = scramble(scramble(cell[a].cell + static_cast<std::uint64_t>(r)) ^ static_cast<std::uint64_t>(cell[a].frame));
        for (int k = 0; k < 64; ++k) columns_(static_cast<Eigen::Index>(a), r + k) = (bits >> k & 1) ? sigma : -sigma;
      }
    }
    product_.noalias() = laplacian_ * columns_;
    for (std::size_t a = 0; a < cell.size(); ++a) response_.row(cell[a].frame) += product_.row(static_cast<Eigen::Index>(a));
  }

  const Group& group_;
  std::size_t n_;
  bool exact_;
  std::vector<bool> fitted_;
  int step_ = 1;
  Matrix response_, laplacian_, columns_, product_;
  Eigen::VectorXd variance_;
};

void solve_group(std::span<const CellMap> frames, const Group& group, const BackgroundOptions& options, OffsetSolution& solution) {
  if (group.frames.size() < 2) return;
  Factor factor;
  factorise(group, factor);
  Matrix offset = Matrix::Zero(static_cast<Eigen::Index>(group.frames.size()), 1);
  for (const auto& p : group.pairs) offset(p.m, 0) += p.weight * p.difference, offset(p.n, 0) -= p.weight * p.difference;
  offset = solve_grounded(factor, offset);
  const auto outlier = find_outliers({offset.data(), offset.data() + offset.rows()}, options);
  fix_level(offset, outlier);
  const Sandwich sandwich{frames, group, factor, outlier};
  for (std::size_t i = 0; i < group.frames.size(); ++i) {
    const auto frame = static_cast<std::size_t>(group.frames[i]);
    solution.offset[frame] = offset(static_cast<Eigen::Index>(i), 0);
    solution.sigma[frame] = sandwich.sigma(i);
    solution.outlier[frame] = outlier[i];
  }
}

}  // namespace

OffsetSolution solve_offsets(std::span<const CellMap> frames, std::vector<PairDifference> pairs, const BackgroundOptions& options) {
  OffsetSolution solution;
  solution.offset.assign(frames.size(), 0.0);
  solution.sigma.assign(frames.size(), 0.0);
  solution.outlier.assign(frames.size(), 0);
  const auto groups = split(frames.size(), pairs, solution.group);
  solution.groups = static_cast<int>(groups.size());
  for (const auto& group : groups) solve_group(frames, group, options, solution);
  solution.pairs = std::move(pairs);
  return solution;
}

OffsetSolution match_backgrounds(std::span<const CellMap> frames, const BackgroundOptions& options) {
  return solve_offsets(frames, pair_differences(frames, options), options);
}

}  // namespace tessera::background
