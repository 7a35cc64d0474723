#include "tessera/pipeline/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <map>
#include <numbers>
#include <set>

#include "tessera/background/cells.h"
#include "tessera/base/files.h"
#include "tessera/base/version.h"
#include "tessera/io/fits.h"
#include "tessera/io/tables.h"
#include "tessera/outlier/frame_test.h"
#include "tessera/pipeline/backgrounds.h"
#include "tessera/pipeline/context_image.h"
#include "tessera/pipeline/forecast.h"
#include "tessera/pipeline/frame_cache.h"
#include "tessera/pipeline/grid_from_file.h"
#include "tessera/pipeline/outlier_maps.h"
#include "tessera/pipeline/pixel_flux.h"

namespace tessera::pipeline {
namespace {

constexpr double most_side_ratio = 8;  // of frame pixels on the grid, largest over median
constexpr std::int64_t two_pass_bytes_per_pixel = 7;  // flags of a second scheme; bits of all, and rejected pixels twice, on the (rotated) window

/// What is asked of headers once frames are open; whole ones, kept for thousands of frames, would be most of a plan's memory.
Header asked_later(const Header& all, const MovingOptions& moving) {
  Header few;
  for (const std::string_view key : {std::string_view{"OBJECT"}, std::string_view{moving.ra_card}, std::string_view{moving.dec_card}})
    if (const Card* card = all.find(key)) few.add(*card);
  return few;
}

/// Opens every frame's headers. With on_bad_frame = skip a refused one is named and left out.
void open_frames(Plan& plan, const std::vector<instrument::FrameNames>& names, const MosaicOptions& options,
                 const instrument::ProfileSet& profiles, run::Context& context) {
  std::vector<instrument::FrameFile> opened(names.size());
  std::vector<std::string> refused(names.size()), stamps(names.size());
  context.stage("reading headers", static_cast<std::int64_t>(names.size()));
  context.pool().for_each(static_cast<std::int64_t>(names.size()), [&](std::int64_t i) {
    const auto at = static_cast<std::size_t>(i);
    try {
      opened[at] = instrument::open_frame(names[at], options.input, profiles);
      opened[at].header = asked_later(opened[at].header, options.moving);
      stamps[at] = file_stamps(opened[at]);
    } catch (const DataError& error) {
      if (options.input.on_bad_frame == instrument::OnBadFrame::stop) throw;
      refused[at] = error.what();
    }
    context.step();
  });
  for (std::size_t i = 0; i < opened.size(); ++i) {
    if (refused[i].empty())
      plan.frames.push_back(std::move(opened[i])), plan.names.push_back(names[i]), plan.stamps.push_back(std::move(stamps[i]));
    else
      plan.skipped.push_back(refused[i]);
  }
  if (!options.rejection.fatal_bits.empty())
    for (auto& frame : plan.frames)
      if (frame.rmask) frame.rmask->fatal_bits = options.rejection.fatal();
  if (plan.frames.empty()) throw DataError{fmt::format("no usable frame among {} inputs; the first was refused so: {}", names.size(), plan.skipped.front())};
}

wcs::Grid settle_grid(const std::vector<wcs::Footprint>& outlines, const MosaicOptions& options) {
  if (options.grid.file.empty()) {
    const auto grid = wcs::fiducial_grid(outlines, options.grid);
    return options.geometry.margin > 0 && options.grid.size.empty() ? wcs::grown(grid, options.geometry.margin) : grid;
  }
  const auto grid = grid_from_file(options.grid.file);
  return options.grid.file_pixels == wcs::FilePixels::resize ? wcs::resized(grid, outlines, options.grid) : grid;
}

std::vector<wcs::Footprint> footprints(const Plan& plan) {
  std::vector<wcs::Footprint> all;
  all.reserve(plan.frames.size());
  for (const auto& frame : plan.frames) all.push_back(wcs::footprint(frame.wcs, frame.width, frame.height));
  return all;
}

/// Longer side of a frame pixel in output pixels, the largest of the frame's middle and corners; 0 when none has a place there. Taken where
/// the frame is: far from its reference point a grid's pixels may be of another size.
double side_on_grid(const instrument::FrameFile& frame, const wcs::SkyWcs& grid) {
  const double right = frame.width - 1, top = frame.height - 1;
  double longest = 0;
  for (const wcs::PixelPoint p : {wcs::PixelPoint{right / 2, top / 2}, {0, 0}, {right, 0}, {0, top}, {right, top}}) {
    const auto here = grid.sky_to_pixel(frame.wcs.pixel_to_sky(p));
    for (const wcs::PixelPoint q : {wcs::PixelPoint{p.x + 1, p.y}, {p.x, p.y + 1}}) {
      const auto there = grid.sky_to_pixel(frame.wcs.pixel_to_sky(q));
      const double side = std::hypot(there.x - here.x, there.y - here.y);
      if (side > longest) longest = side;  // false for NaN
    }
  }
  return longest;
}

[[noreturn]] void refuse_no_overlap(const Plan& plan, const std::string& grid_file) {
  throw DataError{fmt::format("none of the {} frames overlaps the output grid{}; check grid.file and grid.center", plan.frames.size(),
                              grid_file.empty() ? "" : " of " + grid_file)};
}

/// The box of output pixels inside a frame's outline, grown by the size of a frame pixel so that curved borders are held.
Box box_on_grid(const wcs::Footprint& outline, const wcs::SkyWcs& grid, Box whole, int margin) {
  std::vector<double> ra, dec, x(outline.border.size()), y(outline.border.size());
  for (const auto& p : outline.border) {
    ra.push_back(p.ra_deg);
    dec.push_back(p.dec_deg);
  }
  grid.sky_to_pixel(ra, dec, x, y);
  double x0 = INFINITY, x1 = -INFINITY, y0 = INFINITY, y1 = -INFINITY;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (!std::isfinite(x[i]) || !std::isfinite(y[i])) continue;
    x0 = std::min(x0, x[i]), x1 = std::max(x1, x[i]);
    y0 = std::min(y0, y[i]), y1 = std::max(y1, y[i]);
  }
  if (!(x1 >= x0)) return {};
  const auto clamp = [](double v) { return static_cast<int>(std::clamp(v, -1e9, 1e9)); };
  const Box box{clamp(std::floor(x0 + 0.5)), clamp(std::floor(y0 + 0.5)), clamp(std::floor(x1 + 0.5)) + 1, clamp(std::floor(y1 + 0.5)) + 1};
  return intersection(box.grown(margin), whole);
}

/// The largest tile, up to 256 pixels, whose stack fits the memory ceiling on every thread.
void choose_tiles(Plan& plan, const EngineOptions& options, run::Context& context) {
  const int longest = std::max(plan.grid.width, plan.grid.height);
  plan.lattice = {plan.grid.width, plan.grid.height, std::min(longest, options.tile_size > 0 ? options.tile_size : 256)};
  assign_tiles(plan);
  const std::int64_t share = share_memory(context.memory_bytes()).tiles / context.pool().threads();
  const auto fits = [&] { return tile_bytes(plan) <= share; };
  const auto rows_fit = [&] { return rows_bytes(plan) <= share_memory(context.memory_bytes()).tiles; };
  while (plan.lattice.side > 16 && !(fits() && rows_fit())) {
    plan.lattice.side = std::max(16, plan.lattice.side / 2);
    assign_tiles(plan);
  }
  if (!fits())
    throw SystemError{fmt::format("{} frames lie on one tile of {} × {} pixels and need {} per thread, more than the memory ceiling of {} allows; raise --memory, or use fewer --threads",
                                  plan.forecast.deepest_tile, plan.lattice.side, plan.lattice.side,
                                  text::format_bytes(static_cast<double>(tile_bytes(plan))),
                                  text::format_bytes(static_cast<double>(context.memory_bytes())))};
}

/// Whether anything of the run depends on how noisy the frames are.
bool asks_for_noise(const MosaicOptions& options) {
  using coadd::Weighting;
  const auto weights = options.coadd.weights;
  const bool weighs = coadd::weighted(options.coadd.method) && weights != Weighting::coverage && weights != Weighting::exposure;
  const bool compares = options.rejection.schemes() != 0 || options.background.method != background::Method::none;
  return options.input.scale_noise || weighs || compares || options.products.report || options.products.star_check;
}

/// Of options, version and files that options name: what all frames have in common.
std::string options_text(const std::string& grid_file, const param::OptionSet& settings) {
  static const std::set<std::string> without_effect = {"output.path", "output.overwrite", "mopex.output", "output.pictures", "output.rmasks", "output.rmask_mosaic", "output.report", "output.correlation", "output.star_check", "output.input_checksums", "output.compress"};
  std::string all = fmt::format("tessera {}\n", version());
  for (const auto& s : settings.settings())
    if (!without_effect.count(s.key) && !s.key.starts_with("run.")) all += fmt::format("{}={}\n", s.key, s.value);
  for (const auto& s : settings.settings())
    if (s.key == "background.offsets" && !s.value.empty()) all += fmt::format("offsets {}\n", files::sha256_file(s.value));
  if (!grid_file.empty()) all += fmt::format("grid {}\n", files::sha256_file(grid_file));
  return all;
}

/// What is settled of one frame: a profile may change, or what the set of frames has in common.
std::string frame_text(const Plan& plan, std::size_t i) {
  const auto& f = plan.frames[i];
  const auto& box = plan.on_grid[i];
  std::string text = fmt::format("{}[{}] {}\nfatal {} noise {} unit {} {} area {} on {} {} {} {}\n", f.image.path.string(), f.image.hdu, plan.stamps[i], f.fatal_bits, static_cast<int>(f.noise), f.unit,
                                 f.unit_factor, f.pixel_area_sr, box.x0, box.y0, box.x1, box.y1);
  if (f.pmask) text += fmt::format("pmask bits {}\n", f.pmask->fatal_bits);
  if (!plan.moving.empty()) text += fmt::format("object {} {} {} {}\n", plan.moving.position[i].ra_deg, plan.moving.position[i].dec_deg, plan.moving.fixed.ra_deg, plan.moving.fixed.dec_deg);
  return text;
}

std::string names_text(const std::vector<instrument::FrameNames>& names) {
  std::string text;
  for (const auto& n : names)
    text += fmt::format("{}[{}] {} {} {} {}\n", n.image.string(), n.hdu, n.sigma.string(), n.mask.string(), n.rmask.string(), n.pmask.string());
  return text;
}

/// Hashes of the request, of each frame, and of everything.
void settle_hashes(Plan& plan, const std::vector<instrument::FrameNames>& given, const std::string& grid_file, const param::OptionSet& settings, run::Context& context) {
  const auto options = options_text(grid_file, settings);
  plan.request = files::sha256(options + names_text(given));
  const auto common = files::sha256(fmt::format("{}{}unit {} cells {} timed {} frame pixel {} reach {} {} {} {} noise {}\n", options, plan.grid.header().cards80(), plan.unit, plan.cell_side, plan.timed, plan.frame_pixel,
                                                plan.reach, plan.taken, plan.halo, plan.coadd_halo, plan.noise_measured));
  plan.frame_keys.resize(plan.frames.size());
  context.pool().for_each(static_cast<std::int64_t>(plan.frames.size()), [&](std::int64_t i) {
    const auto at = static_cast<std::size_t>(i);
    plan.frame_keys[at] = files::sha256(common + frame_text(plan, at)).substr(0, 32);
  });
  std::string all = common;
  for (const auto& key : plan.frame_keys) all += key;
  plan.hash = files::sha256(all);
}

/// Frames of median size cover 64 × 64 cells.
int cells_of(const Plan& plan) {
  std::vector<double> across;
  for (const auto& f : plan.frames) across.push_back(std::max(f.width, f.height));
  const auto middle = across.begin() + static_cast<std::ptrdiff_t>(across.size() / 2);
  std::nth_element(across.begin(), middle, across.end());
  return background::cell_side(*middle, plan.input_over_output_pixel);
}

/// What the coadd needs of the headers, and what of the request has no effect or a known cost.
void settle_coadd(Plan& plan, const MosaicOptions& options) {
  const auto& coadd = options.coadd;
  if (options.products.std) plan.planes.add(TileResult::deviation);
  if (options.products.median)
    for (const auto plane : {TileResult::median, TileResult::median_uncertainty}) plan.planes.add(plane);
  if (options.products.context) plan.context_planes = context_planes(plan.frames.size());
  if (!coadd::weighted(coadd.method)) {
    if (coadd.weights != coadd::Weighting::automatic) plan.notes.push_back("coadd.weights has no effect: the median and the minimum take every frame alike");
    return;
  }
  if (coadd.weights == coadd::Weighting::sigma)
    plan.cautions.push_back("coadd.weights = sigma makes bright sources too faint, as their own photons lower their weight; sky_variance weights noisy frames down without that");
  if (coadd.weights != coadd::Weighting::exposure) return;
  for (const auto& frame : plan.frames)
    if (!(frame.exposure_s > 0))
      throw DataError{fmt::format("{}: no exposure time in its header, so coadd.weights = exposure cannot weight it; choose coverage or sky_variance", frame.image.path.string())};
}

/// How outliers are looked for, and how far that looks around a tile.
void settle_rejection(Plan& plan, const MosaicOptions& options, double largest) {
  using outlier::Scheme;
  const auto& asked = options.rejection;
  const auto comparable = bit_of(Scheme::temporal) | bit_of(Scheme::box), mapped = comparable | bit_of(Scheme::dual);
  const bool mosaics = options.products.outlier_mosaic || options.products.dual_outlier_mosaic;
  if (!asked.outlier_maps.empty() && ((asked.schemes() & ~mapped) || asked.schemes() == 0 || asked.temporal_min_coverage > 0 || asked.refine_threshold > 0))
    throw UsageError{"rejection.outlier_maps serves the schemes temporal, box and dual, without temporal_min_coverage and refine_threshold; leave the others out"};
  if (options.products.outlier_maps && !(asked.schemes() & mapped)) throw UsageError{"output.outlier_maps needs temporal, box or dual in rejection.method"};
  if (options.products.outlier_mosaic && !(asked.schemes() & comparable)) throw UsageError{"output.outlier_mosaic needs temporal or box in rejection.method"};
  if (options.products.dual_outlier_mosaic && !asked.uses(Scheme::dual)) throw UsageError{"output.dual_outlier_mosaic needs dual in rejection.method"};
  if (mosaics && !asked.outlier_maps.empty()) throw UsageError{"output.outlier_mosaic and dual_outlier_mosaic need a comparison, and rejection.outlier_maps makes none; leave one of them out"};
  if ((options.products.detection_maps || !asked.detection_maps.empty()) && !asked.needs_detections()) throw UsageError{"detection maps belong to the dual scheme; add dual to rejection.method"};
  if (!asked.detection_maps.empty())
    for (const auto& name : product_names(plan, "Detect", "detmap")) plan.detection_maps.push_back((std::filesystem::path{asked.detection_maps} / name).string());
  plan.two_pass = options.products.outlier_maps || mosaics || !asked.outlier_maps.empty() || (asked.schemes() != 0 && !asked.temporal_only()) || options.fix_coverage.enabled();
  if (options.coadd.method == coadd::Method::clipped) plan.coadd_halo = plan.frame_pixel;  // the gradient's reach
  if (options.fix_coverage.enabled()) plan.coadd_halo = std::max(plan.coadd_halo, 1);
  int look = plan.reach;
  if (asked.uses(Scheme::temporal) || asked.uses(Scheme::box)) look = std::max(look, static_cast<int>(std::ceil(outlier::rejection_reach(largest, plan.frame_pixel))));
  if (asked.uses(Scheme::box)) look = std::max(look, plan.reach + outlier::box_halo(options.box));
  if (asked.uses(Scheme::blot)) look = std::max(look, plan.reach + outlier::blot_halo(plan.frame_pixel));
  if (asked.schemes() != 0) plan.halo = plan.taken + look;
  if (plan.two_pass) plan.halo = std::max(plan.halo, plan.taken + plan.coadd_halo);
  if (asked.uses(Scheme::dual) && options.dual.max_images >= static_cast<int>(plan.frames.size()) && options.dual.max_fraction >= 1)
    plan.cautions.push_back("rejection.dual_max_images and dual_max_fraction let the dual scheme reject what every frame detects: real sources too");
  plan.stack_bytes += plan.two_pass ? two_pass_bytes_per_pixel + (options.products.outlier_maps || mosaics ? 12 : 0) + (asked.needs_detections() ? 1 : 0) : 0;
  if (asked.schemes() != 0 && background::surface_order(options.background) > 0) plan.stack_bytes += sizeof(float);  // windows without their surfaces
}

void refuse_absurd_grid(const Plan& plan, const EngineOptions& options) {
  const double pixels = static_cast<double>(plan.grid.width) * plan.grid.height;
  if (pixels <= options.max_pixels) return;
  throw SystemError{fmt::format("the output grid would have {} × {} = {:.3g} pixels ({} on disk while it is made), more than run.max_pixels = {:.3g}; "
                                "give a coarser --pixel-scale, a grid.size, or raise run.max_pixels",
                                plan.grid.width, plan.grid.height, pixels, text::format_bytes(disk_of_grid(plan)), options.max_pixels)};
}

}  // namespace

wcs::Grid grid_from_file(const std::string& path) {
  if (path.ends_with(".tbl")) return wcs::grid_from_fif(io::read_table(path), path);
  io::FitsFile file{path};
  const auto hdu = file.first_image();
  if (!hdu) throw DataError{fmt::format("{}: no image whose WCS could define the output grid", path)};
  return wcs::grid_from_header(file.header(*hdu), path);
}

std::vector<std::int64_t> tiles_of_frame(const Plan& plan, std::size_t frame) {
  std::vector<std::int64_t> tiles;
  const Box box = plan.on_grid[frame].grown(plan.halo);
  const Box clipped = intersection(box, {0, 0, plan.grid.width, plan.grid.height});
  if (plan.on_grid[frame].empty() || clipped.empty()) return tiles;
  const int side = plan.lattice.side;
  for (int ty = clipped.y0 / side; ty <= (clipped.y1 - 1) / side; ++ty)
    for (int tx = clipped.x0 / side; tx <= (clipped.x1 - 1) / side; ++tx) tiles.push_back(static_cast<std::int64_t>(ty) * plan.lattice.columns() + tx);
  return tiles;
}

void assign_tiles(Plan& plan) {
  plan.tile_frames.assign(static_cast<std::size_t>(plan.lattice.count()), {});
  plan.forecast.deepest_tile = 0;
  for (std::size_t f = 0; f < plan.frames.size(); ++f)
    for (const auto tile : tiles_of_frame(plan, f)) {
      auto& list = plan.tile_frames[static_cast<std::size_t>(tile)];
      list.push_back(static_cast<int>(f));
      plan.forecast.deepest_tile = std::max(plan.forecast.deepest_tile, static_cast<int>(list.size()));
    }
}

Plan make_plan(const std::vector<std::string>& inputs, const MosaicOptions& options, param::OptionSet& settings,
               const instrument::ProfileSet& profiles, run::Context& context) {
  Plan plan;
  const auto names = instrument::expand_inputs(inputs, options.input, profiles, plan.notes);
  if (names.empty()) throw UsageError{"no frames given; name files, folders, globs or @list.txt, or use -I images.txt"};
  open_frames(plan, names, options, profiles, context);
  const auto consistency = instrument::check_consistency(plan.frames, options.input);
  plan.cautions = consistency.notes;
  instrument::share_pixel_area(plan.frames);
  const auto rates = instrument::read_counts_as_rates(plan.frames);
  plan.notes.insert(plan.notes.end(), rates.begin(), rates.end());
  const auto& profile = *plan.frames.front().profile;
  for (const auto& [key, value] : profile.defaults) settings.assign(key, value, param::Source::profile, profile.name);
  plan.unit = plan.frames.front().unit;
  if (options.interpolation.quantity == reproject::Quantity::flux && !flux_unit(plan.unit))
    throw UsageError{fmt::format("interpolation.quantity = flux needs a unit per solid angle; {} has the unit '{}', which is kept as it stands", plan.frames.front().image.path.string(), plan.unit)};
  plan.star_check = options.products.star_check;
  plan.input_checksums = options.products.input_checksums;
  plan.noise_measured = asks_for_noise(options);
  settle_coadd(plan, options);
  check_background(plan, options);
  background::check(options.frame_sky);

  plan.moving = follow(plan.frames, options.moving);
  const auto outlines = footprints(plan);
  plan.grid = settle_grid(outlines, options);
  refuse_absurd_grid(plan, options.engine);

  const auto grid_wcs = plan.grid.wcs();
  std::vector<double> sides;
  for (const auto& frame : plan.frames)
    if (const double side = side_on_grid(frame, grid_wcs); side > 0) sides.push_back(side);
  if (sides.empty()) refuse_no_overlap(plan, options.grid.file);
  std::nth_element(sides.begin(), sides.begin() + static_cast<std::ptrdiff_t>(sides.size() / 2), sides.end());
  plan.input_over_output_pixel = sides[sides.size() / 2];
  // Next to a pole or across a seam of the grid a pixel has any length: such frames do not set the halo of all.
  const double largest = std::min(*std::max_element(sides.begin(), sides.end()), most_side_ratio * plan.input_over_output_pixel);
  plan.frame_pixel = std::max(1, static_cast<int>(std::lround(largest)));
  // Pixels touch when their centres are no further apart than half a diagonal of each. A tile's pixel asks which frame pixels it
  // takes, and those ask what is around them.
  plan.reach = static_cast<int>(std::ceil(0.75 * (1 + largest)));
  const double taken = std::max(0.75 * (1 + largest), 1 + std::ceil(std::numbers::sqrt2 * largest * reproject::kernel_radius(options.interpolation))) + reproject::output_margin(options.interpolation);
  plan.taken = static_cast<int>(std::ceil(taken));
  settle_rejection(plan, options, largest);
  if (options.coadd.method == coadd::Method::clipped) plan.halo = std::max(plan.halo, plan.frame_pixel);  // the gradient's reach

  // Output pixels beyond the grid's border take part in rejection, so that rejection in a cut-out sees the neighbours it has in the whole.
  const Box whole = Box{0, 0, plan.grid.width, plan.grid.height}.grown(plan.halo);
  const int margin = static_cast<int>(std::ceil(1.5 * largest)) + 1;
  bool any = false;
  for (const auto& outline : outlines) {
    const bool counts = options.geometry.margin >= 0 || meets(outline, grid_wcs, plan.grid.width, plan.grid.height, options.geometry.margin);
    plan.on_grid.push_back(counts ? box_on_grid(outline, grid_wcs, whole, margin) : Box{});
    any = any || !plan.on_grid.back().empty();
  }
  if (!any) refuse_no_overlap(plan, options.grid.file);
  choose_tiles(plan, options.engine, context);
  plan.cell_side = cells_of(plan);
  forecast(plan, options, context.pool().threads(), context.memory_bytes());
  plan.timed = std::all_of(plan.frames.begin(), plan.frames.end(), [](const auto& f) { return f.exposure_s > 0; });
  settle_hashes(plan, names, options.grid.file, settings, context);
  return plan;
}

std::string describe_plan(const Plan& plan, int threads, std::int64_t memory_bytes) {
  const auto& g = plan.grid;
  const auto& f = plan.forecast;
  std::map<std::string, int> profiles;
  std::size_t aside = 0;
  for (std::size_t i = 0; i < plan.frames.size(); ++i) {
    ++profiles[plan.frames[i].profile->name];
    aside += plan.on_grid[i].empty();
  }
  std::string text = fmt::format("frames   {}", plan.frames.size());
  for (const auto& [name, count] : profiles) text += fmt::format("  ({} {})", count, name);
  if (aside) text += fmt::format("; {} outside the grid", aside);
  text += fmt::format("\nunit     {}\n", plan.unit.empty() ? "(none)" : plan.unit);
  text += fmt::format("grid     {} × {} pixels, {}, centre {:.6f} {:+.6f}, scale {:.4f}″, CROTA2 {:.3f}°\n", g.width, g.height, g.projection, g.crval1_deg,
                      g.crval2_deg, g.wcs().pixel_scale_arcsec({g.crpix1 - 1, g.crpix2 - 1}), g.crota2_deg);
  const auto empty = std::count_if(plan.tile_frames.begin(), plan.tile_frames.end(), [](const auto& list) { return list.empty(); });
  text += fmt::format("tiles    {} of {} pixels ({} × {}), {} without frames; at most {} frames on one\n", plan.lattice.count(), plan.lattice.side,
                      plan.lattice.columns(), plan.lattice.rows(), empty, f.deepest_tile);
  text += fmt::format("memory   {} forecast, ceiling {}\n", text::format_bytes(f.memory_bytes),
                      text::format_bytes(static_cast<double>(memory_bytes)));
  text += fmt::format("disk     {} while running, {} in the end\n", text::format_bytes(f.disk_bytes), text::format_bytes(f.product_bytes));
  if (f.unpacked_files) text += fmt::format("unpacked {} gzip file{} of {} to the output folder while running, in this figure\n", f.unpacked_files, f.unpacked_files == 1 ? "" : "s", text::format_bytes(static_cast<double>(f.unpacked_bytes)));
  text += fmt::format("time     about {} of CPU, {} on {} threads\n", text::format_duration(f.cpu_seconds),
                      text::format_duration(f.cpu_seconds / threads), threads);
  text += fmt::format("plan     {}\n", plan.hash.substr(0, 16));
  return text;
}

}  // namespace tessera::pipeline
