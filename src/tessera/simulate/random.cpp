#include "tessera/simulate/random.h"

#include <cmath>
#include <numbers>

namespace tessera::simulate {

std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> c, std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * c[0];
    const std::uint64_t p1 = std::uint64_t{0xCD9E8D57u} * c[2];
    c = {static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ key[0], static_cast<std::uint32_t>(p1),
         static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ key[1], static_cast<std::uint32_t>(p0)};
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  return c;
}

Random::Random(std::uint64_t seed, Purpose purpose, std::uint64_t index)
    : key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)},
      counter_{0, static_cast<std::uint32_t>(purpose), static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32)} {}

std::uint32_t Random::bits() {
  if (used_ == 4) {
    block_ = philox(counter_, key_);
    ++counter_[0];
    used_ = 0;
  }
  return block_[static_cast<std::size_t>(used_++)];
}

double Random::uniform() {
  const std::uint64_t high = bits() >> 6, low = bits() >> 6;  // 26 + 26 bits; the half keeps 0 and 1 out
  return (static_cast<double>(high << 26 | low) + 0.5) * 0x1p-52;
}

std::uint64_t Random::below(std::uint64_t n) {
  // Values past the last whole multiple of n are drawn again, or small numbers would come a little too often.
  const std::uint64_t limit = ~std::uint64_t{0} - ~std::uint64_t{0} % n;
  for (;;) {
    const std::uint64_t high = bits();
    const std::uint64_t v = high << 32 | bits();
    if (v < limit) return v % n;
  }
}

double Random::normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_normal_;
  }
  const double radius = std::sqrt(-2.0 * std::log(uniform()));
  const double angle = 2.0 * std::numbers::pi * uniform();
  spare_normal_ = radius * std::sin(angle);
  has_spare_ = true;
  return radius * std::cos(angle);
}

namespace {

/// ln k! from a table for small k and Stirling's series beyond; lgamma would write a global sign from every thread.
double log_factorial(double k) {
  static const std::array<double, 16> small = [] {
    std::array<double, 16> t{};
    for (std::size_t i = 2; i < t.size(); ++i) t[i] = t[i - 1] + std::log(static_cast<double>(i));
    return t;
  }();
  if (k < 16) return small[static_cast<std::size_t>(k)];
  const double n = k + 1, r = 1 / n, r2 = r * r;
  return (n - 0.5) * std::log(n) - n + 0.91893853320467274178 + r * (1.0 / 12 - r2 * (1.0 / 360 - r2 / 1260));
}

double poisson_by_product(Random& random, double mean) {
  const double floor_of_product = std::exp(-mean);
  double count = 0;
  for (double product = random.uniform(); product > floor_of_product; product *= random.uniform()) ++count;
  return count;
}

/// Transformed rejection with squeeze, W. Hörmann 1993, Insurance: Mathematics and Economics 12, 39.
double poisson_by_rejection(Random& random, double mean) {
  const double b = 0.931 + 2.53 * std::sqrt(mean);
  const double a = -0.059 + 0.02483 * b;
  const double squeeze = 0.9277 - 3.6224 / (b - 2);
  for (;;) {
    const double u = random.uniform() - 0.5, v = random.uniform();
    const double s = 0.5 - std::abs(u);
    const double k = std::floor((2 * a / s + b) * u + mean + 0.43);
    if (s >= 0.07 && v <= squeeze) return k;
    if (k < 0 || (s < 0.013 && v > s)) continue;
    const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
    if (std::log(v * inverse_alpha / (a / (s * s) + b)) <= k * std::log(mean) - mean - log_factorial(k)) return k;
  }
}

}  // namespace

double Random::poisson(double mean) {
  if (!(mean > 0)) return 0;
  return mean < 10 ? poisson_by_product(*this, mean) : poisson_by_rejection(*this, mean);
}

double Random::power_law(double low, double high, double slope) {
  const double u = uniform(), e = 1 - slope;
  if (std::abs(e) < 1e-9) return low * std::pow(high / low, u);
  const double a = std::pow(low, e), b = std::pow(high, e);
  return std::pow(a + u * (b - a), 1 / e);
}

}  // namespace tessera::simulate
