#include "tessera/steps/simulate_spherex.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "tessera/base/files.h"
#include "tessera/base/text.h"
#include "tessera/io/fits.h"
#include "tessera/io/tables.h"
#include "tessera/param/render.h"
#include "tessera/simulate_spherex/frame_file.h"
#include "tessera/simulate_spherex/products.h"
#include "tessera/steps/simulation_folder.h"

namespace tessera::steps {
namespace {

namespace fs = std::filesystem;
namespace spx = simulate_spherex;

constexpr const char* own_products[] = {"level2_*_spx_l2b-*.fits", "truth_sources.ecsv", "truth_sources.tbl", "truth_frames.ecsv", "truth_frames.tbl", "simulation.toml"};
constexpr const char* own_truth[] = {"level2_*_model.fits", "level2_*_defects.fits", "fluxes.fits"};
constexpr const char* own_calibration[] = {"spectral_wcs_D?_spx_*.fits", "solid_angle_pixel_map_D?_spx_*.fits", "average_psf_D?_spx_*.fits", "abs_gain_matrix_D?_spx_*.fits", "dark_D?_spx_*.fits", "spectral_channels_spx_*.fits"};

/// Sections and options of the plain simulation that spectral images are made from, too.
bool shared_with_spherex(const std::string& key) {
  for (const char* section : {"output.", "run.", "sources."})
    if (key.starts_with(section)) return true;
  for (const char* option : {"stack.seed", "stack.ra_deg", "stack.dec_deg", "noise.photon", "noise.read", "transients.mover_flux_ujy", "transients.mover_rate_arcsec_h", "transients.mover_pa_deg"})
    if (key == option) return true;
  return false;
}

bool common(const std::string& key) { return key.starts_with("output.") || key.starts_with("run."); }

spx::SceneOptions scene_options(const SpherexOptions& o, const simulate::SceneOptions& shared) {
  return {o.survey, o.sky, o.sources, o.defects, shared.sources, shared.transients, static_cast<std::uint64_t>(shared.stack.seed), {shared.stack.ra_deg, shared.stack.dec_deg}, shared.noise.photon, shared.noise.read};
}

/// Planes in double and float, flags and truth, and what is read while they are made.
std::int64_t frame_bytes(int size) { return std::int64_t{size} * size * (5 * 8 + 5 * 4 + 2) + (8 << 20); }

void write_truth_image(const fs::path& out, const spx::Scene& scene, spx::FrameKey key, const char* kind, const char* unit, auto pixels) {
  Header h = spx::place_cards(scene, key);
  h.set("BUNIT", std::string{unit});
  io::FitsWriter writer{out / "truth" / fmt::format("{}_{}.fits", fs::path{spx::file_name(scene, key)}.stem().string(), kind)};
  writer.add_image("", h, pixels);
  writer.close();
}

std::vector<spx::MeasuredTruth> write_one(const fs::path& out, const spx::Scene& scene, spx::FrameKey key, const SpherexProducts& products) {
  spx::Planes planes = spx::expose(scene, key, products.model);
  spx::write_frame(out / spx::file_name(scene, key), scene, key, planes);
  if (products.model) write_truth_image(out, scene, key, "model", "MJy / sr", std::as_const(planes.model).view());
  if (products.defects && std::ranges::any_of(planes.defects.pixels(), [](std::int16_t v) { return v != 0; }))
    write_truth_image(out, scene, key, "defects", "", std::as_const(planes.defects).view());
  return std::move(planes.truth);
}

std::vector<std::vector<spx::MeasuredTruth>> write_frames(const fs::path& out, const spx::Scene& scene, const SpherexProducts& products, run::Context& context) {
  const auto frames = spx::frames_of(scene);
  const std::int64_t bytes = frame_bytes(scene.options.survey.size);
  parallel::Budget budget{std::max(bytes, context.memory_bytes())};
  std::vector<std::vector<spx::MeasuredTruth>> truth(frames.size());
  context.stage("simulate", static_cast<std::int64_t>(frames.size()));
  context.pool().for_each(static_cast<std::int64_t>(frames.size()), [&](std::int64_t i) {
    budget.acquire(bytes, "a simulated frame");
    struct Release {
      parallel::Budget& budget;
      std::int64_t bytes;
      ~Release() { budget.release(bytes); }
    } release{budget, bytes};
    truth[static_cast<std::size_t>(i)] = write_one(out, scene, frames[static_cast<std::size_t>(i)], products);
    context.step();
  });
  return truth;
}

void write_tables(const fs::path& out, const spx::Scene& scene, const std::vector<std::vector<spx::MeasuredTruth>>* fluxes) {
  const Table sources = spx::sources_table(scene.sources), frames = spx::frames_table(scene);
  io::write_table(sources, out / "truth_sources.ecsv", io::TableFormat::ecsv);
  io::write_table(sources, out / "truth_sources.tbl", io::TableFormat::ipac);
  io::write_table(frames, out / "truth_frames.ecsv", io::TableFormat::ecsv);
  io::write_table(frames, out / "truth_frames.tbl", io::TableFormat::ipac);
  if (fluxes) io::write_table(spx::fluxes_table(scene, *fluxes), out / "truth" / "fluxes.fits", io::TableFormat::fits);
}

}  // namespace

void describe(param::Schema<SpherexProducts>& s) {
  s.field(&SpherexProducts::model, "model", "Write the noise-free image of each frame beside the truth.");
  s.field(&SpherexProducts::defects, "defects", "Write an image of what is true of each frame's pixels beside the truth, when there are defects.");
  s.field(&SpherexProducts::calibration, "calibration", "Write the products of calibration in OUT/calibration.");
  s.field(&SpherexProducts::fluxes, "fluxes", "Write truth/fluxes.fits: place, wavelength and flux of each source on each frame.");
}

void declare_spherex(param::OptionSet& options, SpherexOptions& o) {
  options.add("spherex", "simulate spherex: detectors, pointings, layout", o.survey);
  options.add("spherex_sky", "simulate spherex: light besides the sources", o.sky);
  options.add("spherex_sources", "simulate spherex: sources besides plain stars", o.sources);
  options.add("spherex_defects", "simulate spherex: bad pixels and events", o.defects);
  options.add("spherex_products", "simulate spherex: which files are written", o.products);
}

void refuse_foreign_options(const param::OptionSet& options, bool spherex) {
  for (const auto& setting : options.settings()) {
    const bool own = common(setting.key) || (spherex ? setting.key.starts_with("spherex") || shared_with_spherex(setting.key) : !setting.key.starts_with("spherex"));
    if (own || setting.source == param::Source::initial) continue;
    if (const auto* field = options.find(setting.key); field && field->initial == setting.value) continue;  // as simulation.toml repeats it
    throw UsageError{fmt::format("{} (from {}): {}", setting.key, setting.where, spherex ? "simulate spherex does not look at it; see [spherex] and [spherex_...] in tessera help simulate" : "is for SPHEREx spectral images: tessera simulate spherex -o OUT")};
  }
}

run::Outcome simulate_spherex_frames(const SpherexOptions& spherex, const simulate::SceneOptions& shared, const run::RunOptions& run, param::OptionSet& options, run::Context& context) {
  if (frame_bytes(spherex.survey.size) > context.memory_bytes())
    throw SystemError{fmt::format("one frame of {0} x {0} pixels needs {1}, the memory ceiling is {2}; raise --memory or make spherex.size smaller", spherex.survey.size,
                                  text::format_bytes(static_cast<double>(frame_bytes(spherex.survey.size))), text::format_bytes(static_cast<double>(context.memory_bytes())))};
  std::optional<std::vector<spx::Source>> catalog;
  if (!shared.sources.catalog.empty()) catalog = spx::sources_from_table(io::read_table(shared.sources.catalog), shared.sources.catalog);
  const spx::Scene scene = spx::make_scene(scene_options(spherex, shared), catalog ? &*catalog : nullptr);
  const auto frames = spx::frames_of(scene).size();
  const double per_frame = 16.0 * spherex.survey.size * spherex.survey.size + 5e6;
  context.log(run::Level::info, fmt::format("{} exposures, {} spectral images of {} x {} pixels, {} sources, about {} on disk", scene.exposures.size(), frames, spherex.survey.size, spherex.survey.size,
                                                 scene.sources.size(), text::format_bytes(per_frame * static_cast<double>(frames))));
  if (run.dry_run) return run::Outcome::done;

  const fs::path out{run.output};
  prepare_simulation_folder(out, run, own_products, own_truth);
  if (spherex.products.calibration) {
    std::error_code error;
    fs::create_directories(out / "calibration", error);
    if (error) throw SystemError{fmt::format("{}: cannot be made: {}", (out / "calibration").string(), error.message())};
    remove_matching(out / "calibration", own_calibration);
    spx::write_calibration(out / "calibration", scene);
  }
  const auto truth = write_frames(out, scene, spherex.products, context);
  write_tables(out, scene, spherex.products.fluxes ? &truth : nullptr);
  files::write_atomic(out / "simulation.toml", param::toml_settings(options, {"output", "run"}));
  return run::Outcome::done;
}

}  // namespace tessera::steps
