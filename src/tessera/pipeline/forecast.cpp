#include "tessera/pipeline/forecast.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <numeric>
#include <vector>

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
constexpr std::int64_t reserved_bytes = 48LL << 20;  // kept out of what is shared: code, libraries, plan, buffers
constexpr std::int64_t sums_bytes_per_pixel = 76;    // five sums, five planes, median and its gradient
constexpr std::int64_t median_bytes_per_pixel = 8;   // the two planes of a median beside the mean
constexpr std::int64_t stack_bytes_per_pixel = 31;   // at most: value, variance, coverage, one byte of flags; the (rotated) frame window

// What is met of resident size (docs/scale.md): not more than is shared, and mostly less.
constexpr double program_bytes = 20 << 20;
constexpr double plan_bytes_per_frame = 28e3;        // transformations, pixel maps, names
constexpr double frame_bytes_per_pixel = 9;          // float value, float variance, one byte good
constexpr double cell_bytes = 8, placed_cell_bytes = 16;
constexpr double kept_of_cells = 0.25;               // freed, in pieces that the allocator cannot give back
constexpr double sampled_cells = 2e6, sampled_cell_bytes = 20;
constexpr double mask_bytes_per_pixel = 0.15;        // of the frames: runs of rejected pixels, twice
constexpr double met_stack_bytes = 22, met_of_second_pass = 0.3;
constexpr std::int64_t planes_at_once = 3;           // mosaic, uncertainty and coverage, where stars are looked for
constexpr double product_buffers = 10 << 20, picture_work_bytes = 30;  // per pixel of a picture: values, copies to sort, colours

constexpr double picture_bytes_per_pixel = 2.7, report_bytes = 3e5;  // two PNG files and the same again, smaller, in the report; its text
constexpr double packed_empty_bytes = 0.0205;  // of an output pixel where no tile is made: two short streams and their place in the table
constexpr double packed_mask_bytes = 0.04;    // of a frame pixel

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

/// What is left of a byte when it is packed, measured on simulated stacks: of values with noise, of counts that hardly change from pixel to pixel, of bits.
struct Packing {
  double values = 1, counts = 1, bits = 1;
};
Packing packing(Compression how) {
  if (how == Compression::none) return {};
  return {how == Compression::rice ? 0.35 : 0.65, 0.15, 0.06};
}

/// Products of 32-bit pixels on the grid.
double plane_bytes(Compression how, double packed_planes, int planes, double covered, double all) {
  return how == Compression::none ? 4 * planes * all : 4 * packed_planes * covered + planes * packed_empty_bytes * (all - covered);
}

/// Pixels of a picture of the mosaic, which is averaged down by a whole factor.
double picture_pixels(const Plan& plan) {
  const int longest_side = picture::PictureOptions{}.max_side;
  const int factor = (std::max(plan.grid.width, plan.grid.height) + longest_side - 1) / std::max(1, longest_side);
  return static_cast<double>(plan.forecast.output_pixels) / (static_cast<double>(factor) * factor);
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
  const auto left = packing(how);
  const int counts = 2, values = plan.planes.count() - counts, bits = plan.context_planes + (products.rmask_mosaic ? 2 + schemes : 0), plain = options.extra.depth + options.extra.local_sky;
  return plane_bytes(how, values * left.values + counts * left.counts + bits * left.bits, values + counts + bits, covered, all) + plain * sizeof(float) * all +
         (products.rmasks ? static_cast<double>(plan.forecast.input_pixels) * (how == Compression::none ? sizeof(std::int16_t) : packed_mask_bytes) : 0) +
         (products.pictures ? picture_bytes_per_pixel * picture_pixels(plan) : 0) + (products.report ? report_bytes : 0);
}

/// Sky cells of all frames, which are held until the backgrounds are matched.
double cells(const Plan& plan, const MosaicOptions& options) {
  double sum = 0;
  if (options.background.method != background::Method::none)
    for (const auto& box : plan.on_grid) sum += static_cast<double>(box.area()) / (static_cast<double>(plan.cell_side) * plan.cell_side);
  return sum;
}

/// What the covariance of the offsets looks at: one cell of every step × step, step a power of two.
double matching_bytes(double all_cells) {
  double step = 1;
  while (all_cells > sampled_cells * step * step) step *= 2;
  return all_cells / (step * step) * sampled_cell_bytes;
}

/// Whether the resampled frames of a tile are held together.
bool stacks(const Plan& plan, const MosaicOptions& options) {
  const bool errors = options.background.uncertainty == background::Uncertainty::include && options.background.method != background::Method::none;
  return plan.two_pass || options.rejection.schemes() != 0 || options.products.median || options.products.std || plan.context_planes > 0 || errors || options.coadd.method != coadd::Method::mean;
}

/// The largest tiles that threads have at once.
double met_tile_bytes(const Plan& plan, const MosaicOptions& options, int threads) {
  const double per_frame = stacks(plan, options) ? met_stack_bytes + met_of_second_pass * static_cast<double>(plan.stack_bytes) : met_stack_bytes / 2;
  std::vector<double> bytes;
  for (std::int64_t t = 0; t < plan.lattice.count(); ++t)
    if (const auto depth = plan.tile_frames[static_cast<std::size_t>(t)].size()) {
      const Box box = plan.lattice.box(t);
      bytes.push_back(static_cast<double>(box.grown(plan.halo).area()) * per_frame * static_cast<double>(depth) +
                      static_cast<double>(box.area() * (sums_bytes_per_pixel + plan.context_planes * 2 * static_cast<std::int64_t>(sizeof(std::int32_t)))));
    }
  const auto n = std::min(bytes.size(), static_cast<std::size_t>(threads));
  std::partial_sort(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n), bytes.end(), std::greater<>{});
  return std::accumulate(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n), 0.0);
}

/// The stage that takes most: frames measured, backgrounds matched, tiles made, or products written.
double met_bytes(const Plan& plan, const MosaicOptions& options, int threads, std::int64_t memory_bytes) {
  const auto& f = plan.forecast;
  const auto shares = share_memory(memory_bytes);
  const FrameCache cache{plan.frames, shares.cache};
  double measuring = 0;
  for (const auto& frame : plan.frames) measuring = std::max(measuring, static_cast<double>(measuring_bytes(frame, options, cache)));
  const double pixels = static_cast<double>(f.input_pixels);
  const double always = program_bytes + static_cast<double>(plan.frames.size()) * plan_bytes_per_frame + std::min(static_cast<double>(shares.cache), pixels * frame_bytes_per_pixel);
  const double all_cells = cells(plan, options), of_cells = all_cells * (background::surface_order(options.background) > 0 ? placed_cell_bytes : cell_bytes);
  const double measured = of_cells + std::min(threads * measuring, static_cast<double>(shares.frames));
  const double matched = of_cells + matching_bytes(all_cells);
  const double later = kept_of_cells * of_cells + (options.rejection.schemes() != 0 ? mask_bytes_per_pixel * pixels : 0) +
                       (options.engine.save_every > 0 ? std::min(static_cast<double>(shares.results), scratch_bytes(plan)) : 0);
  const double rows = static_cast<double>(rows_bytes(plan));
  const double starred = rows + product_buffers;
  const double written = product_buffers + rows / planes_at_once + (options.products.pictures || options.products.report ? picture_work_bytes * picture_pixels(plan) : 0);
  return always + std::max({measured, matched, later + met_tile_bytes(plan, options, threads), later + starred, later + written});
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

std::int64_t rows_bytes(const Plan& plan) { return planes_at_once * plan.grid.width * plan.lattice.side * static_cast<std::int64_t>(sizeof(float)); }

double disk_of_grid(const Plan& plan) { return static_cast<double>(plan.grid.width) * plan.grid.height * 2 * bytes_per_pixel(plan); }

void forecast(Plan& plan, const MosaicOptions& options, int threads, std::int64_t memory_bytes) {
  auto& f = plan.forecast;
  for (const auto& frame : plan.frames) f.input_pixels += frame.box().area();
  f.output_pixels = static_cast<std::int64_t>(plan.grid.width) * plan.grid.height;
  for (const auto& file : large_gzip_files(plan.frames, memory_bytes)) f.unpacked_bytes += file.unpacked_bytes, ++f.unpacked_files;
  const double maps = map_bytes(plan, options);
  f.product_bytes = product_bytes(plan, options) + maps;
  // The most that can be: outlier maps are copied from the scratch folder, and tiles lie there as well, unless a short run holds them all in memory.
  f.disk_bytes = f.product_bytes + maps + scratch_bytes(plan) + static_cast<double>(f.unpacked_bytes);
  f.memory_bytes = met_bytes(plan, options, threads, memory_bytes);
  f.cpu_seconds = 0.1 + static_cast<double>(f.input_pixels) * cpu_seconds_per_input_pixel + covered_pixels(plan) * cpu_seconds_per_output_pixel;
}

}  // namespace tessera::pipeline
