// The pixel loops of a mosaic on one core, in output pixels per second (rejection: values of the stack per second).
#include <benchmark/benchmark.h>

#include <cmath>
#include <numbers>
#include <random>
#include <vector>

#include "tessera/coadd/sums.h"
#include "tessera/outlier/temporal.h"
#include "tessera/reproject/interpolation.h"

namespace {

using namespace tessera;

Frame sky(int side) {
  Frame frame{Box{0, 0, side, side}};
  std::mt19937 random{1};
  std::normal_distribution<float> noise{10, 1};
  for (float& v : frame.value.pixels()) v = noise(random);
  for (float& v : frame.variance.pixels()) v = 1;
  for (auto& g : frame.good.pixels()) g = 1;
  return frame;
}

// A frame turned by `degrees` about its middle, output pixels of `scale` of its pixels; the whole of it resampled again and again.
void resample(benchmark::State& state, double degrees, double scale, const reproject::InterpolationOptions& options) {
  const Frame frame = sky(1000);  // no power of two: rows would share lines of the cache
  const double angle = degrees * std::numbers::pi / 180, c = scale * std::cos(angle), s = scale * std::sin(angle), centre_x = 500.3, centre_y = 499.7;
  const int side = static_cast<int>(640 / scale);
  const double middle = side / 2.0, inverse = 1 / (scale * scale);
  const auto to_frame = wcs::affine(c, -s, centre_x - middle * (c - s), s, c, centre_y - middle * (c + s));
  const auto to_output = wcs::affine(c * inverse, s * inverse, middle - (c * centre_x + s * centre_y) * inverse, -s * inverse, c * inverse, middle - (c * centre_y - s * centre_x) * inverse);
  Resampled out{{0, 0, side, side}};
  for (auto _ : state) {
    reproject::resample(frame.view(), {*to_frame, *to_output}, options, out.view());
    benchmark::DoNotOptimize(out.value.pixels().data());
  }
  state.counters["pixels"] = benchmark::Counter(static_cast<double>(side) * side, benchmark::Counter::kIsIterationInvariantRate);
}

// Arguments: angle in degrees, output pixel side in hundredths of the input's.
void area_overlap(benchmark::State& state) { resample(state, static_cast<double>(state.range(0)), static_cast<double>(state.range(1)) / 100, {}); }
BENCHMARK(area_overlap)->ArgsProduct({{0, 13, 45, 77}, {100, 50, 200, 500}})->Unit(benchmark::kMillisecond);

// Argument: angle in degrees.
template <reproject::Interpolation Method>
void interpolate(benchmark::State& state) {
  resample(state, static_cast<double>(state.range(0)), 1, {.method = Method});
}
BENCHMARK(interpolate<reproject::Interpolation::lanczos3>)->Arg(0)->Arg(13)->Arg(45)->Unit(benchmark::kMillisecond);
BENCHMARK(interpolate<reproject::Interpolation::bilinear>)->Arg(0)->Arg(13)->Arg(45)->Unit(benchmark::kMillisecond);

// Arguments: angle in degrees, pixfrac in hundredths.
void drizzle(benchmark::State& state) {
  resample(state, static_cast<double>(state.range(0)), 1, {.method = reproject::Interpolation::drizzle, .pixfrac = static_cast<double>(state.range(1)) / 100});
}
BENCHMARK(drizzle)->ArgsProduct({{0, 13, 45}, {50, 80}})->Unit(benchmark::kMillisecond);

struct Stack {
  std::vector<Resampled> planes;
  std::vector<ResampledView> views;
  Stack(int depth, int side) {
    std::mt19937 random{2};
    std::normal_distribution<float> noise{0, 1};
    for (int k = 0; k < depth; ++k) {
      Resampled& r = planes.emplace_back(Box{0, 0, side, side});
      for (float& v : r.value.pixels()) v = noise(random) + (random() % 500 == 0 ? 100.0f : 0.0f);
      r.variance.reset(r.box(), 1);
      r.coverage.reset(r.box(), 1);
    }
    for (auto& r : planes) views.push_back(r.view());
  }
};

// Argument: depth of the stack.
void temporal(benchmark::State& state) {
  constexpr int side = 128;
  const int depth = static_cast<int>(state.range(0));
  Stack stack{depth, side};
  std::vector<Image<std::uint8_t>> flags;
  std::vector<View<std::uint8_t>> views;
  for (int k = 0; k < depth; ++k) flags.emplace_back(Box{0, 0, side, side});
  for (auto& f : flags) views.push_back(f.view());
  for (auto _ : state) outlier::flag_temporal(stack.views, {}, views);
  state.counters["values"] = benchmark::Counter(static_cast<double>(side) * side * depth, benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(temporal)->Arg(2)->Arg(5)->Arg(10)->Arg(30)->Arg(64)->Arg(100)->Arg(1000)->Unit(benchmark::kMillisecond);

void project_to_frame(benchmark::State& state) {
  constexpr int side = 256;
  Image<std::uint8_t> flags{Box{0, 0, side, side}}, rejected{Box{0, 0, 400, 400}};
  std::mt19937 random{3};
  for (auto& f : flags.pixels()) f = random() % 100 == 0;
  const auto map = wcs::affine(0.97, -0.22, 80, 0.22, 0.97, 30);
  for (auto _ : state) benchmark::DoNotOptimize(outlier::project_to_frame(flags, *map, {}, rejected));
  state.counters["pixels"] = benchmark::Counter(static_cast<double>(side) * side, benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(project_to_frame)->Unit(benchmark::kMillisecond);

// Argument: side of the tile.
void sums(benchmark::State& state) {
  const int side = static_cast<int>(state.range(0));
  Stack stack{4, side};
  coadd::Sums total;
  total.reset({0, 0, side, side});
  for (auto _ : state)
    for (const auto& v : stack.views) total.add(v, 1.5, 30, 0.1, 1.2);
  state.counters["pixels"] = benchmark::Counter(4.0 * side * side, benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(sums)->Arg(64)->Arg(256)->Arg(1024)->Unit(benchmark::kMillisecond);

}  // namespace
