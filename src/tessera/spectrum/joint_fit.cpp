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

TESSERA_CLONES void add_scaled(const double* row, double factor, double* sum, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) sum[i] += factor * row[i];
}

/// Weights from the line; pixels that are not used keep theirs, 0.
TESSERA_CLONES void weigh(const double* model, const double* variance, VarianceLine line, double* weights, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    const double v = line.mean_variance + line.slope * (model[i] - line.mean_value);
    weights[i] = variance[i] > 0 ? 1 / (line.floor < v ? v : line.floor) : weights[i];
  }
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
  for (auto* row : {&values_, &variance_, &weights_}) {
    row->resize(pixels_);
    std::fill(row->begin() + static_cast<std::ptrdiff_t>(area), row->end(), 0.);
  }
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
  diagonal_.resize(all);
  for (std::size_t k = 0; k < all; ++k) {
    double* row = weighted_.data() + k * pixels_;
    multiply(rows_of_.data() + k * pixels_, weights_.data(), row, pixels_);
    diagonal_[k] = dot(row, rows_of_.data() + k * pixels_, pixels_);
    if (diagonal_[k] > 0) used_.push_back(k);
    else if (k == 0) return false;
  }
  const std::size_t n = used_.size();
  matrix_.resize(n * n), right_.resize(n);
  for (std::size_t i = 0; i < n; ++i) {
    const double* row = weighted_.data() + used_[i] * pixels_;
    for (std::size_t j = 0; j <= i; ++j) matrix_[i * n + j] = matrix_[j * n + i] = i == j ? diagonal_[used_[i]] : dot(row, rows_of_.data() + used_[j] * pixels_, pixels_);
    right_[i] = dot(row, values_.data(), pixels_);
  }
  factor_ = matrix_;
  if (!fit::cholesky(factor_, n)) return false;
  solution_ = right_;
  fit::solve_with(factor_, n, solution_);
  inverse_.resize(n * n);
  fit::invert_with(factor_, n, inverse_);
  return condition(matrix_, inverse_, n) <= options_.condition_limit && std::ranges::all_of(solution_, [](double f) { return std::isfinite(f); }) && std::isfinite(inverse_[0]) && inverse_[0] > 0;
}

/// V = a + b v by least squares over the cut-out's pixels. False: too few.
bool JointFit::draw_line() {
  double n = 0, sv = 0, sp = 0, svv = 0, svp = 0;
  for (std::size_t i = 0; i < pixels_; ++i) {
    if (variance_[i] <= 0) continue;
    n += 1, sv += values_[i], sp += variance_[i];
  }
  if (n < 3) return false;
  const double mean_v = sv / n, mean_p = sp / n;
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < pixels_; ++i) {
    if (variance_[i] <= 0) continue;
    svv += (values_[i] - mean_v) * (values_[i] - mean_v), svp += (values_[i] - mean_v) * (variance_[i] - mean_p);
    least = std::min(least, variance_[i]);
  }
  line_ = {mean_v, mean_p, svv > 0 ? std::max(0., svp / svv) : 0, std::min(least, mean_p) / 4};
  return true;
}

/// The line with the model in the place of v: what the model lacks, noise above all, no longer moves the weights.
void JointFit::weigh_by_model() {
  model_.assign(pixels_, 0);
  for (std::size_t i = 0; i < used_.size(); ++i) add_scaled(rows_of_.data() + used_[i] * pixels_, solution_[i], model_.data(), pixels_);
  weigh(model_.data(), variance_.data(), line_, weights_.data(), pixels_);
}

double JointFit::quality(std::span<const JointSource> sources) const {
  double sum = 0;
  int n = 0;
  const Box centre = about(sources[0], central_radius);
  for (int y = centre.y0; y < centre.y1; ++y)
    for (int x = centre.x0; x < centre.x1; ++x) {
      const std::size_t at = place(x, y);
      if (weights_[at] <= 0 || square(x - sources[0].x) + square(y - sources[0].y) > square(central_radius)) continue;
      double model = 0;
      for (std::size_t i = 0; i < used_.size(); ++i) model += solution_[i] * rows_of_[used_[i] * pixels_ + at];
      sum += std::abs(values_[at] - model) / std::sqrt(variance_[at]);
      ++n;
    }
  return n > 0 ? sum / n : nan;
}

Box JointFit::about(const JointSource& source, double radius) const {
  const auto low = [&](double v) { return static_cast<int>(std::ceil(v - radius - .01)); };
  const auto high = [&](double v) { return static_cast<int>(std::floor(v + radius + .01)) + 1; };
  return intersection(box_, {low(source.x), low(source.y), high(source.x), high(source.y)});
}

const JointResult& JointFit::fit(const CutOut& cutout, std::span<const JointSource> sources, double level, bool fit_level) & {
  JointResult& result = result_;
  result.solved = false;
  result.sky_slope = 0;
  result.pixels = 0;
  result.sky = level;
  result.flux = result.variance = result.quality = nan;
  result.fluxes.assign(sources.size(), nan), result.variances.assign(sources.size(), nan), result.covariances.assign(sources.size(), nan);
  collect(cutout, sources, level);
  rows_ = sources.size();
  used_.clear();
  for (const double w : weights_) result.pixels += w > 0;
  bool good_centre = false;
  const Box centre = about(sources[0], needed_radius);
  for (int y = centre.y0; y < centre.y1; ++y)
    for (int x = centre.x0; x < centre.x1; ++x) good_centre |= weights_[place(x, y)] > 0 && square(x - sources[0].x) + square(y - sources[0].y) <= square(needed_radius);
  if (!good_centre) return result;
  const bool smooth = options_.weights == Weights::smooth && draw_line();
  if (smooth) weigh_by_model();
  bool solved = solve(fit_level);
  for (int round = 0; solved && smooth && round < 2; ++round) {
    weigh_by_model();
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
