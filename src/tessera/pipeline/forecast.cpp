#include "tessera/pipeline/forecast.h"

#include <algorithm>
#include <bit>

#include "tessera/io/fits.h"
#include "tessera/pipeline/outlier_maps.h"
#include "tessera/pipeline/unpack.h"

namespace tessera::pipeline {
namespace {

using Compression = io::FitsWriter::Compression;

constexpr std::int64_t reserved_bytes = 48LL << 20;   // kept out of what is shared: code, libraries, headers, buffers
constexpr double program_bytes = 40 << 20;            // what of it is met
constexpr double plan_bytes_per_frame = 4e4;
constexpr std::int64_t frame_bytes_per_pixel = 9;     // float value, float variance, one byte good
constexpr std::int64_t sums_bytes_per_pixel = 76;     // five sums, five planes, median and its gradient
constexpr std::int64_t median_bytes_per_pixel = 8;    // the two planes of a median beside the mean
constexpr std::int64_t stack_bytes_per_pixel = 31;    // value, variance, coverage, one byte of flags; the (rotated) frame window

// Measured on one core of an Intel Xeon (2026) with simulated stacks of 100 × 256² and 24 × 2048².
constexpr double cpu_seconds_at_all = 0.5, cpu_seconds_per_frame = 0.012, cpu_seconds_per_input_pixel = 1.25e-7, cpu_seconds_per_covered_pixel = 2e-7;

constexpr double pictures_bytes = 2e6;
constexpr double packed_empty_bytes = 0.012;  // of an output pixel where no tile is made: two short streams and their place in the table

/// Output pixels of tiles that frames touch.
double covered_pixels(const Plan& plan) {
  double sum = 0;
  for (std::int64_t t = 0; t < plan.lattice.count(); ++t)
    if (!plan.tile_frames[static_cast<std::size_t>(t)].empty()) sum += static_cast<double>(plan.lattice.box(t).area());
  return sum;
}

/// What is left of a byte of float pixels with noise.
double packing(Compression how) { return how == Compression::none ? 1 : how == Compression::rice ? 0.3 : 0.85; }

/// One product of 32-bit pixels on the grid.
double plane_bytes(Compression how, double covered, double all) {
  return how == Compression::none ? 4 * all : 4 * covered * packing(how) + packed_empty_bytes * (all - covered);
}

double product_bytes(const Plan& plan, const MosaicOptions& options, double covered) {
  const auto how = options.products.compress;
  const auto all = static_cast<double>(plan.forecast.output_pixels);
  const int schemes = std::popcount(static_cast<unsigned>(options.rejection.schemes()));
  const int planes = plan.planes.count() + plan.context_planes + (options.products.rmask_mosaic ? 2 + schemes : 0) + options.extra.depth + options.extra.local_sky;
  return (options.products.pictures || options.products.report ? pictures_bytes : 0) + planes * plane_bytes(how, covered, all) +
         (options.products.rmasks ? static_cast<double>(plan.forecast.input_pixels) * (how == Compression::none ? 2 : 0.1) : 0);
}

/// Pixels of all outlier maps, when they are made.
double map_pixels(const Plan& plan, const MosaicOptions& options) {
  double sum = 0;
  if (options.products.outlier_maps && options.rejection.outlier_maps.empty())
    for (std::size_t f = 0; f < plan.frames.size(); ++f) sum += static_cast<double>(OutlierMaps::place(plan, f).area());
  return sum * (options.rejection.uses(outlier::Scheme::box) ? 2 : 1);
}

double cost_of_kernel(const reproject::InterpolationOptions& how) {
  switch (how.method) {
    case reproject::Interpolation::area: return 0;
    case reproject::Interpolation::drizzle: return 0.5;
    case reproject::Interpolation::adaptive: return 3;
    default: return 0.7;
  }
}

/// CPU of a run in units of a plain one's.
double cost(const Plan& plan, const MosaicOptions& options) {
  return 1 + cost_of_kernel(options.interpolation) + (plan.two_pass ? 0.5 + 0.4 * std::popcount(static_cast<unsigned>(options.rejection.schemes())) : 0);
}

}  // namespace

MemoryShares share_memory(std::int64_t ceiling_bytes) {
  const std::int64_t rest = std::max(ceiling_bytes - reserved_bytes, ceiling_bytes / 4);
  return {rest * 2 / 5, rest / 2, rest / 2};
}

std::int64_t tile_bytes(const Plan& plan) {
  const std::int64_t side = plan.lattice.side, grown = side + 2 * plan.halo, depth = plan.forecast.deepest_tile;
  // The context stands in memory twice: while it is marked, and as the bytes that are written.
  return grown * grown * (depth * (stack_bytes_per_pixel + plan.stack_bytes) + sums_bytes_per_pixel + (plan.planes.has(TileResult::median) ? median_bytes_per_pixel : 0)) +
         side * side * plan.context_planes * 2 * static_cast<std::int64_t>(sizeof(std::int32_t));
}

double disk_of_grid(const Plan& plan) {
  return static_cast<double>(plan.grid.width) * plan.grid.height * 2 * (plan.planes.count() + plan.context_planes) * sizeof(float);
}

void forecast(Plan& plan, const MosaicOptions& options, int threads, std::int64_t memory_bytes) {
  auto& f = plan.forecast;
  std::int64_t largest = 0;
  for (const auto& frame : plan.frames) {
    f.input_pixels += frame.box().area();
    largest = std::max(largest, frame.box().area());
  }
  f.output_pixels = static_cast<std::int64_t>(plan.grid.width) * plan.grid.height;
  for (const auto& file : large_gzip_files(plan.frames, memory_bytes)) f.unpacked_bytes += file.unpacked_bytes, ++f.unpacked_files;
  const double covered = covered_pixels(plan), maps = 4 * map_pixels(plan, options);
  // Two copies of every product stand on disk while the last step writes them: scratch tiles and FITS.
  f.product_bytes = product_bytes(plan, options, covered) + maps * packing(Compression::none);
  f.disk_bytes = f.product_bytes + 4 * covered * (plan.planes.count() + plan.context_planes) + maps + static_cast<double>(f.unpacked_bytes);

  const auto shares = share_memory(memory_bytes);
  const auto cached = std::min(shares.cache, f.input_pixels * frame_bytes_per_pixel);
  const auto measured = std::min(shares.frames, threads * largest * measuring_bytes_per_pixel);
  f.memory_bytes = program_bytes + static_cast<double>(plan.frames.size()) * plan_bytes_per_frame + static_cast<double>(cached + std::max(measured, threads * tile_bytes(plan)));
  f.cpu_seconds = cpu_seconds_at_all + static_cast<double>(plan.frames.size()) * cpu_seconds_per_frame +
                  cost(plan, options) * (static_cast<double>(f.input_pixels) * cpu_seconds_per_input_pixel + covered * cpu_seconds_per_covered_pixel);
}

}  // namespace tessera::pipeline
