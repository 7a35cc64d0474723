#include "tessera/cube/cube.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <map>

#include "tessera/base/error.h"
#include "tessera/base/files.h"
#include "tessera/base/text.h"
#include "tessera/cube/cube_layout.h"
#include "tessera/cube/cube_report.h"
#include "tessera/cube/plane_sums.h"
#include "tessera/cube/strip_offsets.h"
#include "tessera/io/tables.h"
#include "tessera/run/record.h"
#include "tessera/run/remote_files.h"

namespace tessera::cube {
namespace {

using run::Level;

constexpr double memory_share = 0.6;  // of the ceiling for planes; headers, maps and readers take the rest

/// Pieces of planes: some whole rows of one plane each, as many as memory and threads make sensible.
struct Pieces {
  int rows = 1, per_plane = 1;
  std::int64_t count = 0, bytes = 0;  ///< of one piece while it is made
};

/// Sums of a channel; of a band as well; and all exposures of a channel at once where they are clipped.
std::int64_t bytes_per_pixel(const CubePlan& plan, const CubeOptions& options) {
  std::map<int, std::int64_t> layers;
  std::int64_t most = 0;
  for (const auto& f : plan.frames)
    for (const auto& use : f.strips) most = std::max(most, ++layers[use.channel]);
  return PlaneSums::bytes_per_pixel * (options.channels.bands.empty() ? 1 : 2) + (options.coadd.clip > 0 ? most * PlaneSums::bytes_per_layer_pixel : 0);
}

Pieces divide(const CubePlan& plan, const CubeOptions& options, run::Context& context) {
  const auto budget = static_cast<std::int64_t>(memory_share * static_cast<double>(context.memory_bytes()));
  const int threads = context.pool().threads();
  const std::int64_t width = plan.setting.grid.width, height = plan.setting.grid.height, planes = static_cast<std::int64_t>(plan.planes.size());
  std::int64_t strip = 0;
  for (const auto& f : plan.frames)
    for (const auto& use : f.strips) strip = std::max(strip, use.in_frame.area());
  const std::int64_t reading = strip * PlaneSums::bytes_per_strip_pixel;
  const std::int64_t per_pixel = bytes_per_pixel(plan, options);
  const std::int64_t by_memory = std::max<std::int64_t>(1, (budget / threads - reading) / (width * per_pixel));
  const std::int64_t by_threads = std::max<std::int64_t>(64, height * planes / (8 * threads));
  Pieces pieces;
  pieces.rows = static_cast<int>(std::min({height, by_memory, by_threads}));
  pieces.per_plane = static_cast<int>((height + pieces.rows - 1) / pieces.rows);
  pieces.count = planes * pieces.per_plane;
  pieces.bytes = reading + pieces.rows * width * per_pixel;
  if (pieces.bytes > budget)
    throw SystemError{fmt::format("a row of the cube with its strip takes {}; the memory ceiling leaves {}: give a larger --memory, or make a smaller cube", text::format_bytes(static_cast<double>(pieces.bytes)),
                                  text::format_bytes(static_cast<double>(budget)))};
  return pieces;
}

std::int64_t cube_bytes(const CubePlan& plan, const CubeOptions& options) {
  return io::FitsCubes::bytes(options.coadd.wave_eff ? 6 : 5, plan.setting.grid.width, plan.setting.grid.height, static_cast<int>(plan.planes.size()));
}

void check_disk(const std::filesystem::path& where, std::int64_t bytes) {
  std::error_code error;
  const auto space = std::filesystem::space(where, error);
  if (!error && space.available < static_cast<std::uintmax_t>(bytes))
    throw SystemError{fmt::format("{}: the cube takes {}, and {} are free; ask for fewer planes or a smaller cube", where.string(), text::format_bytes(static_cast<double>(bytes)), text::format_bytes(static_cast<double>(space.available)))};
}

void tell_plan(const CubePlan& plan, const CubeOptions& options, const Pieces& pieces, run::Context& context) {
  const auto& g = plan.setting.grid;
  const auto empty = std::ranges::count(plan.exposures, 0);
  context.log(Level::info, fmt::format("cube of {} x {} pixels and {} planes about {:.5f} {:+.5f}, {}", g.width, g.height, plan.planes.size(), g.crval1_deg, g.crval2_deg, text::format_bytes(static_cast<double>(cube_bytes(plan, options)))));
  context.log(Level::info, fmt::format("{} of {} frames are on the target, {} show other sky or other channels, {} are left out; {} planes have no exposure", plan.frames.size(), plan.files.size(), plan.elsewhere,
                                       plan.left_out.size(), empty));
  context.log(Level::debug, fmt::format("{} pieces of {} rows, {} each", pieces.count, pieces.rows, text::format_bytes(static_cast<double>(pieces.bytes))));
}

/// Frames and their strips of each channel, in the frames' order.
using UsesByChannel = std::map<int, std::vector<std::pair<const CubeFrame*, const StripUse*>>>;

UsesByChannel uses_by_channel(const CubePlan& plan) {
  UsesByChannel uses;
  for (const int channel : plan.setting.channels) uses[channel];
  for (const auto& f : plan.frames)
    for (const auto& use : f.strips) uses[use.channel].emplace_back(&f, &use);
  return uses;
}

PlaneRows make_rows(const CubePlan& plan, const CubeOptions& options, const PlannedPlane& plane, Box rows, const UsesByChannel& uses, std::atomic<long>& clipped) {
  const auto of_channel = [&](int channel) {
    PlaneSums sums{rows, options.coadd};
    for (const auto& [frame, use] : uses.at(channel)) sums.add(*frame, *use, plan.setting, *plan.maps, *plan.calibration);
    auto done = std::move(sums).finish();
    clipped += sums.clipped();
    return done;
  };
  if (options.channels.bands.empty()) return of_channel(plane.parts.front().first);
  BandSums band{rows, options.coadd.wave_eff};
  for (const auto& [channel, weight] : plane.parts) band.add(of_channel(channel), weight);
  return std::move(band).finish(options.channels.band_coverage);
}

/// No data where a polygon does not reach.
void leave_out(const CubePlan& plan, PlaneRows& rows) {
  if (plan.inside.empty()) return;
  const auto first = static_cast<std::size_t>(rows.image.box().y0) * static_cast<std::size_t>(plan.setting.grid.width);
  for (std::size_t i = 0; i < rows.image.pixels().size(); ++i) {
    if (plan.inside[first + i]) continue;
    rows.image.pixels()[i] = rows.variance.pixels()[i] = NAN;
    rows.weight.pixels()[i] = 0, rows.hits.pixels()[i] = 0, rows.flags.pixels()[i] = 0;
    if (!rows.wave.empty()) rows.wave.pixels()[i] = NAN;
  }
}

/// Returns how many values were clipped.
long write_cube(const CubePlan& plan, const CubeOptions& options, const Pieces& pieces, const std::filesystem::path& path, run::Context& context) {
  const auto& grid = plan.setting.grid;
  io::FitsCubes file{path, primary_header(plan, options), cube_hdus(plan, options), grid.width, grid.height, static_cast<int>(plan.planes.size())};
  const auto uses = uses_by_channel(plan);
  std::atomic<long> clipped = 0;
  parallel::Budget budget{static_cast<std::int64_t>(memory_share * static_cast<double>(context.memory_bytes()))};
  context.stage("coadding strips", pieces.count);
  context.pool().for_each(pieces.count, [&](std::int64_t i) {
    const int z = static_cast<int>(i / pieces.per_plane), y0 = static_cast<int>(i % pieces.per_plane) * pieces.rows;
    const Box rows{0, y0, grid.width, std::min(grid.height, y0 + pieces.rows)};
    budget.acquire(pieces.bytes, "rows of a plane");
    struct Release {
      parallel::Budget& budget;
      std::int64_t bytes;
      ~Release() { budget.release(bytes); }
    } release{budget, pieces.bytes};
    auto done = make_rows(plan, options, plan.planes[static_cast<std::size_t>(z)], rows, uses, clipped);
    leave_out(plan, done);
    file.write(image_hdu, z, y0, done.image.pixels());
    file.write(variance_hdu, z, y0, done.variance.pixels());
    file.write(weight_hdu, z, y0, done.weight.pixels());
    file.write(hits_hdu, z, y0, done.hits.pixels());
    file.write(flags_hdu, z, y0, done.flags.pixels());
    if (options.coadd.wave_eff) file.write(wave_hdu, z, y0, done.wave.pixels());
    context.step();
  });
  file.close(cube_tables(plan));
  return clipped;
}

std::vector<run::InputRecord> inputs_of(const CubePlan& plan, const CubeOptions& options, run::Context& context) {
  if (options.product.input_checksums) return run::hash_files(plan.files, context);
  std::vector<run::InputRecord> records;
  for (const auto& file : plan.files) {
    records.push_back({file, 0, "", false});
    run::measure_input(records.back(), false);
  }
  return records;
}

}  // namespace

run::Outcome make_cube(const CubeRequest& request, const CubeOptions& options, param::OptionSet& settings, run::Context& outer, const CubeWatch& watch) {
  run::Recorder context{outer};
  run::RunClock clock{"cube", request.inputs};
  auto plan = make_plan(request, options, context);
  const auto pieces = divide(plan, options, context);
  tell_plan(plan, options, pieces, context);
  if (watch.planned) watch.planned(plan);
  if (request.dry_run) return run::Outcome::done;

  const auto asked = run::table_request("cube", request.inputs, plan.files, settings);
  if (request.take_complete && run::holds_complete_run(request.output, asked.plan_hash, plan.files)) {
    context.log(Level::info, fmt::format("{}: the cube was finished before the run was interrupted", request.output));
    if (watch.made) watch.made(std::move(plan));
    return run::Outcome::done;
  }
  run::OutputFolder folder{request.output, asked, request.overwrite};
  context.log_to(folder.product("tessera.log").string());
  check_disk(folder.path(), cube_bytes(plan, options));
  std::vector<run::ProductRecord> products;
  const auto cube = folder.product("cube.fits");
  if (options.coadd.match) match_strips(plan, options, context);
  const long clipped = write_cube(plan, options, pieces, cube, context);
  if (options.coadd.clip > 0) context.log(Level::info, fmt::format("{} values were left out as far from the median of their pixel", clipped));
  products.push_back({"cube.fits", run::datasums(cube)});
  run::write_table_product(exposure_table(plan), "exposures", io::TableFormat::ipac, folder, products);

  if (options.product.pictures) {
    const auto looks = draw_cube(plan, folder, context);
    clock.stop();
    write_cube_report(clock.record, plan, looks, settings, folder, context);
    products.push_back({"report.html", ""});
  }

  const auto inputs = inputs_of(plan, options, context);
  std::vector<std::pair<std::string, double>> results{{"frames", static_cast<double>(plan.frames.size())},
                                                      {"planes", static_cast<double>(plan.planes.size())},
                                                      {"planes_without_exposure", static_cast<double>(std::ranges::count(plan.exposures, 0))},
                                                      {"frames_left_out", static_cast<double>(plan.left_out.size())},
                                                      {"values_clipped", static_cast<double>(clipped)}};
  run::tell_traffic(context, results);
  run::publish_run(clock, asked.plan_hash, settings, inputs, products, results, folder, context);
  context.log(Level::info, fmt::format("{}: {} planes from {} frames, {}", request.output, plan.planes.size(), plan.frames.size(), text::format_duration(clock.record.wall_s)));
  if (watch.made) watch.made(std::move(plan));
  return context.outcome();
}

}  // namespace tessera::cube
