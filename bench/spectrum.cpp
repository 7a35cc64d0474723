// bench/spectrum.cpp — CPU time of joint fits of ten sources in a cut-out of 15 × 15 pixels, one thread: placing responses, local background, fit. Prints a table.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <random>
#include <vector>

#include "cpu_time.h"
#include "tessera/spectrum/joint_fit.h"
#include "tessera/spectrum/local_sky.h"
#include "tessera/spectrum/shape_response.h"

using namespace tessera;
using namespace tessera::spectrum;

namespace {

Image<float> zone_cells() {
  Image<float> cells{101, 101};
  for (int y = 0; y < 101; ++y)
    for (int x = 0; x < 101; ++x) cells(x, y) = static_cast<float>(std::pow(1 + ((x - 50.) * (x - 50.) + (y - 50.) * (y - 50.)) / 100, -3));
  return cells;
}

}  // namespace

int main() {
  constexpr int members = 10, cutouts = 2000;
  const auto response = ZoneResponse::from_cells(zone_cells(), 10, Placement::exact);
  std::mt19937 random{1};
  std::normal_distribution<float> normal;
  std::uniform_real_distribution<> place{8.0, 22.0};
  const Box window{0, 0, 31, 31};
  Image<float> image{window}, variance{window, 1.f};
  Image<std::uint8_t> good{window, 1};
  for (float& v : image.pixels()) v = normal(random);
  std::vector<std::pair<double, double>> places;
  for (int i = 0; i < members * cutouts; ++i) places.emplace_back(i % members ? place(random) : 15.3, i % members ? place(random) : 14.8);
  std::vector<Stamp> stamps(places.size());
  const double placing = median_of([&] {
    for (std::size_t i = 0; i < places.size(); ++i) stamps[i] = response.stamp(places[i].first, places[i].second);
  });
  double level = 0;
  const double sky = median_of([&] {
    for (int c = 0; c < cutouts; ++c) level += local_sky(image, good, 15, 15, {}).level;
  });
  const CutOut cutout{{8, 8, 23, 23}, image.view(), variance.view(), good.view()};
  double flux = 0;
  const auto fits = [&](Weights weights) {
    return median_of([&] {
      JointFit joint{{weights}};
      std::vector<JointSource> sources(members);
      for (int c = 0; c < cutouts; ++c) {
        for (int k = 0; k < members; ++k) {
          const auto i = static_cast<std::size_t>(c * members + k);
          sources[static_cast<std::size_t>(k)] = {places[i].first, places[i].second, &stamps[i]};
        }
        flux += joint.fit(cutout, sources, 0, false).flux;
      }
    });
  };
  const double plane = fits(Weights::plane), smooth = fits(Weights::smooth);
  const double n = cutouts * members;
  fmt::print("10 sources per cut-out of 15 × 15, CPU µs per cut-out: 10 responses {:.1f}, background {:.1f}, fit {:.1f} (smooth variance {:.1f})\n", 1e6 * placing / cutouts, 1e6 * sky / cutouts, 1e6 * plane / cutouts, 1e6 * smooth / cutouts);
  fmt::print("{:<70} {:>9.0f} k/cpu-s   target 150\n", "source-fits, every response placed anew", n / (placing + sky + plane) / 1e3);
  fmt::print("{:<70} {:>9.0f} k/cpu-s\n", "source-fits, smooth variance", n / (placing + sky + smooth) / 1e3);
  fmt::print("{:<70} {:>9.1f} k/cpu-s\n", "cut-outs (one reported flux each), responses placed once per source", cutouts / (placing / members + sky + plane) / 1e3);
  const std::vector<SersicShape> shapes{{1, 3, .6, 20}, {1, 15, .3, 70}, {2.5, 5, .8, 110}, {4, 10, .7, 150}, {6, 19, .4, 40}};
  constexpr int turns = 20;
  const std::array<double, 4> jacobian{-6.15 / 3600, 0, 0, 6.15 / 3600};
  sersic_mixture(1), sersic_mixture(2.5), sersic_mixture(4), sersic_mixture(6);
  float light = 0;
  const double zone = median_of([&] {
    for (int i = 0; i < turns; ++i) light += ShapeMaker{response, 18}.stamp(shapes[0], jacobian, 15.3, 14.8).values[0];
  });
  fmt::print("{:<70} {:>9.3f} ms\n", "a Sérsic source alone in its zone (n 1, R_e 3″): transform and response", 1e3 * zone / turns);
  const ShapeMaker maker{response, 18};
  for (const auto& shape : shapes) {
    const double each = median_of([&] {
      for (int i = 0; i < turns; ++i) light += maker.stamp(shape, jacobian, 15.3 + .01 * i, 14.8).values[0];
    });
    fmt::print("{:<70} {:>9.3f} ms\n", fmt::format("one more in the zone: n {}, R_e {}″, axis ratio {}", shape.n, shape.r_e_arcsec, shape.axis_ratio), 1e3 * each / turns);
  }
  return std::isfinite(flux + level + light) ? 0 : 1;
}
