#include "tessera/photometry/correlated.h"

#include "tessera/base/error.h"

namespace tessera::photometry {

std::vector<double> correlated_covariance(std::span<const Image<float>> derivatives, View<const float> weight, View<const float> sigma, std::span<const double> inverse,
                                          std::span<const std::size_t> rows, const NoiseCorrelation& correlation) {
  const Box box = weight.box();
  const std::size_t n = derivatives.size(), wanted = rows.size();
  if (inverse.size() != n * n || sigma.box() != box) throw UsageError{"the planes of a covariance must have one box, and its matrix a row per parameter"};
  std::vector<Image<float>> sums;  // a_k σ
  for (const std::size_t k : rows) {
    Image<float>& a = sums.emplace_back(box);
    for (std::size_t j = 0; j < n; ++j) {
      if (derivatives[j].box() != box) throw UsageError{"the derivatives of a fit must have the box of its weights"};
      const auto c = static_cast<float>(inverse[k * n + j]);
      for (std::size_t i = 0; i < a.pixels().size(); ++i) a.pixels()[i] += c * derivatives[j].pixels()[i];
    }
    for (int y = box.y0; y < box.y1; ++y)
      for (int x = box.x0; x < box.x1; ++x) a(x, y) = weight(x, y) > 0 ? a(x, y) * weight(x, y) * sigma(x, y) : 0.0F;
  }
  const int reach = correlation.reach();
  std::vector<double> covariance(wanted * wanted, 0.0);
  for (int dy = -reach; dy <= reach; ++dy)
    for (int dx = -reach; dx <= reach; ++dx) {
      const auto rho = static_cast<double>(correlation(dx, dy));
      if (rho == 0) continue;
      const Box part = intersection(box, Box{box.x0 - dx, box.y0 - dy, box.x1 - dx, box.y1 - dy});
      for (std::size_t k = 0; k < wanted; ++k)
        for (std::size_t l = 0; l < wanted; ++l) {
          double sum = 0;
          for (int y = part.y0; y < part.y1; ++y) {
            const float* p = &sums[k](part.x0, y);
            const float* q = &sums[l](part.x0 + dx, y + dy);
            for (int x = 0; x < part.width(); ++x) sum += static_cast<double>(p[x] * q[x]);
          }
          covariance[k * wanted + l] += rho * sum;
        }
    }
  return covariance;
}

}  // namespace tessera::photometry
