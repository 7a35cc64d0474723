#include "tessera/pipeline/forecast.h"

#include <algorithm>
#include <bit>

#include "tessera/io/fits.h"
#include "tessera/picture/picture.h"
#include "tessera/pipeline/large_frame.h"
#include "tessera/pipeline/outlier_maps.h"
#include "tessera/pipeline/unpack.h"

namespace tessera::pipeline {
namespace {

using Compression = io::FitsWriter::Compression;

// Measured on one core with the simulated IRAC stack (bench/): only a forecast, said as such.
constexpr double cpu_seconds_per_input_pixel = 1.2e-7;
constexpr double cpu_seconds_per_output_pixel = 2e-7;
constexpr std::int64_t reserved_bytes = 48LL << 20;  // kept out of what is shared: code, libraries, headers, buffers
constexpr double program_bytes = 40 << 20;           // what of that is met
constexpr std::int64_t frame_bytes_per_pixel = 9;    // float value, float variance, one byte good
constexpr std::int64_t sums_bytes_per_pixel = 76;    // five sums, five planes, median and its gradient
constexpr std::int64_t median_bytes_per_pixel = 8;   // the two planes of a median beside the mean
constexpr std::int64_t stack_bytes_per_pixel = 31;   // value, variance, coverage, one byte of flags; the (rotated) frame window

constexpr double picture_bytes_per_pixel = 2.7, report_bytes = 3e5;  // two PNG files and the same again, smaller, in the report; its text
constexpr double packed_empty_bytes = 0.012;  // of an output pixel where no tile is made: two short streams and their place in the table
constexpr double packed_mask_bytes = 0.1;     // of a frame pixel

/// Output pixels of tiles that frames touch; the others are not made.
double covered_pixels(const Plan& plan) {
  double sum = 0;
  for (std::int64_t t = 0; t < plan.lattice.count(); ++t)
    if (!plan.tile_frames[static_cast<std::size_t>(t)].empty()) sum += static_cast<double>(plan.lattice.box(t).area());
  return sum;
}

double bytes_per_pixel(const Plan& plan) { return static_cast<double>(plan.planes.count() + plan.context_planes) * sizeof(float); }

/// Finished tiles, which may stand in the scratch folder until the products are written.
double scratch_bytes(const Plan& plan) { return covered_pixels(plan) * bytes_per_pixel(plan); }

/// What is left of a byte of float pixels with noise.
double packing(Compression how) { return how == Compression::none ? 1 : how == Compression::rice ? 0.3 : 0.85; }

/// One product of 32-bit pixels on the grid.
double plane_bytes(Compression how, double covered, double all) {
  return how == Compression::none ? 4 * all : 4 * covered * packing(how) + packed_empty_bytes * (all - covered);
}

/// Pictures are averaged down by a whole factor.
double picture_bytes(const Plan& plan, int longest_side) {
  const int factor = (std::max(plan.grid.width, plan.grid.height) + longest_side - 1) / std::max(1, longest_side);
  return picture_bytes_per_pixel * static_cast<double>(plan.forecast.output_pixels) / (static_cast<double>(factor) * factor);
}

/// All outlier maps, where they are made.
double map_bytes(const Plan& plan, const MosaicOptions& options) {
  double pixels = 0;
  if (options.products.outlier_maps && options.rejection.outlier_maps.empty())
    for (std::size_t f = 0; f < plan.frames.size(); ++f) pixels += static_cast<double>(OutlierMaps::place(plan, f).area());
  return pixels * sizeof(float) * (options.rejection.uses(outlier::Scheme::box) ? 2 : 1);
}

/// Of all products but outlier maps.
double product_bytes(const Plan& plan, const MosaicOptions& options) {
  const auto& products = options.products;
  const auto how = products.compress;
  const double covered = covered_pixels(plan), all = static_cast<double>(plan.forecast.output_pixels);
  const int schemes = std::popcount(static_cast<unsigned>(options.rejection.schemes()));
  const int packed = plan.planes.count() + plan.context_planes + (products.rmask_mosaic ? 2 + schemes : 0), plain = options.extra.depth + options.extra.local_sky;
  return packed * plane_bytes(how, covered, all) + plain * plane_bytes(Compression::none, covered, all) +
         (products.rmasks ? static_cast<double>(plan.forecast.input_pixels) * (how == Compression::none ? sizeof(std::int16_t) : packed_mask_bytes) : 0) +
         (products.pictures ? picture_bytes(plan, picture::PictureOptions{}.max_side) : 0) + (products.report ? report_bytes : 0);
}

}  // namespace

MemoryShares share_memory(std::int64_t ceiling_bytes) {
  const std::int64_t rest = std::max(ceiling_bytes - reserved_bytes, ceiling_bytes / 4);
  return {rest * 2 / 5, rest / 2, rest / 2, rest / 10};
}

std::int64_t tile_bytes(const Plan& plan) {
  const std::int64_t side = plan.lattice.side, grown = side + 2 * plan.halo, depth = plan.forecast.deepest_tile;
  // The context stands in memory twice: while it is marked, and as the bytes that are written.
  return grown * grown * (depth * (stack_bytes_per_pixel + plan.stack_bytes) + sums_bytes_per_pixel + (plan.planes.has(TileResult::median) ? median_bytes_per_pixel : 0)) +
         side * side * plan.context_planes * 2 * static_cast<std::int64_t>(sizeof(std::int32_t));
}

double disk_of_grid(const Plan& plan) { return static_cast<double>(plan.grid.width) * plan.grid.height * 2 * bytes_per_pixel(plan); }

void forecast(Plan& plan, const MosaicOptions& options, int threads, std::int64_t memory_bytes) {
  auto& f = plan.forecast;
  std::int64_t largest = 0;
  for (const auto& frame : plan.frames) {
    f.input_pixels += frame.box().area();
    largest = std::max<std::int64_t>(largest, frame.box().area());
  }
  f.output_pixels = static_cast<std::int64_t>(plan.grid.width) * plan.grid.height;
  for (const auto& file : large_gzip_files(plan.frames, memory_bytes)) f.unpacked_bytes += file.unpacked_bytes, ++f.unpacked_files;
  const double maps = map_bytes(plan, options);
  f.product_bytes = product_bytes(plan, options) + maps;
  // The most that can be: outlier maps are copied from the scratch folder, and tiles lie there as well, unless a short run holds them all in memory.
  f.disk_bytes = f.product_bytes + maps + scratch_bytes(plan) + static_cast<double>(f.unpacked_bytes);
  const auto shares = share_memory(memory_bytes);
  const auto cached = std::min(shares.cache, f.input_pixels * frame_bytes_per_pixel);
  const auto measured = std::min(std::max(shares.frames, largest * measuring_bytes_per_pixel), threads * largest * measuring_bytes_per_pixel);
  const auto results = std::min(shares.results, static_cast<std::int64_t>(scratch_bytes(plan)));
  // Frames are measured before there are tiles.
  f.memory_bytes = program_bytes + static_cast<double>(plan.frames.size()) * 4e4 + static_cast<double>(cached + std::max(measured, threads * tile_bytes(plan) + results));
  f.cpu_seconds = 0.1 + static_cast<double>(f.input_pixels) * cpu_seconds_per_input_pixel + static_cast<double>(f.output_pixels) * cpu_seconds_per_output_pixel;
}

}  // namespace tessera::pipeline
