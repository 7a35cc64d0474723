#include "tessera/detect/combine.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include "tessera/base/error.h"

namespace tessera::detect {
namespace {

constexpr std::size_t most_bands = 128;
constexpr double step = 0.01, last = 35;  // of √χ²; exp(−35²/2) is still a normal number
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// P(χ²_k > 2h) for whole k, in closed form.
double upper_tail(int k, double h) {
  if (k == 0) return 0;
  const bool even = k % 2 == 0;
  double sum = even ? 0 : std::erfc(std::sqrt(h));
  double power = even ? 0 : 0.5, term = std::exp(-h) * (even ? 1 : std::sqrt(h) / std::tgamma(1.5));
  for (int i = 0; i < k / 2; ++i) {
    sum += term;
    power += 1;
    term *= h / power;
  }
  return sum;
}

double chance(std::size_t bands, double x) {
  double sum = 0, weight = std::pow(0.5, static_cast<double>(bands));
  for (std::size_t k = 0; k <= bands; ++k) {
    sum += weight * upper_tail(static_cast<int>(k), 0.5 * x * x);
    weight *= static_cast<double>(bands - k) / static_cast<double>(k + 1);
  }
  return sum;
}

/// z of P(normal > z) = p, by Newton's steps on the logarithm.
double normal_quantile(double p) {
  constexpr double root2 = 1.4142135623730951, density = 0.3989422804014327;
  double z = p < 0.5 ? std::sqrt(-2 * std::log(2 * p)) : 0;
  for (int i = 0; i < 60; ++i) {
    const double tail = 0.5 * std::erfc(z / root2);
    const double change = (std::log(tail) - std::log(p)) * tail / (density * std::exp(-0.5 * z * z));
    z += change;
    if (std::abs(change) < 1e-12) break;
  }
  return z;
}

/// σ that the larger of two independent normal variables exceeds as often as one exceeds this: a chance p becomes 1 − (1 − p)².
double larger_of_two(double z) {
  constexpr double root2 = 1.4142135623730951, asymptotic = 8;
  if (z >= asymptotic) return z - 0.6931471805599453 / (z + 1 / z);  // the chance doubles, and the logarithm of the tail falls by z + 1/z for each unit
  const double p = 0.5 * std::erfc(z / root2), below = 0.5 * std::erfc(-z / root2);
  const double above = p * (2 - p);
  return above < 0.5 ? normal_quantile(above) : -normal_quantile(below * below);
}

/// From √χ² of so many bands to σ.
class Scale {
 public:
  explicit Scale(std::size_t bands) {
    for (double x = 0; x <= last + step / 2; x += step) z_.push_back(normal_quantile(chance(bands, x)));
  }
  double operator()(double x) const {
    if (x >= last) return x - (last - z_.back()) * last / x;  // the difference falls as log x / x
    const double at = x / step;
    const auto i = std::min(static_cast<std::size_t>(at), z_.size() - 2);
    return z_[i] + (at - static_cast<double>(i)) * (z_[i + 1] - z_[i]);
  }

 private:
  std::vector<double> z_;
};

}  // namespace

Image<float> combined_significance(std::span<const Image<float>> bands) {
  if (bands.empty() || bands.size() > most_bands) throw UsageError{"a detection image is combined of 1 to 128 bands"};
  for (const auto& band : bands)
    if (band.box() != bands.front().box()) throw UsageError{"bands of a detection image must be of one size"};
  std::vector<std::optional<Scale>> scales(bands.size());  // of the numbers of bands that occur
  Image<float> combined{bands.front().box()};
  for (std::size_t i = 0; i < combined.pixels().size(); ++i) {
    double squares = 0;
    std::size_t n = 0;
    for (const auto& band : bands) {
      const double s = static_cast<double>(band.pixels()[i]);
      if (!std::isfinite(s)) continue;
      ++n;
      squares += std::max(s, 0.0) * std::max(s, 0.0);
    }
    if (n > 0 && !scales[n - 1]) scales[n - 1].emplace(n);
    combined.pixels()[i] = static_cast<float>(n == 0 ? nan : (*scales[n - 1])(std::sqrt(squares)));
  }
  return combined;
}

Image<float> flat_significance(std::span<const Image<float>> bands, std::span<const Image<float>> errors) {
  if (bands.empty() || bands.size() != errors.size()) throw UsageError{"a detection image is combined of one band or more, each with its errors"};
  Image<float> combined{bands.front().box()};
  for (std::size_t k = 0; k < bands.size(); ++k)
    if (bands[k].box() != combined.box() || errors[k].box() != combined.box()) throw UsageError{"bands of a detection image must be of one size"};
  for (std::size_t i = 0; i < combined.pixels().size(); ++i) {
    double sum = 0, weights = 0;
    for (std::size_t k = 0; k < bands.size(); ++k) {
      const double s = static_cast<double>(bands[k].pixels()[i]), e = static_cast<double>(errors[k].pixels()[i]);
      if (!std::isfinite(s) || !std::isfinite(e) || !(e > 0)) continue;
      sum += s / e, weights += 1 / (e * e);
    }
    combined.pixels()[i] = static_cast<float>(weights > 0 ? sum / std::sqrt(weights) : nan);
  }
  return combined;
}

Image<float> less_likely(const Image<float>& a, const Image<float>& b) {
  if (a.box() != b.box()) throw UsageError{"bands of a detection image must be of one size"};
  Image<float> combined{a.box()};
  for (std::size_t i = 0; i < combined.pixels().size(); ++i) {
    const float u = a.pixels()[i], v = b.pixels()[i];
    combined.pixels()[i] = std::isnan(u) ? v : std::isnan(v) ? u : static_cast<float>(larger_of_two(std::max(static_cast<double>(std::max(u, v)), -8.0)));
  }
  return combined;
}

}  // namespace tessera::detect
