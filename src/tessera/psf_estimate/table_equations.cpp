#include "tessera/psf_estimate/table_equations.h"

#include <algorithm>

namespace tessera::psf_estimate {
namespace {

constexpr int taps = psf::spline_taps;

/// One difference of third order: coefficients of neighbours (dx, dy).
struct Difference {
  int columns, rows;                    // beyond the anchor
  std::array<double, 4> along;          // of the powers of Δx
  std::array<double, 4> across;         // of Δy
  double weight;
};
constexpr std::array<Difference, 4> third{{{3, 0, {-1, 3, -3, 1}, {1, 0, 0, 0}, 1}, {2, 1, {1, -2, 1, 0}, {-1, 1, 0, 0}, 3}, {1, 2, {-1, 1, 0, 0}, {1, -2, 1, 0}, 3}, {0, 3, {1, 0, 0, 0}, {-1, 3, -3, 1}, 1}}};

}  // namespace

double dot(std::span<const double> a, std::span<const double> b) {
  // Four chains in a fixed order.
  double s[4] = {};
  std::size_t k = 0;
  for (; k + 4 <= a.size(); k += 4)
    for (std::size_t j = 0; j < 4; ++j) s[j] += a[k + j] * b[k + j];
  for (; k < a.size(); ++k) s[0] += a[k] * b[k];
  return (s[0] + s[1]) + (s[2] + s[3]);
}

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
            double* at = to + (l - j + reach) * width + (reach - i);
            for (int m = 0; m < taps; ++m) at[m] += row * t.x[static_cast<std::size_t>(m)];
          }
        }
    }
}

void BandMatrix::add(const BandMatrix& other, double factor) {
  for (std::size_t i = 0; i < a_.size(); ++i) a_[i] += factor * other.a_[i];
}

void BandMatrix::multiply(std::span<const double> x, std::span<double> out) const {
  const auto terms = static_cast<std::size_t>(shape_.terms), count = shape_.coefficients();
  const int side = shape_.side;
  for (int ky = 0; ky < side; ++ky)
    for (int kx = 0; kx < side; ++kx) {
      const auto k = static_cast<std::size_t>(ky) * static_cast<std::size_t>(side) + static_cast<std::size_t>(kx);
      const int y0 = std::max(0, ky - reach), y1 = std::min(side, ky + reach + 1), x0 = std::max(0, kx - reach), x1 = std::min(side, kx + reach + 1);
      for (std::size_t a = 0; a < terms; ++a) {
        double sum = 0;
        for (std::size_t b = 0; b < terms; ++b) {
          const double* from = a_.data() + ((k * terms + a) * terms + b) * band;
          const double* v = x.data() + b * count;
          for (int y = y0; y < y1; ++y) {
            const double* row = from + (y - ky + reach) * width + (x0 - kx + reach);
            const double* at = v + static_cast<std::ptrdiff_t>(y) * side + x0;
            for (int i = 0; i < x1 - x0; ++i) sum += row[i] * at[i];
          }
        }
        out[a * count + k] += sum;
      }
    }
}

double BandMatrix::diagonal(std::size_t unknown) const {
  const auto terms = static_cast<std::size_t>(shape_.terms), a = unknown / shape_.coefficients(), k = unknown % shape_.coefficients();
  return a_[((k * terms + a) * terms + a) * band + reach * width + reach];
}

Roughness::Roughness(TableShape shape, std::vector<double> of_differences, std::vector<double> of_values) : shape_{shape}, differences_{std::move(of_differences)}, values_{std::move(of_values)}, diagonal_{values_} {
  for_each_difference([&](std::size_t k, const Difference& d, double w) {
    for (int j = 0; j <= d.rows; ++j)
      for (int i = 0; i <= d.columns; ++i) {
        const double c = d.along[static_cast<std::size_t>(i)] * d.across[static_cast<std::size_t>(j)];
        diagonal_[k + static_cast<std::size_t>(j * shape_.side + i)] += w * c * c;
      }
  });
}

template <class F>
void Roughness::for_each_difference(F f) const {
  for (std::size_t term = 0; term < static_cast<std::size_t>(shape_.terms); ++term)
    for (const Difference& d : third)
      for (int y = 0; y + d.rows < shape_.side; ++y)
        for (int x = 0; x + d.columns < shape_.side; ++x) {
          const std::size_t first = term * shape_.coefficients(), middle = first + static_cast<std::size_t>((y + d.rows / 2) * shape_.side + x + d.columns / 2);
          f(first + static_cast<std::size_t>(y * shape_.side + x), d, d.weight * differences_[middle]);
        }
}

void Roughness::multiply(std::span<const double> x, std::span<double> out) const {
  for (std::size_t k = 0; k < x.size(); ++k) out[k] += values_[k] * x[k];
  for_each_difference([&](std::size_t k, const Difference& d, double w) {
    double sum = 0;
    for (int j = 0; j <= d.rows; ++j)
      for (int i = 0; i <= d.columns; ++i) sum += d.along[static_cast<std::size_t>(i)] * d.across[static_cast<std::size_t>(j)] * x[k + static_cast<std::size_t>(j * shape_.side + i)];
    sum *= w;
    for (int j = 0; j <= d.rows; ++j)
      for (int i = 0; i <= d.columns; ++i) out[k + static_cast<std::size_t>(j * shape_.side + i)] += d.along[static_cast<std::size_t>(i)] * d.across[static_cast<std::size_t>(j)] * sum;
  });
}

}  // namespace tessera::psf_estimate
