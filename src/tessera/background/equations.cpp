#include "tessera/background/equations_private.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "tessera/core/statistics.h"

namespace tessera::background {
namespace {

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

/// The median variance of a pair difference.
double median_pair_variance(const Group& group) {
  std::vector<double> variance;
  for (const auto& p : group.pairs) variance.push_back(1 / p.weight);
  return statistics::median_inplace(std::span<double>{variance});
}

}  // namespace

std::vector<Group> split_groups(std::size_t frames, const std::vector<PairDifference>& pairs, std::vector<int>& group_of) {
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

Equations::Equations(std::span<const CellMap> frames, const Group& group, const BackgroundOptions& options, const Eigen::VectorXd& before)
    : basis_{surface_order(options)}, grounded_{options.weight > 0 ? 0 : 1} {
  right_ = Eigen::VectorXd::Zero(static_cast<Eigen::Index>(group.frames.size()) * basis_.terms());
  Terms terms;
  for (const auto& p : group.pairs) {
    if (basis_.order() == 0)
      add_constants(p, terms);
    else
      add_surfaces(frames[group.frames[p.m]], frames[group.frames[p.n]], p, options, before, terms);
  }
  add_ridge(group, options, terms);
  normal_.resize(unknowns() - grounded_, unknowns() - grounded_);
  normal_.setFromTriplets(terms.begin(), terms.end());
  factor_.compute(normal_);
}

/// One element of the symmetric A.
void Equations::add(int i, int j, double value, Terms& terms) const {
  const int a = row(std::max(i, j)), b = row(std::min(i, j));
  if (a >= 0 && b >= 0) terms.emplace_back(a, b, value);
}

void Equations::add_constants(const PairDifference& p, Terms& terms) {
  add(p.m, p.m, p.weight, terms);
  add(p.n, p.n, p.weight, terms);
  add(p.m, p.n, -p.weight, terms);
  right_[p.m] += p.weight * p.difference, right_[p.n] -= p.weight * p.difference;
}

void Equations::add_surfaces(const CellMap& a, const CellMap& b, const PairDifference& p, const BackgroundOptions& options, const Eigen::VectorXd& before,
                             Terms& terms) {
  const auto cells = common_cells(a, b, options, true);
  const int n = basis_.terms();
  Eigen::VectorXd both(2 * n), right = Eigen::VectorXd::Zero(2 * n);  // terms of frame m, and minus those of frame n
  Matrix normal = Matrix::Zero(2 * n, 2 * n);
  const auto unknown = [&](int i) { return i < n ? p.m * n + i : p.n * n + i - n; };
  const auto place = [&](std::size_t k) {  // false where a frame has no image of the cell
    const auto [x, y] = cells.place[k];
    const auto u_a = static_cast<double>(a.u(x, y)), v_a = static_cast<double>(a.v(x, y)), u_b = static_cast<double>(b.u(x, y)), v_b = static_cast<double>(b.v(x, y));
    basis_.values(u_a, v_a, {both.data(), static_cast<std::size_t>(n)});
    basis_.values(u_b, v_b, {both.data() + n, static_cast<std::size_t>(n)});
    both.tail(n) = -both.tail(n);
    return std::isfinite(u_a + v_a + u_b + v_b);
  };
  auto judged = cells;
  if (before.size() > 0) {
    Eigen::VectorXd fitted(2 * n);
    for (int i = 0; i < 2 * n; ++i) fitted[i] = before[unknown(i)];
    for (std::size_t k = 0; k < judged.difference.size(); ++k)
      if (place(k)) judged.difference[k] -= static_cast<float>(both.dot(fitted));
    set_limits(judged, options);
  }
  for (std::size_t k = 0; k < cells.difference.size(); ++k) {
    if (!judged.counts(k) || !place(k)) continue;
    const double weight = 1.0 / static_cast<double>(cells.variance[k]);
    normal.selfadjointView<Eigen::Lower>().rankUpdate(both, weight);
    right += weight * static_cast<double>(cells.difference[k]) * both;
  }
  for (int i = 0; i < 2 * n; ++i) {
    right_[unknown(i)] += right[i];
    for (int j = 0; j <= i; ++j) add(unknown(i), unknown(j), normal(i, j), terms);
  }
}

/// Holds constants (MOPEX's WEIGHT), slopes and curvatures near zero.
void Equations::add_ridge(const Group& group, const BackgroundOptions& options, Terms& terms) const {
  if (options.weight <= 0 && basis_.order() == 0) return;
  const double variance = median_pair_variance(group);
  for (int i = 0; i < unknowns(); ++i)
    if (const double weight = i % basis_.terms() == 0 ? options.weight : options.stiffness; weight > 0) add(i, i, weight / variance, terms);
}

Equations::Matrix Equations::solve(const Matrix& right) const {
  Matrix solution = Matrix::Zero(right.rows(), right.cols());
  solution.bottomRows(right.rows() - grounded_) = factor_.solve(right.bottomRows(right.rows() - grounded_));
  return solution;
}

}  // namespace tessera::background
