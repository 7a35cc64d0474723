#include "tessera/discover/discover.h"

#include <fmt/format.h>

#include <cmath>
#include <filesystem>

#include "tessera/base/error.h"
#include "tessera/base/files.h"
#include "tessera/base/text.h"
#include "tessera/cube/cube_file.h"
#include "tessera/discover/responses.h"
#include "tessera/io/tables.h"
#include "tessera/pipeline/mosaic.h"
#include "tessera/pipeline/run_json.h"
#include "tessera/spectrum/spectrum.h"
#include "tessera/spherex/calibration.h"

namespace tessera::discover {
namespace {

namespace fs = std::filesystem;
using pipeline::Level;

constexpr std::int64_t bytes_per_pixel = 16;              // of a filtered plane, and its copy while planes are combined
constexpr double memory_share = 0.6;

/// What of the plan is needed when the cube is made and its plan gone.
struct Planned {
  std::vector<std::string> files;
  std::map<int, psf::PsfModel> responses;
  std::vector<int> channels;     // of each plane that has an exposure
  std::vector<int> planes;       // its index in the cube
  Box box;
};

Planned keep(const cube::CubePlan& plan, const DiscoverOptions& options, pipeline::Context& context) {
  Planned kept{plan.files, channel_responses(plan, options.detection.fwhm_arcsec), {}, {}, plan.setting.box()};
  for (std::size_t i = 0; i < plan.planes.size(); ++i)
    if (kept.responses.contains(plan.planes[i].channel.channel)) kept.planes.push_back(static_cast<int>(i)), kept.channels.push_back(plan.planes[i].channel.channel);
  const auto bytes = static_cast<double>(kept.box.area() * static_cast<std::int64_t>(kept.planes.size()) * bytes_per_pixel), budget = memory_share * static_cast<double>(context.memory_bytes());
  if (bytes > budget)
    throw SystemError{fmt::format("the filtered planes take {}; the memory ceiling leaves {}: give a larger --memory, a smaller --size, or fewer --channels", text::format_bytes(bytes), text::format_bytes(budget))};
  return kept;
}

std::vector<FilteredPlane> filter_planes(const fs::path& cube, const Planned& plan, const DetectionOptions& options, pipeline::Context& context) {
  std::vector<FilteredPlane> filtered(plan.planes.size());
  context.stage("filtering planes", static_cast<std::int64_t>(plan.planes.size()));
  context.pool().for_each(static_cast<std::int64_t>(plan.planes.size()), [&](std::int64_t i) {
    const auto k = static_cast<std::size_t>(i);
    const cube::CubeFile file{cube};  // for one thread at a time
    filtered[k] = filter_plane(file.image(plan.planes[k], plan.box), file.variance(plan.planes[k], plan.box), plan.responses.at(plan.channels[k]), options);
    context.step();
  });
  return filtered;
}

double ujy_per_unit(const cube::CubeFile& cube, const Detection& d) {
  const double scale = cube.sky().pixel_scale_arcsec({d.x, d.y});
  return spherex::ujy_per_arcsec2 * scale * scale;
}

Table detection_table(const cube::CubeFile& cube, const Planned& plan, const std::vector<Detection>& found) {
  std::vector<std::int64_t> id;
  std::vector<double> ra, dec, x, y, significance, flux, error, wavelength;
  std::vector<std::int32_t> with_data, seen, channel;
  for (const auto& d : found) {
    const auto sky = cube.sky().pixel_to_sky({d.x, d.y});
    const double unit = ujy_per_unit(cube, d);
    const auto brightest = static_cast<std::size_t>(d.brightest);
    id.push_back(static_cast<std::int64_t>(id.size()) + 1), ra.push_back(sky.ra_deg), dec.push_back(sky.dec_deg), x.push_back(d.x + 1), y.push_back(d.y + 1);
    significance.push_back(d.significance), with_data.push_back(d.with_data), seen.push_back(d.seen);
    channel.push_back(plan.channels[brightest]), wavelength.push_back(cube.planes()[static_cast<std::size_t>(plan.planes[brightest])].wavelength_um);
    flux.push_back(unit * d.flux), error.push_back(unit * d.flux_error);
  }
  Table t;
  t.name = "detections";
  t.add("id", id, "", "by descending significance", "meta.id;meta.main");
  t.add("ra", ra, "deg", "of the peak, by parabolas through its neighbours; ICRS", "pos.eq.ra;meta.main");
  t.add("dec", dec, "deg", "", "pos.eq.dec;meta.main");
  t.add("x", x, "pixel", "in the cube, from 1");
  t.add("y", y, "pixel");
  t.add("significance", significance, "", "sigma, of all channels together", "stat.snr");
  t.add("channels", with_data, "", "with data at the peak");
  t.add("channels_seen", seen, "", "of these, above detection.channel_sigma");
  t.add("brightest_channel", channel, "", "of the greatest flux among those seen, or the most significant one; 1 to 102");
  t.add("brightest_wavelength", wavelength, "um", "of that channel", "em.wl");
  t.add("flux", flux, "uJy", "quick look: weighted mean of the channels at the peak's pixel", "phot.flux.density");
  t.add("flux_err", error, "uJy", "", "stat.error;phot.flux.density");
  return t;
}

Table quicklook_table(const cube::CubeFile& cube, const Planned& plan, const std::vector<Detection>& found) {
  std::vector<std::int64_t> id;
  std::vector<std::int32_t> channel;
  std::vector<double> wavelength, width, flux, error, significance;
  for (std::size_t i = 0; i < found.size(); ++i)
    for (const auto& v : found[i].values) {
      const auto k = static_cast<std::size_t>(v.plane);
      const auto& plane = cube.planes()[static_cast<std::size_t>(plan.planes[k])];
      const double unit = ujy_per_unit(cube, found[i]);
      id.push_back(static_cast<std::int64_t>(i) + 1), channel.push_back(plan.channels[k]), wavelength.push_back(plane.wavelength_um), width.push_back(plane.bandwidth_um);
      flux.push_back(unit * v.flux), error.push_back(unit * v.flux_error), significance.push_back(v.significance);
    }
  Table t;
  t.name = "quicklook";
  t.add("id", id, "", "of detections", "meta.id");
  t.add("channel", channel, "", "1 to 102");
  t.add("wavelength", wavelength, "um", "nominal wavelength of the channel", "em.wl");
  t.add("lambda_width", width, "um", "width of the channel");
  t.add("flux", flux, "uJy", "of the matched filter at the peak's pixel, for a source at ra, dec", "phot.flux.density");
  t.add("flux_err", error, "uJy", "", "stat.error;phot.flux.density");
  t.add("significance", significance, "", "flux over its error", "stat.snr");
  return t;
}

void measure(const fs::path& out, bool overwrite, const Planned& plan, const DiscoverOptions& options, pipeline::Context& context) {
  spectrum::SpectrumOptions how;
  how.calibration = options.cube.input.calibration;
  how.any_quality = options.cube.input.quality == cube::Quality::any;
  how.on_bad_frame = options.cube.input.on_bad_frame;
  param::OptionSet settings;
  how.declare(settings);
  std::vector<std::string> inputs{(out / "detections.ecsv").string()};
  inputs.insert(inputs.end(), plan.files.begin(), plan.files.end());
  spectrum::spectrum({inputs, (out / "spectra").string(), overwrite, false}, how, settings, context);
}

}  // namespace

void describe(param::Schema<DiscoverOptions>& s) {
  s.field(&DiscoverOptions::measure, "measure", "Also run tessera spectrum, with its defaults, on what was found: OUT/spectra.").flag("measure");
}

void DiscoverOptions::declare(param::OptionSet& options) {
  options.add("discover", "What is done with sources", *this);
  options.add("detection", "What counts as a source", detection);
  cube.declare(options);
}

pipeline::Outcome discover(const cube::CubeRequest& request, const DiscoverOptions& options, param::OptionSet& settings, pipeline::Context& outer) {
  if (!options.cube.channels.bands.empty()) throw UsageError{"channels.bands: sources are looked for in channels, not in synthetic bands; leave the option out"};
  pipeline::Recorder context{outer};
  pipeline::RunClock clock{"discover", request.inputs};
  auto cube_options = options.cube;
  param::OptionSet cube_settings;
  cube_options.declare(cube_settings);
  if (request.dry_run) return cube::make_cube(request, cube_options, cube_settings, context, [&](const cube::CubePlan& plan) { keep(plan, options, context); });

  const auto asked = pipeline::table_request("discover", request.inputs, {}, settings);
  pipeline::OutputFolder folder{request.output, asked, request.overwrite};
  const bool overwrite = request.overwrite || folder.resumed();
  const fs::path out{request.output};
  Planned plan;
  cube::make_cube({request.inputs, (out / "cube").string(), overwrite, false}, cube_options, cube_settings, context, [&](const cube::CubePlan& p) { plan = keep(p, options, context); });
  context.log_to(folder.product("tessera.log").string());
  const auto filtered = filter_planes(out / "cube", plan, options.detection, context);
  const auto found = find_sources(filtered, options.detection);
  const cube::CubeFile cube{out / "cube"};
  std::vector<pipeline::ProductRecord> products;
  const auto detections = detection_table(cube, plan, found);
  for (const auto format : {io::TableFormat::fits, io::TableFormat::ecsv}) pipeline::write_table_product(detections, "detections", format, folder, products);
  pipeline::write_table_product(quicklook_table(cube, plan, found), "quicklook", io::TableFormat::fits, folder, products);
  context.log(Level::info, fmt::format("{}: {} sources above {:g} sigma in {} channels", request.output, found.size(), options.detection.threshold, plan.planes.size()));

  std::vector<pipeline::InputRecord> inputs;
  for (const auto& file : plan.files) {
    inputs.push_back({file, 0, "", false});
    pipeline::measure_input(inputs.back(), false);
  }
  clock.stop();
  files::write_atomic(folder.product("run.json"), pipeline::run_json(clock.record, asked.plan_hash, settings, inputs, products,
                                                                     {{"sources", static_cast<double>(found.size())}, {"channels", static_cast<double>(plan.planes.size())}}, context));
  folder.publish("run.json");
  if (found.empty()) return pipeline::Outcome::nothing_to_do;
  if (!options.measure && files::exists(out / "spectra")) context.caveat("old-spectra", "OUT/spectra is of an earlier run and not of these detections; run with --measure, or remove it", 1);
  if (options.measure) measure(out, overwrite, plan, options, context);
  return context.caveats().empty() ? pipeline::Outcome::done : pipeline::Outcome::done_with_caveats;
}

}  // namespace tessera::discover
