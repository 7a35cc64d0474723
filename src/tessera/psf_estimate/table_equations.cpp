#include "tessera/psf_estimate/table_equations.h"

#include <algorithm>

#include "tessera/base/clones.h"

namespace tessera::psf_estimate {
namespace {

constexpr int taps = psf::spline_taps;

/// One difference of third order: coefficients of neighbours (dx, dy).
struct Difference {
  int columns, rows;                    // beyond the anchor
  std::array<double, 4> along;          // of the powers of Δx
  std::array<double, 4> across;         // of Δy
  double weight;
  double at(int i, int j) const { return along[static_cast<std::size_t>(i)] * across[static_cast<std::size_t>(j)]; }
};
constexpr std::array<Difference, 4> third{{{3, 0, {-1, 3, -3, 1}, {1, 0, 0, 0}, 1}, {2, 1, {1, -2, 1, 0}, {-1, 1, 0, 0}, 3}, {1, 2, {-1, 1, 0, 0}, {1, -2, 1, 0}, 3}, {0, 3, {1, 0, 0, 0}, {-1, 3, -3, 1}, 1}}};

}  // namespace

TESSERA_CLONES double dot(std::span<const double> a, std::span<const double> b) {
  // Sixteen chains in a fixed order: sums wait for one another.
  constexpr std::size_t chains = 16;
  double s[chains] = {};
  std::size_t k = 0;
  for (; k + chains <= a.size(); k += chains)
    for (std::size_t j = 0; j < chains; ++j) s[j] += a[k + j] * b[k + j];
  for (; k < a.size(); ++k) s[0] += a[k] * b[k];
  for (std::size_t half = chains / 2; half > 0; half /= 2)
    for (std::size_t j = 0; j < half; ++j) s[j] += s[j + half];
  return s[0];
}

TESSERA_CLONES void add_scaled(std::span<const double> from, double factor, std::span<double> to) {
  for (std::size_t k = 0; k < from.size(); ++k) to[k] += factor * from[k];
}

namespace {

constexpr int lanes = 4;
typedef double Lanes __attribute__((vector_size(lanes * sizeof(double)), aligned(sizeof(double))));

/// Σ of `rows` rows of `row_lanes` vectors: of `a` one after another, of `x` `width` numbers apart.
template <int rows, int row_lanes>
double sum_of_products(const double* a, const double* x, std::size_t width) {
  Lanes sum[row_lanes] = {};
  for (int y = 0; y < rows; ++y, a += row_lanes * lanes, x += width)
    for (int i = 0; i < row_lanes; ++i) sum[i] += *reinterpret_cast<const Lanes*>(a + i * lanes) * *reinterpret_cast<const Lanes*>(x + i * lanes);
  Lanes all = sum[0];
  for (int i = 1; i < row_lanes; ++i) all += sum[i];
  return (all[0] + all[1]) + (all[2] + all[3]);
}

}  // namespace

BandMatrix::BandMatrix(TableShape shape) : shape_{shape}, a_(shape.unknowns() * static_cast<std::size_t>(shape.terms) * band, 0.0) {}

void BandMatrix::add(int kx, int ky, const Taps& t, std::span<const double> powers, double w) {
  const auto terms = static_cast<std::size_t>(shape_.terms);
  for (int j = 0; j < taps; ++j)
    for (int i = 0; i < taps; ++i) {
      const auto k = static_cast<std::size_t>(ky + j) * static_cast<std::size_t>(shape_.side) + static_cast<std::size_t>(kx + i);
      const double here = w * t.y[static_cast<std::size_t>(j)] * t.x[static_cast<std::size_t>(i)];
      for (std::size_t a = 0; a < terms; ++a)
        for (std::size_t b = 0; b < terms; ++b) {
          double* to = a_.data() + ((k * terms + a) * terms + b) * band;
          const double both = here * powers[a] * powers[b];
          for (int l = 0; l < taps; ++l) {
            const double row = both * t.y[static_cast<std::size_t>(l)];
            double* at = to + (l - j + reach) * stride + (reach - i);
            for (int m = 0; m < taps; ++m) at[m] += row * t.x[static_cast<std::size_t>(m)];
          }
        }
    }
}

void BandMatrix::add(const BandMatrix& other, double factor) {
  for (std::size_t i = 0; i < a_.size(); ++i) a_[i] += factor * other.a_[i];
}

TESSERA_CLONES void BandMatrix::multiply(std::span<const double> x, std::span<double> out) const {
  const auto terms = static_cast<std::size_t>(shape_.terms), count = shape_.coefficients(), side = static_cast<std::size_t>(shape_.side);
  // With zeros around, every coefficient has all its neighbours.
  const std::size_t wide = side + 2 * reach + 1, size = wide * (side + 2 * reach);
  std::vector<double> padded(terms * size, 0.0);
  for (std::size_t t = 0; t < terms; ++t)
    for (std::size_t y = 0; y < side; ++y) std::copy_n(x.data() + t * count + y * side, side, padded.data() + t * size + (y + reach) * wide + reach);
  static_assert(stride % lanes == 0);
  for (std::size_t ky = 0; ky < side; ++ky)
    for (std::size_t kx = 0; kx < side; ++kx) {
      const std::size_t k = ky * side + kx;
      for (std::size_t a = 0; a < terms; ++a) {
        double sum = 0;
        for (std::size_t b = 0; b < terms; ++b) sum += sum_of_products<width, stride / lanes>(a_.data() + ((k * terms + a) * terms + b) * band, padded.data() + b * size + ky * wide + kx, wide);
        out[a * count + k] += sum;
      }
    }
}

double BandMatrix::diagonal(std::size_t unknown) const {
  const auto terms = static_cast<std::size_t>(shape_.terms), a = unknown / shape_.coefficients(), k = unknown % shape_.coefficients();
  return a_[((k * terms + a) * terms + a) * band + reach * stride + reach];
}

Roughness::Roughness(TableShape shape, std::vector<double> of_differences, std::vector<double> of_values) : shape_{shape}, differences_{std::move(of_differences)}, values_{std::move(of_values)}, diagonal_{values_} {
  for_each_row([&](std::size_t k, const Difference& d, const double* weights, std::size_t number) {
    for (int j = 0; j <= d.rows; ++j)
      for (int i = 0; i <= d.columns; ++i) {
        const double c = d.at(i, j);
        for (std::size_t n = 0; n < number; ++n) diagonal_[k + static_cast<std::size_t>(j * shape_.side + i) + n] += d.weight * weights[n] * c * c;
      }
  });
}

/// Calls f(first coefficient, difference, weights, how many) for the differences that begin in one row.
template <class F>
void Roughness::for_each_row(F f) const {
  for (std::size_t term = 0; term < static_cast<std::size_t>(shape_.terms); ++term)
    for (const Difference& d : third)
      for (int y = 0; y + d.rows < shape_.side; ++y) {
        const std::size_t first = term * shape_.coefficients();
        f(first + static_cast<std::size_t>(y * shape_.side), d, differences_.data() + first + static_cast<std::size_t>((y + d.rows / 2) * shape_.side + d.columns / 2), static_cast<std::size_t>(shape_.side - d.columns));
      }
}

void Roughness::multiply(std::span<const double> x, std::span<double> out) const {
  for (std::size_t k = 0; k < x.size(); ++k) out[k] += values_[k] * x[k];
  std::vector<double> sums(static_cast<std::size_t>(shape_.side));
  for_each_row([&](std::size_t k, const Difference& d, const double* weights, std::size_t number) {
    const std::span<double> sum{sums.data(), number};
    std::fill(sum.begin(), sum.end(), 0.0);
    const auto place = [&](int i, int j) { return k + static_cast<std::size_t>(j * shape_.side + i); };
    for (int j = 0; j <= d.rows; ++j)
      for (int i = 0; i <= d.columns; ++i)
        if (d.at(i, j) != 0) add_scaled(x.subspan(place(i, j), number), d.at(i, j), sum);
    for (std::size_t n = 0; n < number; ++n) sum[n] *= d.weight * weights[n];
    for (int j = 0; j <= d.rows; ++j)
      for (int i = 0; i <= d.columns; ++i)
        if (d.at(i, j) != 0) add_scaled(sum, d.at(i, j), out.subspan(place(i, j), number));
  });
}

}  // namespace tessera::psf_estimate
