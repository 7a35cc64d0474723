#include "tessera/discover/places.h"

#include <algorithm>
#include <cmath>

namespace tessera::discover {
namespace {

constexpr double root2 = 1.4142135623730951;
constexpr int widest = 20;  // pixels of a response that count

/// Correlation of the significances of white noise for sources `step` pixels apart along x.
double correlation(const psf::PointResponse& response, double step) {
  const int half = std::clamp(static_cast<int>(std::ceil(response.reach_pix())), 1, widest);
  double both = 0, one = 0, other = 0;
  for (int y = -half; y <= half; ++y)
    for (int x = -half; x <= half + 1; ++x) {
      const double a = response.at(x, y), b = response.at(x - step, y);
      both += a * b, one += a * a, other += b * b;
    }
  return one > 0 && other > 0 ? std::min(both / std::sqrt(one * other), 1.0) : 0;
}

}  // namespace

double islands(double correlation, double u) {
  constexpr int steps = 60;
  const double rest = std::sqrt(std::max(1 - correlation * correlation, 1e-12)), reach = 14 / u, across = rest * rest * root2;
  struct Neighbour {
    double value, chance;
  };
  std::vector<Neighbour> beside(steps);
  double result = 0, all = 0;
  for (int i = 0; i < steps; ++i) {
    // Here at z above u, with the normal density over its value at u; beside it at v above u, of mean correlation · z.
    const double z = u + reach * (i + 0.5) / steps, density = std::exp(0.5 * (u - z) * (u + z)), mean = correlation * z;
    const double from = std::max(u, mean - 6 * rest), width = std::max(mean + 6 * rest, u + 3 * rest) - from;
    double next = 0, square = 0;
    for (int j = 0; j < steps; ++j) {
      const double v = from + width * (j + 0.5) / steps, e = (v - mean) / rest;
      beside[static_cast<std::size_t>(j)] = {v, 0.3989422804014327 * std::exp(-0.5 * e * e) * width / (steps * rest)};
      next += beside[static_cast<std::size_t>(j)].chance;
    }
    for (const auto& a : beside)
      for (const auto& b : beside) square += a.chance * b.chance * 0.5 * std::erfc((u - correlation * (a.value + b.value - correlation * z)) / across);
    result += density * (1 - 2 * next + square), all += density;
  }
  return result / all;
}

double chances_of_places(const std::vector<const psf::PsfModel*>& responses, int n, double threshold, bool squares) {
  if (n == 1 || responses.empty()) return 1;
  double fine = 0, coarse = 0;
  psf::PointResponse workspace;
  for (const auto* r : responses) {
    const auto& response = r->at(0, 0, workspace);
    fine += correlation(response, 1.0 / n), coarse += correlation(response, 1);
  }
  const auto count = static_cast<double>(responses.size());
  fine /= count, coarse /= count;
  if (squares) fine *= fine, coarse *= coarse;
  return std::max(1.0, n * n * islands(fine, threshold) / islands(coarse, threshold));
}

}  // namespace tessera::discover
