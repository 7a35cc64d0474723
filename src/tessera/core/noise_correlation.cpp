#include "tessera/core/noise_correlation.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace tessera {
namespace {

/// ∫ √(r² − x²) dx.
double half_disc(double x, double r) {
  const double t = std::clamp(x / r, -1.0, 1.0);
  return 0.5 * r * r * (t * std::sqrt(1 - t * t) + std::asin(t));
}

/// Area of a rectangle inside a circle about the origin: between x0 and x1 the height is min(y1, h) − max(y0, −h), h = √(r² − x²).
double inside_circle(double x0, double x1, double y0, double y1, double r) {
  std::vector<double> cut{x0, x1, -r, r};
  for (const double y : {y0, y1})
    if (std::abs(y) < r) {
      const double x = std::sqrt(r * r - y * y);
      cut.insert(cut.end(), {-x, x});
    }
  std::sort(cut.begin(), cut.end());
  double area = 0;
  for (std::size_t k = 0; k + 1 < cut.size(); ++k) {
    const double a = std::max(cut[k], x0), b = std::min(cut[k + 1], x1), middle = 0.5 * (a + b);
    if (!(b > a) || std::abs(middle) >= r) continue;
    const double h = std::sqrt(r * r - middle * middle), disc = half_disc(b, r) - half_disc(a, r);
    if (std::min(y1, h) <= std::max(y0, -h)) continue;
    area += (h < y1 ? disc : y1 * (b - a)) + (-h > y0 ? disc : -y0 * (b - a));
  }
  return area;
}

}  // namespace

NoiseCorrelation::NoiseCorrelation(Image<float> rho) : rho_{std::move(rho)} {
  const Box box = rho_.box();
  const int r = box.x1 - 1;
  if (r < 0 || box != Box{-r, -r, r + 1, r + 1}) throw DataError{"a table of noise correlation must be square, with an odd number of pixels per side"};
  if (!(std::abs(rho_(0, 0) - 1) < 1e-5F)) throw DataError{"a table of noise correlation must be 1 in its middle"};
}

double NoiseCorrelation::large_aperture_variance() const {
  double sum = 0;
  for (const float rho : rho_.pixels()) sum += static_cast<double>(rho);
  return sum;
}

double variance_of_sum(View<const float> weight, View<const float> sigma, const NoiseCorrelation& correlation) {
  const Box box = weight.box();
  if (!sigma.box().contains(box)) throw UsageError{"an aperture reaches outside the uncertainty it is to be taken from"};
  Image<double> noise{box};
  for (int y = box.y0; y < box.y1; ++y)
    for (int x = box.x0; x < box.x1; ++x)
      if (weight(x, y) != 0) noise(x, y) = static_cast<double>(weight(x, y)) * static_cast<double>(sigma(x, y));
  const int reach = correlation.reach();
  double variance = 0;
  for (int y = box.y0; y < box.y1; ++y)
    for (int x = box.x0; x < box.x1; ++x) {
      if (noise(x, y) == 0) continue;
      const Box near = intersection(box, Box{x, y, x + 1, y + 1}.grown(reach));
      double shared = 0;
      for (int v = near.y0; v < near.y1; ++v)
        for (int u = near.x0; u < near.x1; ++u) shared += static_cast<double>(correlation(u - x, v - y)) * noise(u, v);
      variance += noise(x, y) * shared;
    }
  return variance;
}

Image<float> circular_aperture(double x, double y, double radius) {
  const auto first = [radius](double at) { return static_cast<int>(std::floor(at - radius + 0.5)); };
  const auto last = [radius](double at) { return static_cast<int>(std::ceil(at + radius - 0.5)); };
  Image<float> share{Box{first(x), first(y), last(x) + 1, last(y) + 1}};
  const Box box = share.box();
  for (int v = box.y0; v < box.y1; ++v)
    for (int u = box.x0; u < box.x1; ++u)
      share(u, v) = static_cast<float>(std::clamp(inside_circle(u - 0.5 - x, u + 0.5 - x, v - 0.5 - y, v + 0.5 - y, radius), 0.0, 1.0));
  return share;
}

}  // namespace tessera
