#include "tessera/background/surface.h"

#include <array>

namespace tessera::background {
namespace {

constexpr int most = 5;

std::array<double, most> legendre(double x) {
  const double xx = x * x;
  return {1, x, 1.5 * xx - 0.5, (2.5 * xx - 1.5) * x, (4.375 * xx - 3.75) * xx + 0.375};
}

}  // namespace

void SurfaceBasis::values(double u, double v, std::span<double> out) const {
  const auto p = legendre(u), q = legendre(v);
  std::size_t k = 0;
  for (int degree = 0; degree <= order_; ++degree)
    for (int b = 0; b <= degree; ++b) out[k++] = p[static_cast<std::size_t>(degree - b)] * q[static_cast<std::size_t>(b)];
}

double SurfaceBasis::sum(double u, double v, std::span<const double> coefficients) const {
  std::array<double, most_surface_terms> term;
  values(u, v, term);
  double total = 0;
  for (std::size_t k = 0; k < coefficients.size(); ++k) total += coefficients[k] * term[k];
  return total;
}

}  // namespace tessera::background
