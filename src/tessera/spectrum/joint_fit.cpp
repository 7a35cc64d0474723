#include "tessera/spectrum/joint_fit.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tessera/base/clones.h"
#include "tessera/fit/linear.h"

namespace tessera::spectrum {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t lanes = 8;

constexpr double square(double v) { return v * v; }

/// Σ a b in a fixed order of eight partial sums; n is a multiple of eight.
TESSERA_CLONES double dot(const double* a, const double* b, std::size_t n) {
  double s[lanes] = {};
  for (std::size_t i = 0; i < n; i += lanes)
    for (std::size_t k = 0; k < lanes; ++k) s[k] += a[i + k] * b[i + k];
  return ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]));
}

TESSERA_CLONES void multiply(const double* a, const double* b, double* out, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) out[i] = a[i] * b[i];
}

struct FitRow {
  double *values, *variance, *weights;
};

/// A row of a cut-out; where the fit may not use a pixel, all three are 0.
TESSERA_CLONES void take_row(const float* image, const float* variance, const std::uint8_t* good, double level, std::size_t n, FitRow out) {
  for (std::size_t i = 0; i < n; ++i) {
    const double v = good[i] ? variance[i] : 1;
    out.values[i] = good[i] ? image[i] - level : 0;
    out.variance[i] = good[i] ? v : 0;
    out.weights[i] = good[i] ? 1 / v : 0;
  }
}

/// 1-norm condition number of the matrix scaled to a unit diagonal, from the matrix and its inverse.
double condition(std::span<const double> matrix, std::span<const double> inverse, std::size_t n) {
  double largest = 0, largest_inverse = 0;
  for (std::size_t i = 0; i < n; ++i) {
    double row = 0, row_inverse = 0;
    for (std::size_t j = 0; j < n; ++j) {
      const double scale = std::sqrt(matrix[i * n + i] * matrix[j * n + j]);
      row += std::abs(matrix[i * n + j]) / scale, row_inverse += std::abs(inverse[i * n + j]) * scale;
    }
    largest = std::max(largest, row), largest_inverse = std::max(largest_inverse, row_inverse);
  }
  return largest * largest_inverse;
}

}  // namespace

void JointFit::collect(const CutOut& cutout, std::span<const JointSource> sources, double level) {
  box_ = cutout.box;
  level_ = level;
  const auto width = static_cast<std::size_t>(box_.width()), area = static_cast<std::size_t>(box_.area());
  pixels_ = (area + lanes - 1) / lanes * lanes;
  values_.assign(pixels_, 0), variance_.assign(pixels_, 0), weights_.assign(pixels_, 0);
  std::size_t at = 0;
  for (int y = box_.y0; y < box_.y1; ++y) {
    take_row(&cutout.image(box_.x0, y), &cutout.variance(box_.x0, y), &cutout.good(box_.x0, y), level, width, {&values_[at], &variance_[at], &weights_[at]});
    at += width;
  }
  rows_of_.assign((sources.size() + 1) * pixels_, 0);
  for (std::size_t k = 0; k < sources.size(); ++k) {
    const Stamp& s = *sources[k].stamp;
    const Box common = intersection(box_, {s.x0, s.y0, s.x0 + s.width, s.y0 + s.height});
    for (int y = common.y0; y < common.y1; ++y) {
      const float* from = s.values.data() + static_cast<std::size_t>(y - s.y0) * static_cast<std::size_t>(s.width) + (common.x0 - s.x0);
      double* to = rows_of_.data() + k * pixels_ + static_cast<std::size_t>(y - box_.y0) * width + (common.x0 - box_.x0);
      for (int i = 0; i < common.width(); ++i) to[i] = from[i];
    }
  }
  std::fill_n(rows_of_.begin() + static_cast<std::ptrdiff_t>(sources.size() * pixels_), area, 1.);
}

bool JointFit::solve(bool fit_level) {
  const std::size_t all = rows_ + (fit_level ? 1 : 0);
  weighted_.resize(all * pixels_);
  used_.clear();
  std::vector<double> diagonal(all);
  for (std::size_t k = 0; k < all; ++k) {
    double* row = weighted_.data() + k * pixels_;
    multiply(rows_of_.data() + k * pixels_, weights_.data(), row, pixels_);
    diagonal[k] = dot(row, rows_of_.data() + k * pixels_, pixels_);
    if (diagonal[k] > 0) used_.push_back(k);
    else if (k == 0) return false;
  }
  const std::size_t n = used_.size();
  matrix_.resize(n * n), right_.resize(n);
  for (std::size_t i = 0; i < n; ++i) {
    const double* row = weighted_.data() + used_[i] * pixels_;
    for (std::size_t j = 0; j <= i; ++j) matrix_[i * n + j] = matrix_[j * n + i] = i == j ? diagonal[used_[i]] : dot(row, rows_of_.data() + used_[j] * pixels_, pixels_);
    right_[i] = dot(row, values_.data(), pixels_);
  }
  std::vector<double> factor = matrix_;
  if (!fit::cholesky(factor, n)) return false;
  solution_ = right_;
  fit::solve_with(factor, n, solution_);
  inverse_.resize(n * n);
  fit::invert_with(factor, n, inverse_);
  return condition(matrix_, inverse_, n) <= options_.condition_limit && std::ranges::all_of(solution_, [](double f) { return std::isfinite(f); }) && std::isfinite(inverse_[0]) && inverse_[0] > 0;
}

/// V = a + b v by least squares over the cut-out's pixels, then with the model in the place of v: what the model lacks, noise above all, no longer moves the weights.
void JointFit::smooth_variance() {
  double n = 0, sv = 0, sp = 0, svv = 0, svp = 0;
  for (std::size_t i = 0; i < pixels_; ++i) {
    if (variance_[i] <= 0) continue;
    n += 1, sv += values_[i], sp += variance_[i];
  }
  if (n < 3) return;
  const double mean_v = sv / n, mean_p = sp / n;
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < pixels_; ++i) {
    if (variance_[i] <= 0) continue;
    svv += (values_[i] - mean_v) * (values_[i] - mean_v), svp += (values_[i] - mean_v) * (variance_[i] - mean_p);
    least = std::min(least, variance_[i]);
  }
  const double slope = svv > 0 ? std::max(0., svp / svv) : 0;
  const double floor = std::min(least, mean_p) / 4;
  std::vector<double> model(pixels_);
  for (std::size_t i = 0; i < used_.size(); ++i)
    for (std::size_t p = 0; p < pixels_; ++p) model[p] += solution_[i] * rows_of_[used_[i] * pixels_ + p];
  for (std::size_t p = 0; p < pixels_; ++p)
    if (variance_[p] > 0) weights_[p] = 1 / std::max(floor, mean_p + slope * (model[p] - mean_v));
}

double JointFit::quality(std::span<const JointSource> sources) const {
  double sum = 0;
  int n = 0;
  std::size_t at = 0;
  for (int y = box_.y0; y < box_.y1; ++y)
    for (int x = box_.x0; x < box_.x1; ++x, ++at) {
      if (weights_[at] <= 0 || square(x - sources[0].x) + square(y - sources[0].y) > square(central_radius)) continue;
      double model = 0;
      for (std::size_t i = 0; i < used_.size(); ++i) model += solution_[i] * rows_of_[used_[i] * pixels_ + at];
      sum += std::abs(values_[at] - model) / std::sqrt(variance_[at]);
      ++n;
    }
  return n > 0 ? sum / n : nan;
}

JointResult JointFit::fit(const CutOut& cutout, std::span<const JointSource> sources, double level, bool fit_level) {
  JointResult result;
  result.sky = level;
  result.flux = result.variance = result.quality = nan;
  result.fluxes.assign(sources.size(), nan), result.variances.assign(sources.size(), nan), result.covariances.assign(sources.size(), nan);
  collect(cutout, sources, level);
  rows_ = sources.size();
  used_.clear();
  bool centre = false;
  std::size_t at = 0;
  for (int y = box_.y0; y < box_.y1; ++y)
    for (int x = box_.x0; x < box_.x1; ++x, ++at) {
      if (weights_[at] <= 0) continue;
      ++result.pixels;
      centre |= square(x - sources[0].x) + square(y - sources[0].y) <= square(needed_radius);
    }
  if (!centre) return result;
  if (options_.weights == Weights::smooth) smooth_variance();
  bool solved = solve(fit_level);
  for (int round = 0; solved && options_.weights == Weights::smooth && round < 2; ++round) {
    smooth_variance();
    solved = solve(fit_level);
  }
  if (!solved) return result;
  result.solved = true;
  result.flux = solution_[0], result.variance = inverse_[0];
  for (std::size_t i = 0; i < used_.size(); ++i) {
    if (used_[i] == rows_) result.sky += solution_[i];
    else result.fluxes[used_[i]] = solution_[i], result.variances[used_[i]] = inverse_[i * used_.size() + i], result.covariances[used_[i]] = inverse_[i];
  }
  result.quality = quality(sources);
  const double* constant = rows_of_.data() + rows_ * pixels_;
  if (!fit_level)
    for (std::size_t i = 0; i < used_.size(); ++i) result.sky_slope -= inverse_[i] * dot(weighted_.data() + used_[i] * pixels_, constant, pixels_);
  return result;
}

Image<float> JointFit::model() const {
  Image<float> out{box_};
  for (std::size_t p = 0; p < out.pixels().size(); ++p) {
    double value = level_;
    for (std::size_t i = 0; i < used_.size(); ++i) value += solution_[i] * rows_of_[used_[i] * pixels_ + p];
    out.pixels()[p] = static_cast<float>(value);
  }
  return out;
}

}  // namespace tessera::spectrum
