// The solve for all offsets of a large survey: 10 000 frames on a lattice, some 200 000 overlaps, with the covariance of every overlapping pair.
// Reports the time of the pairs and of the solve, and the largest resident size.
#include <sys/resource.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "tessera/background/offsets.h"

using namespace tessera;
using namespace tessera::background;

namespace {

double seconds_since(std::chrono::steady_clock::time_point began) { return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count(); }

double peak_gib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / (1 << 20);
}

/// A frame of `side`² cells around `level`, with cheap uniform noise.
CellMap frame(Box box, double level, std::uint32_t seed) {
  CellMap map{box, Image<float>{box}, Image<float>{box, 1.0F}, 4};
  std::mt19937 random{seed};
  for (auto& v : map.mean.pixels()) v = static_cast<float>(level) + 3.4641F * (static_cast<float>(random()) / static_cast<float>(std::mt19937::max()) - 0.5F);
  return map;
}

}  // namespace

/// bench_offsets [frames across] [cells across a frame] [cells between frames] [method: offset, plane]
int main(int argc, char** argv) {
  const int across = argc > 1 ? std::atoi(argv[1]) : 100, side = argc > 2 ? std::atoi(argv[2]) : 64, step = argc > 3 ? std::atoi(argv[3]) : 20;
  const bool plane = argc > 4 && argv[4] == std::string{"plane"};
  std::vector<CellMap> maps;
  for (int i = 0; i < across * across; ++i) {
    const int x = step * (i % across) + i * 7 % 5, y = step * (i / across) + i * 11 % 5;
    maps.push_back(frame({x, y, x + side, y + side}, std::sin(1.7 * i), static_cast<std::uint32_t>(i + 1)));
    if (plane) place_cells(maps.back(), *wcs::affine(4, 0, -4.0 * x, 0, 4, -4.0 * y), {0, 0, side * 4, side * 4});
  }
  BackgroundOptions options;
  if (plane) options.method = Method::plane;
  const double before = peak_gib();
  auto began = std::chrono::steady_clock::now();
  auto pairs = pair_differences(maps, options);
  const double pairs_s = seconds_since(began);
  began = std::chrono::steady_clock::now();
  const auto count = pairs.size();
  const auto solution = solve_offsets(maps, std::move(pairs), options);
  const double solve_s = seconds_since(began);
  double sum = 0;
  for (std::size_t i = 0; i < maps.size(); ++i) sum += std::pow((solution.offset[i] - std::sin(1.7 * static_cast<double>(i))) / solution.sigma[i], 2);
  std::printf("%zu frames, %zu overlaps: pairs %.2f s, solve with covariance %.2f s, %.2f GiB at most (%.2f of it the cells); width of the pulls %.3f\n", maps.size(), count,
              pairs_s, solve_s, peak_gib(), before, std::sqrt(sum / static_cast<double>(maps.size())));
}
