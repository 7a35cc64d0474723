#include "tessera/background/covariance.h"

#include <Eigen/Dense>
#include <Eigen/Sparse>
#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "tessera/background/cell_sample.h"
#include "tessera/background/equations_private.h"
#include "tessera/background/selected_inverse_private.h"
#include "tessera/background/statistic.h"
#include "tessera/core/statistics.h"

namespace tessera::background {
namespace {

using Matrix = Eigen::MatrixXd;

constexpr int draws = 256;
constexpr double work_budget = 2e8;      // multiplications spent on the cells of one group
constexpr int largest_sample_step = 32;  // cells
constexpr double most_seen = 2e6;        // of a sample kept in memory

class Sandwich {
 public:
  Sandwich(std::span<const CellMap> frames, const Group& group, const Equations& equations, const BackgroundOptions& options, std::span<const double> level,
           OffsetCovariance& covariance, double exact_budget)
      : frames_{frames}, group_{group}, equations_{equations}, covariance_{covariance}, terms_{equations.basis().terms()}, level_{level} {
    set_responses(options);
    if (selected_inverse_work(equations.factor()) <= exact_budget)
      fill_exact();
    else
      fill_from_draws();
  }

 private:
  /// How the fit weighs the cells of each pair: by their own variances, or all alike. A robust statistic is a mean and, on top, noise of
  /// its own that pairs do not share: differences of m − n and m − o are as correlated by median as by mean, but scatter more.
  void set_responses(const BackgroundOptions& options) {
    fitted_.assign(covariance_.slots(), 0);
    const bool by_variance = options.statistic == Statistic::weighted || terms_ > 1;
    response_.assign(by_variance ? 0 : covariance_.slots(), 0.0);
    for (const auto& p : group_.pairs) {
      const auto slot = covariance_.slot(group_.frames[p.m], group_.frames[p.n]);
      if (slot < 0) continue;
      fitted_[static_cast<std::size_t>(slot)] = 1;
      if (by_variance) continue;
      response_[static_cast<std::size_t>(slot)] = p.weight / static_cast<double>(p.cells);
      own_noise_.push_back({p.m, p.n, slot, p.weight * (statistic_inefficiency(options.statistic, p.cells) - 1)});
    }
  }

  /// `per_cell`: multiplications for a cell that n frames see.
  template <class F>
  std::vector<Seen> sample(F&& per_cell) {
    // How deep the cells are, from a coarse sample.
    double work = 0, seen = 0;
    const auto coarse = sample_cells(frames_, group_.frames, largest_sample_step);
    for_each_cell(coarse, [&](std::span<const Seen> cell) { work += per_cell(static_cast<double>(cell.size())); });
    for (const int f : group_.frames) seen += static_cast<double>(frames_[f].cells.area());
    work *= largest_sample_step * largest_sample_step;
    step_ = 1;
    while (step_ < largest_sample_step && std::max(work / work_budget, seen / most_seen) > step_ * step_) step_ *= 2;
    return step_ == largest_sample_step ? coarse : sample_cells(frames_, group_.frames, step_);
  }

  /// Weights of the fit between the frames of one cell: a Laplacian.
  void weigh(std::span<const Seen> cell) {
    const auto n = static_cast<Eigen::Index>(cell.size());
    laplacian_.setZero(n, n);
    for (Eigen::Index a = 0; a < n; ++a)
      for (Eigen::Index b = a + 1; b < n; ++b) {
        const auto slot = covariance_.slot(group_.frames[cell[a].frame], group_.frames[cell[b].frame]);
        if (slot < 0 || !fitted_[static_cast<std::size_t>(slot)]) continue;
        const double weight = response_.empty() ? 1.0 / (static_cast<double>(cell[a].variance) + static_cast<double>(cell[b].variance)) : response_[static_cast<std::size_t>(slot)];
        sampled_weight_ += weight;
        laplacian_(a, a) += weight, laplacian_(b, b) += weight;
        laplacian_(a, b) -= weight, laplacian_(b, a) -= weight;
      }
    terms_of_cell_.resize(terms_, n);
    for (Eigen::Index a = 0; a < n; ++a)
      equations_.basis().values(static_cast<double>(cell[a].u), static_cast<double>(cell[a].v), {terms_of_cell_.col(a).data(), static_cast<std::size_t>(terms_)});
  }

  /// What a sample's sum must be multiplied by to stand for all cells: from the weights of all pairs, which are known. 1 for all cells.
  double scale_of_sample() const {
    if (step_ == 1 || !(sampled_weight_ > 0)) return 1;
    double all = 0;
    for (const auto& p : group_.pairs) all += p.weight;
    return all / sampled_weight_;
  }

  /// C of the right-hand side, kept in the blocks of the covariance for a while.
  void sum_right_side() {
    const auto seen = sample([](double n) { return n * n * n; });
    Matrix noise;
    for_each_cell(seen, [&](std::span<const Seen> cell) {
      weigh(cell);
      const auto n = static_cast<Eigen::Index>(cell.size());
      Eigen::VectorXd variance(n);
      for (Eigen::Index a = 0; a < n; ++a) variance[a] = static_cast<double>(cell[a].variance);
      noise.noalias() = laplacian_ * variance.asDiagonal() * laplacian_;
      for (Eigen::Index a = 0; a < n; ++a)
        for (Eigen::Index b = a; b < n; ++b) {
          const auto slot = covariance_.slot(group_.frames[cell[a].frame], group_.frames[cell[b].frame]);
          if (slot < 0) continue;
          double* block = covariance_.block(slot);
          for (int t = 0; t < terms_; ++t)
            for (int u = 0; u < terms_; ++u) block[t * terms_ + u] += noise(a, b) * terms_of_cell_(t, a) * terms_of_cell_(u, b);
        }
    });
    if (const double scale = scale_of_sample(); scale != 1)
      for_each_block([&](int, int, std::ptrdiff_t slot) {
        for (int k = 0; k < terms_ * terms_; ++k) covariance_.block(slot)[k] *= scale;
      });
  }

  /// Noise of single pairs, which moves their frames in opposite directions.
  void add_own_noise() {
    for (const auto& pair : own_noise_) {
      const int m = group_.frames[pair.m], n = group_.frames[pair.n];
      *covariance_.block(covariance_.slot(m, m)) += pair.variance, *covariance_.block(covariance_.slot(n, n)) += pair.variance;
      *covariance_.block(pair.slot) -= pair.variance;
    }
  }
  void draw_own_noise(Matrix& right) const {
    for (const auto& pair : own_noise_)
      for (int r = 0; r < draws; ++r) {
        const double noise = (scramble(scramble(static_cast<std::uint64_t>(pair.slot)) + static_cast<std::uint64_t>(r)) & 1 ? 1 : -1) * std::sqrt(pair.variance);
        right(pair.m, r) += noise, right(pair.n, r) -= noise;
      }
  }

  /// The blocks as a lower triangle on the rows of A, and on all unknowns.
  Eigen::SparseMatrix<double> right_side(bool of_rows) const {
    std::vector<Eigen::Triplet<double>> terms;
    const int size = of_rows ? equations_.unknowns() - (equations_.row(0) < 0) : equations_.unknowns();
    for_each_block([&](int m, int n, std::ptrdiff_t slot) {
      for (int t = 0; t < terms_; ++t)
        for (int u = 0; u < terms_; ++u) {
          int i = m * terms_ + t, j = n * terms_ + u;
          if (m == n && j > i) continue;
          if (of_rows) i = equations_.row(i), j = equations_.row(j);
          if (i >= 0 && j >= 0) terms.emplace_back(std::max(i, j), std::min(i, j), covariance_.block(slot)[t * terms_ + u]);
        }
    });
    Eigen::SparseMatrix<double> matrix{size, size};
    matrix.setFromTriplets(terms.begin(), terms.end());
    return matrix;
  }

  /// f(m, n, slot) for every kept block of the group, m ≤ n local numbers.
  template <class F>
  void for_each_block(F&& f) const {
    for (std::size_t m = 0; m < group_.frames.size(); ++m) {
      const auto [first, last] = covariance_.slots_of(static_cast<std::size_t>(group_.frames[m]));
      for (std::size_t s = first; s < last; ++s) {
        const auto n = std::lower_bound(group_.frames.begin(), group_.frames.end(), covariance_.other(s)) - group_.frames.begin();
        if (n < static_cast<std::ptrdiff_t>(group_.frames.size()) && group_.frames[static_cast<std::size_t>(n)] == covariance_.other(s))
          f(static_cast<int>(m), static_cast<int>(n), static_cast<std::ptrdiff_t>(s));
      }
    }
  }

  /// Selects A⁻¹ C A⁻¹, then takes the motion of the mean that is held at 0 out of the constants.
  void fill_exact() {
    sum_right_side();
    add_own_noise();
    const Eigen::SparseMatrix<double> noise = right_side(false);
    const SelectedInverse selected{equations_.normal(), right_side(true)};
    for_each_block([&](int m, int n, std::ptrdiff_t slot) {
      for (int t = 0; t < terms_; ++t)
        for (int u = 0; u < terms_; ++u) {
          const int i = equations_.row(m * terms_ + t), j = equations_.row(n * terms_ + u);
          covariance_.block(slot)[t * terms_ + u] = i < 0 || j < 0 ? 0.0 : selected(i, j);
        }
    });
    if (level_.empty()) return;
    Matrix mean = Matrix::Zero(equations_.unknowns(), 1);
    for (std::size_t m = 0; m < level_.size(); ++m) mean(static_cast<Eigen::Index>(m) * terms_, 0) = level_[m];
    const Matrix with_mean = equations_.solve(noise.selfadjointView<Eigen::Lower>() * equations_.solve(mean));
    const double of_mean = mean.col(0).dot(with_mean.col(0));
    for_each_block([&](int m, int n, std::ptrdiff_t slot) {
      double* block = covariance_.block(slot);
      for (int t = 0; t < terms_; ++t) {
        block[t * terms_] -= with_mean(m * terms_ + t, 0);
        block[t] -= with_mean(n * terms_ + t, 0);
      }
      block[0] += of_mean;
    });
  }

  void fill_from_draws() {
    Matrix right = Matrix::Zero(equations_.unknowns(), draws), noise, product;
    const auto seen = sample([](double n) { return n * n * draws; });
    for_each_cell(seen, [&](std::span<const Seen> cell) {
      weigh(cell);
      noise.resize(static_cast<Eigen::Index>(cell.size()), draws);
      for (std::size_t a = 0; a < cell.size(); ++a) {
        const double sigma = std::sqrt(static_cast<double>(cell[a].variance));
        for (int r = 0; r < draws; r += 64) {
          const auto bits = scramble(scramble(cell[a].cell + static_cast<std::uint64_t>(r)) ^ static_cast<std::uint64_t>(cell[a].frame));
          for (int k = 0; k < 64; ++k) noise(static_cast<Eigen::Index>(a), r + k) = (bits >> k & 1) ? sigma : -sigma;
        }
      }
      product.noalias() = laplacian_ * noise;
      for (std::size_t a = 0; a < cell.size(); ++a)
        for (int t = 0; t < terms_; ++t) right.row(cell[a].frame * terms_ + t) += terms_of_cell_(t, static_cast<Eigen::Index>(a)) * product.row(static_cast<Eigen::Index>(a));
    });
    right *= std::sqrt(scale_of_sample());
    draw_own_noise(right);
    Matrix errors = equations_.solve(right);
    if (!level_.empty()) {
      Eigen::RowVectorXd mean = Eigen::RowVectorXd::Zero(draws);
      for (std::size_t m = 0; m < level_.size(); ++m) mean += level_[m] * errors.row(static_cast<Eigen::Index>(m) * terms_);
      for (std::size_t m = 0; m < level_.size(); ++m) errors.row(static_cast<Eigen::Index>(m) * terms_) -= mean;
    }
    const Matrix by_draw = errors.transpose();  // the draws of one unknown side by side
    for_each_block([&](int m, int n, std::ptrdiff_t slot) {
      for (int t = 0; t < terms_; ++t)
        for (int u = 0; u < terms_; ++u) covariance_.block(slot)[t * terms_ + u] = by_draw.col(m * terms_ + t).dot(by_draw.col(n * terms_ + u)) / draws;
    });
  }

  std::span<const CellMap> frames_;
  const Group& group_;
  const Equations& equations_;
  OffsetCovariance& covariance_;
  int terms_, step_ = 1;
  double sampled_weight_ = 0;
  std::span<const double> level_;
  struct OwnNoise {
    int m, n;  // local numbers, m < n
    std::ptrdiff_t slot;
    double variance;
  };
  std::vector<OwnNoise> own_noise_;
  std::vector<char> fitted_;        // by slot
  std::vector<double> response_;    // by slot; empty: by the cells' variances
  Matrix laplacian_, terms_of_cell_;
};

}  // namespace

OffsetCovariance::OffsetCovariance(std::size_t frames, std::span<const std::pair<int, int>> pairs, int terms) : terms_{terms} {
  start_.assign(1, 0);
  std::size_t next = 0;
  for (std::size_t i = 0; i < frames; ++i) {
    other_.push_back(static_cast<int>(i));
    for (; next < pairs.size() && pairs[next].first == static_cast<int>(i); ++next) other_.push_back(pairs[next].second);
    start_.push_back(other_.size());
  }
  values_.assign(other_.size() * block_size(), 0.0);
}

std::ptrdiff_t OffsetCovariance::slot(int i, int j) const {
  const auto first = other_.begin() + static_cast<std::ptrdiff_t>(start_[i]), last = other_.begin() + static_cast<std::ptrdiff_t>(start_[i + 1]);
  if (j - i < last - first && first[j - i] == j) return first - other_.begin() + j - i;  // a full stack: every later frame is there
  const auto found = std::lower_bound(first, last, j);
  return found != last && *found == j ? found - other_.begin() : -1;
}

double OffsetCovariance::operator()(int i, int j, int t, int u) const {
  if (i > j) std::swap(i, j), std::swap(t, u);
  const auto s = slot(i, j);
  return s < 0 ? 0.0 : block(s)[t * terms_ + u];
}

void fill_covariance(std::span<const CellMap> frames, const Group& group, const Equations& equations, const BackgroundOptions& options, std::span<const double> level,
                     OffsetCovariance& covariance, double exact_budget) {
  Sandwich{frames, group, equations, options, level, covariance, exact_budget};
}

MosaicError mosaic_error(std::span<const CellMap> frames, std::span<const double> weight, const OffsetCovariance& covariance) {
  std::vector<int> members;
  double area = 0;
  for (std::size_t f = 0; f < frames.size(); ++f)
    if (weight[f] > 0) members.push_back(static_cast<int>(f)), area += static_cast<double>(frames[f].cells.area());
  int step = 4;
  while (step < largest_sample_step && area > 2e4 * step * step) step *= 2;
  std::vector<double> errors;
  const SurfaceBasis basis{covariance.terms() == 1 ? 0 : covariance.terms() == 3 ? 1 : covariance.terms() == 6 ? 2 : covariance.terms() == 10 ? 3 : 4};
  const int n = basis.terms();
  std::vector<double> term;
  for_each_cell(sample_cells(frames, members, step), [&](std::span<const Seen> cell) {
    term.resize(cell.size() * static_cast<std::size_t>(n));
    double sum = 0, variance = 0;
    for (std::size_t a = 0; a < cell.size(); ++a) {
      const std::span<double> own{term.data() + a * static_cast<std::size_t>(n), static_cast<std::size_t>(n)};
      const double w = weight[members[cell[a].frame]];
      basis.values(static_cast<double>(cell[a].u), static_cast<double>(cell[a].v), own);
      for (auto& t : own) t *= w;
      sum += w;
    }
    for (std::size_t a = 0; a < cell.size(); ++a)
      for (std::size_t b = a; b < cell.size(); ++b) {
        const auto slot = covariance.slot(members[cell[a].frame], members[cell[b].frame]);
        if (slot < 0) continue;
        double product = 0;
        for (int t = 0; t < n; ++t)
          for (int u = 0; u < n; ++u) product += term[a * static_cast<std::size_t>(n) + static_cast<std::size_t>(t)] * covariance.block(slot)[t * n + u] * term[b * static_cast<std::size_t>(n) + static_cast<std::size_t>(u)];
        variance += a == b ? product : 2 * product;
      }
    errors.push_back(std::sqrt(std::max(0.0, variance)) / sum);
  });
  if (errors.empty()) return {};
  return {statistics::median(std::span<const double>{errors}), *std::max_element(errors.begin(), errors.end())};
}

}  // namespace tessera::background
