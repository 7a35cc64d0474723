#include "tessera/detect/combine.h"

#include <algorithm>
#include <cmath>
#include <limits>
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

std::vector<View<const float>> views_of(std::span<const Image<float>> images) { return {images.begin(), images.end()}; }

void refuse_other_boxes(std::span<const View<const float>> bands, Box box) {
  for (const auto& band : bands)
    if (band.box() != box) throw UsageError{"bands of a detection image must be of one size"};
}

}  // namespace

double ChiScales::sigma(std::size_t bands, double x) {
  auto& table = tables_[bands];
  if (table.empty())
    for (double at = 0; at <= last + step / 2; at += step) table.push_back(normal_quantile(chance(bands, at)));
  if (x >= last) return x - (last - table.back()) * last / x;  // the difference falls as log x / x
  const double at = x / step;
  const auto i = std::min(static_cast<std::size_t>(at), table.size() - 2);
  return table[i] + (at - static_cast<double>(i)) * (table[i + 1] - table[i]);
}

Image<float> combined_significance(std::span<const View<const float>> bands, ChiScales& scales) {
  if (bands.empty() || bands.size() > most_bands) throw UsageError{"a detection image is combined of 1 to 128 bands"};
  const Box box = bands.front().box();
  refuse_other_boxes(bands, box);
  Image<float> combined{box};
  for (int y = box.y0; y < box.y1; ++y)
    for (int x = box.x0; x < box.x1; ++x) {
      double squares = 0;
      std::size_t n = 0;
      for (const auto& band : bands) {
        const double s = static_cast<double>(band(x, y));
        if (!std::isfinite(s)) continue;
        ++n;
        squares += std::max(s, 0.0) * std::max(s, 0.0);
      }
      combined(x, y) = static_cast<float>(n == 0 ? nan : scales.sigma(n, std::sqrt(squares)));
    }
  return combined;
}

Image<float> combined_significance(std::span<const Image<float>> bands) {
  ChiScales scales;
  return combined_significance(views_of(bands), scales);
}

Image<float> flat_significance(std::span<const View<const float>> bands, std::span<const View<const float>> errors) {
  if (bands.empty() || bands.size() != errors.size()) throw UsageError{"a detection image is combined of one band or more, each with its errors"};
  const Box box = bands.front().box();
  refuse_other_boxes(bands, box), refuse_other_boxes(errors, box);
  Image<float> combined{box};
  for (int y = box.y0; y < box.y1; ++y)
    for (int x = box.x0; x < box.x1; ++x) {
      double sum = 0, weights = 0;
      for (std::size_t k = 0; k < bands.size(); ++k) {
        const double s = static_cast<double>(bands[k](x, y)), e = static_cast<double>(errors[k](x, y));
        if (!std::isfinite(s) || !std::isfinite(e) || !(e > 0)) continue;
        sum += s / e, weights += 1 / (e * e);
      }
      combined(x, y) = static_cast<float>(weights > 0 ? sum / std::sqrt(weights) : nan);
    }
  return combined;
}

Image<float> flat_significance(std::span<const Image<float>> bands, std::span<const Image<float>> errors) { return flat_significance(views_of(bands), views_of(errors)); }

double largest_of(double sigma, double chances) {
  constexpr double root2 = 1.4142135623730951, asymptotic = 8;
  const double z = std::max(sigma, -asymptotic);
  if (z >= asymptotic) return z - std::log(chances) / (z + 1 / z);  // the chance is so many times larger, and the logarithm of the tail falls by z + 1/z for each unit
  const double p = 0.5 * std::erfc(z / root2), below = 0.5 * std::erfc(-z / root2);
  const double above = -std::expm1(chances * std::log1p(-p));
  return above < 0.5 ? normal_quantile(above) : -normal_quantile(std::pow(below, chances));
}

Image<float> less_likely(const Image<float>& a, const Image<float>& b) {
  if (a.box() != b.box()) throw UsageError{"bands of a detection image must be of one size"};
  Image<float> combined{a.box()};
  for (std::size_t i = 0; i < combined.pixels().size(); ++i) {
    const float u = a.pixels()[i], v = b.pixels()[i];
    combined.pixels()[i] = std::isnan(u) ? v : std::isnan(v) ? u : static_cast<float>(largest_of(static_cast<double>(std::max(u, v)), 2));
  }
  return combined;
}

}  // namespace tessera::detect
