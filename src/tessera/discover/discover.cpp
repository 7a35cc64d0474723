#include "tessera/discover/discover.h"

#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <optional>

#include "tessera/base/error.h"
#include "tessera/base/files.h"
#include "tessera/base/text.h"
#include "tessera/cube/cube_file.h"
#include "tessera/discover/quick_flux.h"
#include "tessera/discover/report.h"
#include "tessera/discover/responses.h"
#include "tessera/io/tables.h"
#include "tessera/run/record.h"
#include "tessera/spectrum/spectrum.h"
#include "tessera/spherex/calibration.h"

namespace tessera::discover {
namespace {

namespace fs = std::filesystem;
using run::Level;

constexpr std::int64_t bytes_per_pixel = 26;              // of a filtered plane
constexpr double memory_share = 0.6;

/// The planes that have an exposure, and the box and responses their filters need.
struct Planned {
  PlaneSet set;
  std::map<int, psf::PsfModel> responses;
  Box box;
};

Planned prepare(const cube::CubePlan& plan, const fs::path& cube, const DiscoverOptions& options, run::Context& context) {
  Planned kept;
  kept.responses = channel_responses(plan, options.detection.fwhm_arcsec);
  kept.set.cube = cube, kept.box = plan.setting.box();
  for (std::size_t i = 0; i < plan.planes.size(); ++i)
    if (kept.responses.contains(plan.planes[i].channel.channel)) kept.set.planes.push_back(static_cast<int>(i)), kept.set.channels.push_back(plan.planes[i].channel.channel);
  const auto bytes = static_cast<double>(kept.box.area() * static_cast<std::int64_t>(kept.set.planes.size()) * bytes_per_pixel), budget = memory_share * static_cast<double>(context.memory_bytes());
  if (bytes > budget)
    throw SystemError{fmt::format("the filtered planes take {}; the memory ceiling leaves {}: give a larger --memory, a smaller --size, or fewer --channels", text::format_bytes(bytes), text::format_bytes(budget))};
  return kept;
}

std::vector<FilteredPlane> read_planes(const Planned& plan, const DetectionOptions& options, run::Context& context) {
  const auto& set = plan.set;
  std::vector<std::optional<FilteredPlane>> read(set.planes.size());
  context.stage("reading planes", static_cast<std::int64_t>(set.planes.size()));
  context.pool().for_each(static_cast<std::int64_t>(set.planes.size()), [&](std::int64_t i) {
    const auto k = static_cast<std::size_t>(i);
    const cube::CubeFile file{set.cube};  // for one thread at a time
    read[k].emplace(file.image(set.planes[k], plan.box), file.variance(set.planes[k], plan.box), plan.responses.at(set.channels[k]), options);
    context.step();
  });
  std::vector<FilteredPlane> planes;
  for (auto& p : read) planes.push_back(std::move(*p));
  return planes;
}

Combined combine_planes(std::vector<FilteredPlane>& planes, Box box, const DetectionOptions& options, run::Context& context) {
  context.stage("filtering planes", static_cast<std::int64_t>(planes.size()) * options.places * options.places);
  return combine_places(planes, box, options, [&](const std::function<void(std::size_t)>& work) {
    context.pool().for_each(static_cast<std::int64_t>(planes.size()), [&](std::int64_t k) {
      work(static_cast<std::size_t>(k));
      context.step();
    });
  });
}

Table detection_table(const cube::CubeFile& cube, const PlaneSet& set, const std::vector<Detection>& found) {
  std::vector<std::int64_t> id;
  std::vector<double> ra, dec, x, y, significance, flux, error, wavelength;
  std::vector<std::int32_t> with_data, seen, channel;
  for (const auto& d : found) {
    const auto sky = cube.sky().pixel_to_sky({d.x, d.y});
    const auto brightest = static_cast<std::size_t>(d.brightest);
    id.push_back(static_cast<std::int64_t>(id.size()) + 1), ra.push_back(sky.ra_deg), dec.push_back(sky.dec_deg), x.push_back(d.x + 1), y.push_back(d.y + 1);
    significance.push_back(d.significance), with_data.push_back(d.with_data), seen.push_back(d.seen);
    channel.push_back(set.channels[brightest]), wavelength.push_back(cube.planes()[static_cast<std::size_t>(set.planes[brightest])].wavelength_um);
    flux.push_back(d.flux), error.push_back(d.flux_error);
  }
  Table t;
  t.name = "detections";
  t.add("id", id, "", "by descending significance", "meta.id;meta.main");
  t.add("ra", ra, "deg", "ICRS; of one place in all channels where the source is seen, or else of the peak by parabolas", "pos.eq.ra;meta.main");
  t.add("dec", dec, "deg", "", "pos.eq.dec;meta.main");
  t.add("x", x, "pixel", "in the cube, from 1");
  t.add("y", y, "pixel");
  t.add("significance", significance, "", "sigma, of all channels together", "stat.snr");
  t.add("channels", with_data, "", "with data at the peak");
  t.add("channels_seen", seen, "", "of these, above detection.channel_sigma");
  t.add("brightest_channel", channel, "", "of the greatest flux among those seen, or the most significant one; 1 to 102");
  t.add("brightest_wavelength", wavelength, "um", "of that channel", "em.wl");
  t.add("flux", flux, "uJy", "quick look: weighted mean of the channels", "phot.flux.density");
  t.add("flux_err", error, "uJy", "", "stat.error;phot.flux.density");
  return t;
}

Table quicklook_table(const cube::CubeFile& cube, const PlaneSet& set, const std::vector<Detection>& found) {
  std::vector<std::int64_t> id;
  std::vector<std::int32_t> channel;
  std::vector<double> wavelength, width, flux, error, significance;
  for (std::size_t i = 0; i < found.size(); ++i)
    for (const auto& v : found[i].values) {
      const auto k = static_cast<std::size_t>(v.plane);
      const auto& plane = cube.planes()[static_cast<std::size_t>(set.planes[k])];
      id.push_back(static_cast<std::int64_t>(i) + 1), channel.push_back(set.channels[k]), wavelength.push_back(plane.wavelength_um), width.push_back(plane.bandwidth_um);
      flux.push_back(v.flux), error.push_back(v.flux_error), significance.push_back(v.significance);
    }
  Table t;
  t.name = "quicklook";
  t.add("id", id, "", "of detections", "meta.id");
  t.add("channel", channel, "", "1 to 102");
  t.add("wavelength", wavelength, "um", "nominal wavelength of the channel", "em.wl");
  t.add("lambda_width", width, "um", "width of the channel");
  t.add("flux", flux, "uJy", "fitted at ra, dec with the channel's own response; NaN where its pixels do not tell", "phot.flux.density");
  t.add("flux_err", error, "uJy", "", "stat.error;phot.flux.density");
  t.add("significance", significance, "", "flux over its error", "stat.snr");
  return t;
}

void measure(const fs::path& out, bool overwrite, const std::vector<std::string>& files, const DiscoverOptions& options, run::Context& context) {
  spectrum::SpectrumOptions how;
  how.calibration = options.cube.input.calibration;
  how.any_quality = options.cube.input.any_quality;
  how.on_bad_frame = options.cube.input.on_bad_frame;
  param::OptionSet settings;
  how.declare(settings);
  std::vector<std::string> inputs{(out / "detections.ecsv").string()};
  inputs.insert(inputs.end(), files.begin(), files.end());
  spectrum::spectrum({inputs, (out / "spectra").string(), overwrite, false}, how, settings, context);
}

class Run {
 public:
  Run(const cube::CubeRequest& request, const DiscoverOptions& options, param::OptionSet& settings, run::Context& outer)
      : request_{request}, options_{options}, settings_{settings}, context_{outer}, clock_{"discover", request.inputs} {
    cube_options_ = options.cube;
    cube_options_.declare(cube_settings_);
  }

  run::Outcome run() {
    const fs::path out{request_.output};
    if (request_.dry_run) return cube::make_cube(request_, cube_options_, cube_settings_, context_, {[&](const cube::CubePlan& plan) { prepare(plan, out, options_, context_); }, {}});
    asked_ = run::table_request("discover", request_.inputs, request_.inputs, settings_);
    run::OutputFolder folder{request_.output, asked_, request_.overwrite};
    overwrite_ = request_.overwrite || folder.resumed();
    if (!overwrite_)
      for (const char* part : {"cube", "spectra"})
        if (files::exists(out / part / "run.json")) throw UsageError{fmt::format("{}: holds a finished run already; give --overwrite to replace it, or another -o", (out / part).string())};
    if (folder.resumed()) tell_what_is_left(out);
    make_cube(folder);
    context_.log_to(folder.product("tessera.log").string());
    find();
    write_tables(folder);
    if (options_.measure && !found_.empty()) {
      folder.put_early("detections.ecsv");
      measure(out, overwrite_, plan_.files, options_, context_);
    } else if (files::exists(out / "spectra")) {
      context_.caveat("old-spectra", "OUT/spectra is of an earlier run and not of these detections; run with --measure, or remove it", 1);
    }
    if (const auto once = std::ranges::count_if(found_, [](const Detection& d) { return d.seen < 2; }))
      context_.caveat("one-channel", fmt::format("{} of {} detections are seen in one channel or none: hits that the frames' flags missed are among them; channels_seen of the table tells", once, found_.size()), once);
    finish(folder);
    if (found_.empty()) return run::Outcome::nothing_to_do;
    return context_.outcome();
  }

 private:
  /// Of an interrupted run: the cube is kept when it is finished, sources are looked for anew, and spectra go on or begin anew.
  void tell_what_is_left(const fs::path& out) {
    const bool cube = files::exists(out / "cube" / "run.json"), begun = files::exists(out / "spectra" / ".tessera"), finished = files::exists(out / "spectra" / "run.json");
    context_.log(Level::info, fmt::format("{}: a run was interrupted here; its cube {}, and sources are looked for anew{}", out.string(), cube ? "is finished" : "is not finished and is made anew",
                                          !options_.measure ? "" : begun ? "; spectra go on at the frames that were not measured" : finished ? "; spectra are measured again" : ""));
  }

  void make_cube(run::OutputFolder& folder) {
    const fs::path out{request_.output};
    const auto begin = [&](const cube::CubePlan& plan) {
      planned_ = prepare(plan, out / "cube", options_, context_);
      folder.begin_parts("run.json");
    };
    cube::make_cube({request_.inputs, (out / "cube").string(), overwrite_, false, folder.resumed()}, cube_options_, cube_settings_, context_, {begin, [&](cube::CubePlan&& plan) { plan_ = std::move(plan); }});
  }

  void find() {
    auto filtered = read_planes(planned_, options_.detection, context_);
    auto combined = combine_planes(filtered, planned_.box, options_.detection, context_);
    found_ = find_sources(combined, filtered, options_.detection);
    combined_ = std::move(combined.best);
    measure_quickly(found_, planned_.set, plan_, filtered, options_.cube.coadd, options_.detection, context_);
    context_.log(Level::info, fmt::format("{}: {} sources above {:g} sigma in {} channels", request_.output, found_.size(), options_.detection.threshold, planned_.set.planes.size()));
  }

  void write_tables(run::OutputFolder& folder) {
    const cube::CubeFile cube{planned_.set.cube};
    const auto detections = detection_table(cube, planned_.set, found_);
    for (const auto format : {io::TableFormat::fits, io::TableFormat::ecsv}) run::write_table_product(detections, "detections", format, folder, products_);
    run::write_table_product(quicklook_table(cube, planned_.set, found_), "quicklook", io::TableFormat::fits, folder, products_);
    write_image(folder);
  }

  /// The image that sources are found on.
  void write_image(run::OutputFolder& folder) {
    const auto path = folder.product("detection.fits");
    auto header = plan_.setting.grid.header();
    header.set("BUNIT", "sigma", "of a source on the pixel, all channels together");
    io::FitsWriter writer{path};
    writer.add_image("", header, combined_.view());
    writer.close();
    products_.push_back({"detection.fits", run::datasums(path)});
  }

  void finish(run::OutputFolder& folder) {
    if (options_.cube.product.pictures) {
      const ReportParts parts{clock_.record, settings_, options_.detection, plan_, planned_.set, combined_, found_, options_.measure && !found_.empty()};
      draw_detections(parts, folder);
      clock_.stop();
      write_report(parts, folder, context_);
      products_.push_back({"detection.png", ""}), products_.push_back({"report.html", ""});
    }
    std::vector<run::InputRecord> inputs;
    for (const auto& file : plan_.files) {
      inputs.push_back({file, 0, "", false});
      run::measure_input(inputs.back(), false);
    }
    run::publish_run(clock_, asked_.plan_hash, settings_, inputs, products_, {{"sources", static_cast<double>(found_.size())}, {"channels", static_cast<double>(planned_.set.planes.size())}}, folder, context_);
  }

  const cube::CubeRequest& request_;
  const DiscoverOptions& options_;
  param::OptionSet& settings_;
  run::Recorder context_;
  run::RunClock clock_;
  cube::CubeOptions cube_options_;
  param::OptionSet cube_settings_;
  run::Request asked_;
  bool overwrite_ = false;
  Planned planned_;
  cube::CubePlan plan_;
  Image<float> combined_;
  std::vector<Detection> found_;
  std::vector<run::ProductRecord> products_;
};

}  // namespace

void describe(param::Schema<DiscoverOptions>& s) {
  s.field(&DiscoverOptions::measure, "measure", "Also run tessera spectrum, with its defaults, on what was found: OUT/spectra.").flag("measure");
}

void DiscoverOptions::declare(param::OptionSet& options) {
  options.add("discover", "What is done with sources", *this);
  options.add("detection", "What counts as a source", detection);
  cube.declare(options);
}

run::Outcome discover(const cube::CubeRequest& request, const DiscoverOptions& options, param::OptionSet& settings, run::Context& context) {
  if (!options.cube.channels.bands.empty()) throw UsageError{"channels.bands: sources are looked for in channels, not in synthetic bands; leave the option out"};
  return Run{request, options, settings, context}.run();
}

}  // namespace tessera::discover
