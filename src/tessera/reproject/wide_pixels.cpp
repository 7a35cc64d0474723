#include "tessera/reproject/wide_pixels.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <vector>

namespace tessera::reproject {
namespace {

constexpr int steps = 400;     // of the integral, per output pixel
constexpr int reach = 5;       // of the Gaussian: 3.85 σ of a width of 1.3 pixels

/// Box of width 1 convolved with one of width r ≤ 1: a trapezoid.
double overlap(double x, double r) { return std::clamp(((1 + r) / 2 - std::abs(x)) / r, 0.0, 1.0); }

/// Width of what a frame pixel becomes, in output pixels; 0: a point.
double grain(const InterpolationOptions& options, double span) {
  if (options.method != Interpolation::drizzle) return 1 / span;
  switch (options.kernel) {
    case DropKernel::square:
    case DropKernel::turbo: return options.pixfrac / span;
    case DropKernel::gaussian:
    case DropKernel::point: return 0;  // the Gaussian drop is as narrow as a frame pixel, and takes part where its middle is
  }
  return 0;
}

std::function<double(double)> weight_along_axis(const InterpolationOptions& options, double span) {
  if (options.method == Interpolation::adaptive) {
    if (options.adaptive_kernel == AdaptiveKernel::hann) return [](double x) { return std::abs(x) < 1 ? 0.5 * (1 + std::cos(std::numbers::pi * x)) : 0.0; };
    return [w = options.adaptive_width](double x) { return std::exp(-2 * x * x / (w * w)); };
  }
  const double r = grain(options, span);
  if (r > 0) return [r](double x) { return overlap(x, r); };
  return [](double x) { return x >= -0.5 && x < 0.5 ? 1.0 : 0.0; };
}

}  // namespace

Image<float> wide_pixel_correlation(const InterpolationOptions& options, double span) {
  const auto weight = weight_along_axis(options, span);
  const auto at = [&](int i) { return weight((i + 0.5) / steps); };
  std::vector<double> rho(reach + 1);
  for (int d = 0; d <= reach; ++d)
    for (int i = -reach * steps; i < reach * steps; ++i) rho[static_cast<std::size_t>(d)] += at(i) * at(i - d * steps);
  for (int d = reach; d >= 0; --d) rho[static_cast<std::size_t>(d)] /= rho[0];
  Image<float> table{Box{-reach, -reach, reach + 1, reach + 1}};
  for (int y = -reach; y <= reach; ++y)
    for (int x = -reach; x <= reach; ++x) table(x, y) = static_cast<float>(rho[static_cast<std::size_t>(std::abs(x))] * rho[static_cast<std::size_t>(std::abs(y))]);
  return table;
}

}  // namespace tessera::reproject
