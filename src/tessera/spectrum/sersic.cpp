#include "tessera/spectrum/sersic.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <mutex>
#include <numbers>

namespace tessera::spectrum {
namespace {

/// Regularised lower incomplete gamma function P(a, x): series below a + 1, continued fraction above (Lentz).
double lower_gamma(double a, double x) {
  if (x <= 0) return 0;
  const double front = std::exp(a * std::log(x) - x - std::lgamma(a));
  if (x < a + 1) {
    double term = 1 / a, sum = term;
    for (int k = 1; k < 1000 && term > 1e-17 * sum; ++k) sum += term *= x / (a + k);
    return sum * front;
  }
  constexpr double tiny = 1e-300;
  double b = x + 1 - a, c = 1 / tiny, d = 1 / b, h = d;
  for (int k = 1; k < 1000; ++k) {
    const double an = -k * (k - a);
    b += 2;
    d = an * d + b, c = b + an / c;
    d = 1 / (std::abs(d) < tiny ? tiny : d), c = std::abs(c) < tiny ? tiny : c;
    h *= d * c;
    if (std::abs(d * c - 1) < 1e-15) break;
  }
  return 1 - front * h;
}

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

/// Least squares on some columns, by Gram and Schmidt with a second pass. A column that the others make up gets 0.
std::vector<double> least_squares(const std::vector<std::vector<double>>& columns, const std::vector<std::size_t>& chosen, const std::vector<double>& b) {
  const std::size_t n = chosen.size();
  std::vector<std::vector<double>> q, r(n, std::vector<double>(n));
  std::vector<double> x(n), rest = b, right(n);
  for (std::size_t j = 0; j < n; ++j) {
    auto v = columns[chosen[j]];
    const double length = std::sqrt(dot(v, v));
    for (int pass = 0; pass < 2; ++pass)
      for (std::size_t i = 0; i < j; ++i) {
        const double share = dot(q[i], v);
        r[i][j] += share;
        for (std::size_t k = 0; k < v.size(); ++k) v[k] -= share * q[i][k];
      }
    r[j][j] = std::sqrt(dot(v, v));
    const bool new_direction = r[j][j] > 1e-12 * length;
    for (double& e : v) e = new_direction ? e / r[j][j] : 0;
    if (!new_direction) r[j][j] = 0;
    right[j] = dot(v, rest);
    for (std::size_t k = 0; k < rest.size(); ++k) rest[k] -= right[j] * v[k];
    q.push_back(std::move(v));
  }
  for (std::size_t j = n; j-- > 0;) {
    double value = right[j];
    for (std::size_t k = j + 1; k < n; ++k) value -= r[j][k] * x[k];
    x[j] = r[j][j] > 0 ? value / r[j][j] : 0;
  }
  return x;
}

std::vector<double> variances(double n) {
  const auto logarithmic = [](double low, double high, int count) {
    std::vector<double> v;
    for (int k = 0; k < count; ++k) v.push_back(std::pow(10., low + (high - low) * k / (count - 1)));
    return v;
  };
  if (n > 0.95) return logarithmic(-6, 3.5, 32);
  auto v = logarithmic(-4, .5, 40);  // near one Gaussian widths must be told apart finely
  v.push_back(1 / (2 * std::numbers::ln2));
  return v;
}

}  // namespace

double sersic_b(double n) {
  double low = 1e-3, high = 2 * n + 1;
  for (int k = 0; k < 200; ++k) {
    const double middle = (low + high) / 2;
    (lower_gamma(2 * n, middle) < .5 ? low : high) = middle;
  }
  return (low + high) / 2;
}

double sersic_growth(double n, double r) { return lower_gamma(2 * n, sersic_b(n) * std::pow(r, 1 / n)); }

std::vector<double> non_negative_least_squares(const std::vector<std::vector<double>>& columns, const std::vector<double>& b) {
  const std::size_t n = columns.size();
  std::vector<double> x(n), rest = b;
  std::vector<std::size_t> passive;
  std::vector<bool> barred(n, false);  // came in and left at once: rounding alone would bring it back for ever
  const auto update = [&] {
    rest = b;
    for (const auto j : passive)
      for (std::size_t k = 0; k < rest.size(); ++k) rest[k] -= x[j] * columns[j][k];
  };
  for (std::size_t round = 0; round < 10 * n; ++round) {
    std::size_t best = n;
    double most = 1e-13 * std::sqrt(dot(b, b));
    for (std::size_t j = 0; j < n; ++j) {
      if (barred[j] || std::ranges::find(passive, j) != passive.end()) continue;
      if (const double gain = dot(columns[j], rest) / std::sqrt(dot(columns[j], columns[j])); gain > most) most = gain, best = j;
    }
    if (best == n) break;
    passive.push_back(best);
    for (std::size_t inner = 0; inner < 10 * n && !passive.empty(); ++inner) {
      const auto trial = least_squares(columns, passive, b);
      double step = 1;
      for (std::size_t i = 0; i < passive.size(); ++i)
        if (trial[i] <= 0) step = std::min(step, x[passive[i]] / (x[passive[i]] - trial[i] + 1e-300));
      for (std::size_t i = 0; i < passive.size(); ++i) x[passive[i]] += step * (trial[i] - x[passive[i]]);
      if (step == 1 && std::ranges::all_of(trial, [](double t) { return t > 0; })) break;
      std::erase_if(passive, [&](std::size_t j) {
        if (x[j] > 1e-15) return false;
        if (j == best) barred[j] = true;
        x[j] = 0;
        return true;
      });
    }
    update();
  }
  return x;
}

namespace {

std::vector<Gaussian> fitted_mixture(double n) {
  if (n <= 0.5) return {{1, 1 / (2 * std::numbers::ln2)}};
  const auto widths = variances(n);
  const double b = sersic_b(n);
  std::vector<double> radii, growth;
  constexpr int samples = 120;
  for (int k = 0; k < samples; ++k) radii.push_back(std::pow(10., -3 + 5.3 * k / (samples - 1)));  // 0.001 to 200 R_e
  for (const double r : radii) growth.push_back(lower_gamma(2 * n, b * std::pow(r, 1 / n)));
  growth.push_back(10);  // the total, ten times over: it is kept
  std::vector<std::vector<double>> columns;
  for (const double v : widths) {
    std::vector<double> c;
    for (const double r : radii) c.push_back(-std::expm1(-r * r / (2 * v)));
    c.push_back(10);
    columns.push_back(std::move(c));
  }
  const auto amplitudes = non_negative_least_squares(columns, growth);
  double sum = 0;
  for (const double a : amplitudes) sum += a;
  std::vector<Gaussian> mixture;
  for (std::size_t k = 0; k < widths.size(); ++k)
    if (amplitudes[k] > 1e-9 * sum) mixture.push_back({amplitudes[k] / sum, widths[k]});
  return mixture;
}

constexpr int tables = 56;  // n = 0.5, 0.6 … 6

/// Made once, when first asked for.
const std::vector<Gaussian>& table(int k) {
  static std::array<std::vector<Gaussian>, tables> made;
  static std::array<std::once_flag, tables> once;
  const auto at = static_cast<std::size_t>(k);
  std::call_once(once[at], [&] { made[at] = fitted_mixture(0.5 + 0.1 * k); });
  return made[at];
}

}  // namespace

std::vector<Gaussian> sersic_mixture(double n) {
  const double place = std::clamp((n - 0.5) * 10, 0., tables - 1.);
  const int below = std::min(static_cast<int>(place + 1e-9), tables - 1);
  const double part = place - below < 1e-6 ? 0 : place - below;
  std::vector<Gaussian> mixture;
  for (const auto& g : table(below)) mixture.push_back({(1 - part) * g.amplitude, g.variance});
  if (part == 0) return mixture;
  for (const auto& g : table(below + 1)) {
    const auto same = std::ranges::find(mixture, g.variance, &Gaussian::variance);
    if (same != mixture.end()) same->amplitude += part * g.amplitude;
    else mixture.push_back({part * g.amplitude, g.variance});
  }
  return mixture;
}

}  // namespace tessera::spectrum
