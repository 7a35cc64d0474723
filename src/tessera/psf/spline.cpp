#include "tessera/psf/spline.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace tessera::psf {
namespace {

/// From the weights of degree d − 1 at t past a knot to those of degree d, in place: b[0] … b[d].
template <std::size_t d>
void raise(double* b, double t) {
  constexpr double share = 1.0 / static_cast<double>(d);
  for (std::size_t j = d + 1; j-- > 0;) {
    const double before = j > 0 ? b[j - 1] : 0, here = j < d ? b[j] : 0;
    b[j] = ((t + static_cast<double>(d - j)) * before + (static_cast<double>(j + 1) - t) * here) * share;
  }
}

/// Weights of degree + 1 neighbouring coefficients.
template <std::size_t degree>
std::array<double, degree + 1> basis(double t) {
  std::array<double, degree + 1> b{1};
  [&]<std::size_t... k>(std::index_sequence<k...>) { (raise<k + 1>(b.data(), t), ...); }(std::make_index_sequence<degree>{});
  return b;
}

/// One pole of the inverse of the sampled spline, forwards and backwards, for a signal mirrored about its ends.
void recursive_pair(std::span<double> s, double pole) {
  const std::size_t n = s.size();
  const std::size_t reach = std::min(n, static_cast<std::size_t>(std::ceil(-40 / std::log10(std::abs(pole)))));
  double sum = 0, power = 1;
  if (reach < n) {
    for (std::size_t k = 0; k < reach; ++k, power *= pole) sum += power * s[k];
  } else {  // the whole mirrored period 2n − 2, summed exactly
    const double period = std::pow(pole, static_cast<double>(2 * n - 2));
    for (std::size_t k = 0; k < n; ++k, power *= pole) {
      const double mirrored = k == 0 || k == n - 1 ? 0 : std::pow(pole, static_cast<double>(2 * n - 2 - k));
      sum += (power + mirrored) * s[k];
    }
    sum /= 1 - period;
  }
  s[0] = sum;
  for (std::size_t k = 1; k < n; ++k) s[k] += pole * s[k - 1];
  s[n - 1] = pole / (pole * pole - 1) * (s[n - 1] + pole * s[n - 2]);
  for (std::size_t k = n - 1; k-- > 0;) s[k] = pole * (s[k + 1] - s[k]);
}

/// ∫ of each coefficient's spline from −∞ to v, added with `sign` to a row of weights: the primitive of degree 5 is a sum of degree 6.
void add_primitive(double v, double sign, std::span<double> row) {
  const double knot = std::floor(v);
  const auto b = basis<6>(v - knot);
  const int count = static_cast<int>(row.size());
  // Coefficient m sends its flux to the splines of degree 6 number m, m+1, …: those wholly passed count 1.
  double passed = 0;
  for (int j = 0; j < 7; ++j) passed += b[static_cast<std::size_t>(j)];
  double above = passed;
  const double first = knot - 3;
  if (first > count) {
    for (double& w : row) w += sign;
    return;
  }
  const int k0 = static_cast<int>(std::max(first, -10.0));
  for (int m = 0; m < std::min(k0, count); ++m) row[static_cast<std::size_t>(m)] += sign;
  if (first < -10) return;
  for (int j = 0; j < 7; ++j) {
    const int m = k0 + j;
    if (m >= 0 && m < count) row[static_cast<std::size_t>(m)] += sign * above;
    above -= b[static_cast<std::size_t>(j)];
  }
}

// 120 times the weights by powers of t: the recurrence of Cox and de Boor, written out.
constexpr double powers[6][6] = {{1, 26, 66, 26, 1, 0}, {-5, -50, 0, 50, 5, 0}, {10, 20, -60, 20, 10, 0}, {-10, 20, 0, -20, 10, 0}, {5, -20, 30, -20, 5, 0}, {-1, 5, -10, 10, -5, 1}};

}  // namespace

std::array<double, spline_taps> spline_weights_alone(double t) {
  std::array<double, spline_taps> value;
  std::copy_n(powers[5], spline_taps, value.begin());
  for (std::size_t d = 5; d-- > 0;)
    for (std::size_t j = 0; j < spline_taps; ++j) value[j] = value[j] * t + powers[d][j];
  for (double& v : value) v /= 120;
  return value;
}

SplineWeights spline_weights(double t) {
  SplineWeights w{spline_weights_alone(t), {}};
  for (std::size_t j = 0; j < spline_taps; ++j) {
    double slope = 5 * powers[5][j];
    for (std::size_t d = 4; d > 0; --d) slope = slope * t + static_cast<double>(d) * powers[d][j];
    w.slope[j] = slope / 120;
  }
  return w;
}

void to_coefficients(std::span<double> samples) {
  if (samples.size() < 2) return;
  const std::array<double, 2> poles{std::sqrt(67.5 - std::sqrt(4436.25)) + std::sqrt(26.25) - 6.5, std::sqrt(67.5 + std::sqrt(4436.25)) - std::sqrt(26.25) - 6.5};
  double gain = 1;
  for (const double z : poles) gain *= (1 - z) * (1 - 1 / z);
  for (double& s : samples) s *= gain;
  for (const double z : poles) recursive_pair(samples, z);
}

void to_coefficients(Image<double>& samples) {
  const Box box = samples.box();
  for (int y = box.y0; y < box.y1; ++y) to_coefficients(samples.row(y));
  std::vector<double> column(static_cast<std::size_t>(box.height()));
  for (int x = box.x0; x < box.x1; ++x) {
    for (int y = box.y0; y < box.y1; ++y) column[static_cast<std::size_t>(y - box.y0)] = samples(x, y);
    to_coefficients(column);
    for (int y = box.y0; y < box.y1; ++y) samples(x, y) = column[static_cast<std::size_t>(y - box.y0)];
  }
}

std::vector<double> spline_values(std::span<const double> positions, int count) {
  std::vector<double> matrix(positions.size() * static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < positions.size(); ++i) {
    const double u = positions[i];
    if (!(u >= -1e-9 && u <= count - 1 + 1e-9)) continue;
    const double knot = std::floor(u);
    const auto w = spline_weights(u - knot);
    for (int j = 0; j < spline_taps; ++j) {
      int k = static_cast<int>(knot) - 2 + j;
      if (count > 1) {
        k = std::abs(k) % (2 * count - 2);
        if (k >= count) k = 2 * count - 2 - k;
      } else {
        k = 0;
      }
      matrix[i * static_cast<std::size_t>(count) + static_cast<std::size_t>(k)] += w.value[static_cast<std::size_t>(j)];
    }
  }
  return matrix;
}

std::vector<double> spline_integrals(std::span<const double> positions, double width, int count) {
  std::vector<double> matrix(positions.size() * static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < positions.size(); ++i) {
    const std::span<double> row{matrix.data() + i * static_cast<std::size_t>(count), static_cast<std::size_t>(count)};
    add_primitive(positions[i] + width / 2, 1, row);
    add_primitive(positions[i] - width / 2, -1, row);
  }
  return matrix;
}

std::vector<double> cell_integrals(std::span<const double> positions, double width, int count) {
  std::vector<double> matrix(positions.size() * static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < positions.size(); ++i)
    for (int k = 0; k < count; ++k)
      matrix[i * static_cast<std::size_t>(count) + static_cast<std::size_t>(k)] =
          std::max(0.0, std::min(k + 0.5, positions[i] + width / 2) - std::max(k - 0.5, positions[i] - width / 2));
  return matrix;
}

}  // namespace tessera::psf
