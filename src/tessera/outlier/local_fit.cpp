#include "tessera/outlier/local_fit.h"

#include <algorithm>
#include <cmath>

namespace tessera::outlier {
namespace {

constexpr int rounds = 6;
constexpr double least_residual = 0.3;    // sigma; closer values weigh no more
constexpr double sigma_per_median = 1.4826;
constexpr std::size_t most_values = 64;

/// Nearer values count more, so that what a polynomial cannot follow enters and leaves smoothly.
double nearness(const Sample& s) {
  const double d = std::max(0.0, 1 - (s.x * s.x + s.y * s.y) / 1.5);
  return d * d;
}

double median_of(std::span<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// First residuals: from the median, but none below the median of them, so that only values far from all others begin with little weight.
void start(std::span<const Sample> samples, std::span<double> residual) {
  std::array<double, most_values> copy{};
  const std::span<double> some{copy.data(), samples.size()};
  for (std::size_t i = 0; i < samples.size(); ++i) some[i] = samples[i].value;
  const double middle = median_of(some);
  for (std::size_t i = 0; i < samples.size(); ++i) some[i] = residual[i] = std::abs(samples[i].value - middle);
  const double least = median_of(some);
  for (std::size_t i = 0; i < samples.size(); ++i) residual[i] = std::max(residual[i], least);
}

}  // namespace

/// Normal equations with their Cholesky factor.
struct LocalSurface::Normal {
  std::size_t n;
  std::array<Terms, most_terms> a{};
  Terms b{};

  void add(const Terms& t, double w, double v) {
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j <= i; ++j) a[i][j] += w * t[i] * t[j];
      b[i] += w * t[i] * v;
    }
  }
  bool factor() {
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j <= i; ++j) {
        double sum = a[i][j];
        for (std::size_t k = 0; k < j; ++k) sum -= a[i][k] * a[j][k];
        if (i != j) a[i][j] = sum / a[j][j];
        else if (sum > 1e-9 * a[i][i]) a[i][i] = std::sqrt(sum);
        else return false;
      }
    return true;
  }
  Terms solve() const {
    Terms x{};
    for (std::size_t i = 0; i < n; ++i) {
      x[i] = b[i];
      for (std::size_t k = 0; k < i; ++k) x[i] -= a[i][k] * x[k];
      x[i] /= a[i][i];
    }
    for (std::size_t i = n; i-- > 0;) {
      for (std::size_t k = i + 1; k < n; ++k) x[i] -= a[k][i] * x[k];
      x[i] /= a[i][i];
    }
    return x;
  }
};

double LocalSurface::value(double x, double y) const {
  const Terms t = terms_at(x, y);
  double v = 0;
  for (std::size_t k = 0; k < terms_; ++k) v += coefficients_[k] * t[k];
  return v;
}

double LocalSurface::leverage(double x, double y) const {
  Terms t = terms_at(x, y);
  double sum = 0;
  for (std::size_t i = 0; i < terms_; ++i) {
    for (std::size_t k = 0; k < i; ++k) t[i] -= root_[i][k] * t[k];
    t[i] /= root_[i][i];
    sum += t[i] * t[i];
  }
  return sum;
}

void LocalSurface::fit(std::span<const Sample> all) {
  const std::span<const Sample> samples = all.first(std::min(all.size(), most_values));
  const std::size_t n = samples.size();
  good_ = false;
  if (n < 6) return;
  terms_ = n >= 10 ? 6 : 3;
  std::array<double, most_values> residual{}, near{}, sigma{};
  Normal plain{.n = terms_};
  for (std::size_t i = 0; i < n; ++i) {
    sigma[i] = std::sqrt(samples[i].variance);
    near[i] = nearness(samples[i]);
    plain.add(terms_at(samples[i].x, samples[i].y), near[i], 0);
  }
  if (!plain.factor()) return;
  root_ = plain.a;
  start(samples, residual);
  for (int round = 0; round < rounds; ++round) {
    Normal normal{.n = terms_};
    for (std::size_t i = 0; i < n; ++i) {
      const double w = near[i] / (sigma[i] * std::max(residual[i], least_residual * sigma[i]));
      normal.add(terms_at(samples[i].x, samples[i].y), w, samples[i].value);
    }
    if (!normal.factor()) return;
    coefficients_ = normal.solve();
    for (std::size_t i = 0; i < n; ++i) residual[i] = std::abs(samples[i].value - value(samples[i].x, samples[i].y));
  }
  // As many values as there are terms lie on the polynomial whatever the noise.
  std::nth_element(residual.begin(), residual.begin() + static_cast<std::ptrdiff_t>(terms_), residual.begin() + static_cast<std::ptrdiff_t>(n));
  const double width = sigma_per_median * median_of(std::span{residual}.subspan(terms_, n - terms_));
  for (std::size_t i = 0; i < n; ++i) residual[i] = samples[i].variance;
  scatter_ = width * width;
  noise_ = median_of(std::span{residual}.first(n));
  good_ = true;
}

}  // namespace tessera::outlier
