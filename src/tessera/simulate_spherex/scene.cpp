#include "tessera/simulate_spherex/scene.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tessera/base/error.h"
#include "tessera/simulate/random.h"
#include "tessera/simulate_spherex/electronics.h"
#include "tessera/spherex/channels.h"
#include "tessera/spherex/flags.h"

namespace tessera::simulate_spherex {
namespace {

/// e⁻/s per MJy/sr at a resolving power of 41: 0.0314 m², 8.9·10⁻¹⁰ sr, efficiency 0.75.
constexpr double electrons_per_mjysr = 10.3 * .75;
constexpr double flat_scatter = .02;

/// Share of the light of detectors 3 and 4 that passes the dichroic: one half at half a strip from the edge they share.
double dichroic_share(const Detector& detector, double um) {
  const auto channels = spherex::ChannelTable::builtin().of(detector.number());
  const double step = std::log(channels.back().max_um / channels.front().min_um) / spherex::strips;
  if (detector.number() == 3) return 1 / (1 + std::exp((std::log(um / channels.back().max_um) / step + .5) / .12));
  if (detector.number() == 4) return 1 / (1 + std::exp(-(std::log(um / channels.front().min_um) / step - .5) / .12));
  return 1;
}

void set(DetectorState& s, std::size_t pixel, const char* flag, std::int16_t defect) {
  s.fixed_flags.pixels()[pixel] |= static_cast<std::int32_t>(spherex::flag_mask(flag));
  s.fixed_defects.pixels()[pixel] |= defect;
}

/// Pixels that are bad in every frame, each drawn on its own.
void add_fixed_defects(DetectorState& s, const SceneOptions& o) {
  simulate::Random random{o.seed, simulate::Purpose::spherex_defect, static_cast<std::uint64_t>(s.detector.number())};
  for (std::size_t i = 0; i < s.dark.pixels().size(); ++i) {
    const double draw = random.uniform(), current = random.power_law(1, 300, 1.5);
    if (draw < o.defects.nonfunc_fraction) set(s, i, "NONFUNC", Defect::nonfunctional);
    else if (draw < o.defects.nonfunc_fraction + o.defects.hot_fraction) set(s, i, "HOT", Defect::hot), s.dark.pixels()[i] = static_cast<float>(current);
    else if (draw < o.defects.nonfunc_fraction + o.defects.hot_fraction + o.defects.cold_fraction)
      set(s, i, "COLD", Defect::cold), s.answer.pixels()[i] = static_cast<float>(.1 + .4 * std::log(current) / std::log(300.0));
    if (!o.defects.dichroic) continue;
    const double share = dichroic_share(s.detector, s.centre_um.pixels()[i]);
    if (share < .5) set(s, i, "DICHROIC", Defect::dichroic);
    s.gain.pixels()[i] = static_cast<float>(s.gain.pixels()[i] / std::max(share, .02));
  }
  if (!o.defects.full_sample) return;
  const Box block = intersection(s.detector.box(), {s.detector.size() / 4, s.detector.size() / 3, s.detector.size() / 4 + 34, s.detector.size() / 3 + 8});
  for (int y = block.y0; y < block.y1; ++y)
    for (int x = block.x0; x < block.x1; ++x) s.fixed_flags(x, y) |= static_cast<std::int32_t>(spherex::flag_mask("FULLSAMPLE"));
}

std::unique_ptr<const DetectorState> make_detector(int number, const SceneOptions& o) {
  Detector detector{number, o.survey.size, o.survey.distortion};
  const Box box = detector.box();
  const bool table = o.survey.layout == FileLayout::epsf;
  // An EPSF table of 33 × 33 samples holds the response after the pixel: it must have ended at 3.2 pixels from the middle.
  ZonePsfs psfs = table ? ZonePsfs{detector, number == 3 ? 11 : 21, number == 3 ? 41 : 21, 27} : ZonePsfs{detector, 11, 11};
  auto state = std::make_unique<DetectorState>(DetectorState{std::move(detector), std::move(psfs), Image<float>{box}, Image<float>{box}, Image<float>{box},
                                                             Image<float>{box, static_cast<float>(dark_e_s)}, Image<float>{box, 1}, Image<std::int32_t>{box}, Image<std::int16_t>{box}});
  simulate::Random random{o.seed, simulate::Purpose::spherex_flat, static_cast<std::uint64_t>(number)};
  const double mean_gain = state->detector.resolving_power() / 41 / electrons_per_mjysr;
  for (int y = 0; y < o.survey.size; ++y)
    for (int x = 0; x < o.survey.size; ++x) {
      const auto w = state->detector.wavelength(x, y);
      state->centre_um(x, y) = static_cast<float>(w.centre_um);
      state->width_um(x, y) = static_cast<float>(w.width_um);
      state->gain(x, y) = static_cast<float>(mean_gain * (1 + flat_scatter * std::clamp(random.normal(), -5.0, 5.0)));
    }
  add_fixed_defects(*state, o);
  return state;
}

/// Stars get black bodies of 2800 to 12000 K; galaxies power laws, any inclination, and n and R_e evenly in n and log R_e.
std::vector<Source> drawn_sources(const SceneOptions& o, const simulate::Field& field, const simulate::Camera& camera, const std::vector<wcs::SkyWcs>& frames) {
  std::vector<Source> sources;
  for (const auto& plain : simulate::make_sources(o.sources, o.seed, field, camera, frames)) {
    simulate::Random random{o.seed, simulate::Purpose::spherex_source, static_cast<std::uint64_t>(plain.id)};
    Source s{plain.id, plain.blend_id, plain.position, {plain.flux_ujy, 0, random.power_law(2800, 12000, 1)}};
    if (random.uniform() < o.extra.galaxy_fraction) {
      s.spectrum = {plain.flux_ujy, random.uniform(-1, 1), 0};
      s.sersic_n = random.uniform(.5, 6), s.effective_radius_arcsec = random.power_law(1, 20, 1), s.axis_ratio = random.uniform(.2, 1), s.position_angle_deg = random.uniform(0, 180);
    }
    sources.push_back(s);
  }
  return sources;
}

/// The pair and the bright star stand at fixed parts of a detector's side from the middle of the field.
void add_extra_sources(const SceneOptions& o, std::vector<Source>& sources) {
  const double side_deg = o.survey.size * pixel_scale_arcsec / 3600;
  std::int64_t id = 0;
  for (const auto& s : sources) id = std::max(id, s.id);
  if (o.extra.pair_flux_ujy > 0) {
    const auto first = simulate::displaced(o.field, .06 * side_deg, 35);
    sources.push_back({id + 1, id + 1, first, {o.extra.pair_flux_ujy, 0, 5000}});
    sources.push_back({id + 2, id + 1, simulate::displaced(first, o.extra.pair_separation_arcsec / 3600, 70), {o.extra.pair_flux_ujy / 2, 0, 3500}});
    id += 2;
  }
  if (o.extra.bright_flux_ujy > 0) sources.push_back({id + 1, 0, simulate::displaced(o.field, .2 * side_deg, 250), {o.extra.bright_flux_ujy, 0, 9000}});
}

}  // namespace

std::vector<Source> sources_from_table(const Table& table, const std::string& where) {
  const auto column = [&](const char* name) { return table.find(name) ? table.numbers(name) : std::vector<double>{}; };
  const auto index = column("spectral_index"), temperature = column("temperature"), n = column("sersic_n"), radius = column("r_e"), ratio = column("axis_ratio"), angle = column("position_angle");
  std::vector<Source> sources;
  for (const auto& plain : simulate::sources_from_table(table, where)) {
    const std::size_t row = sources.size();
    const auto value = [&](const std::vector<double>& v, double otherwise) { return row < v.size() && std::isfinite(v[row]) ? v[row] : otherwise; };
    Source s{plain.id, plain.blend_id, plain.position, {plain.flux_ujy, value(index, 0), value(temperature, 0)}, value(n, 0), value(radius, 0), value(ratio, 1), value(angle, 0)};
    if (s.sersic_n != 0 && !(s.sersic_n >= .3 && s.sersic_n <= 10 && s.effective_radius_arcsec > 0 && s.axis_ratio > 0 && s.axis_ratio <= 1))
      throw DataError{fmt::format("{}: row {}: sersic_n {}, r_e {}, axis_ratio {}; a galaxy has sersic_n 0.3 to 10, r_e > 0 and axis_ratio above 0 to 1", where, row + 1, s.sersic_n, s.effective_radius_arcsec, s.axis_ratio)};
    if (s.spectrum.temperature_k < 0) throw DataError{fmt::format("{}: row {}: temperature {}; expected kelvin, or 0 for a power law", where, row + 1, s.spectrum.temperature_k)};
    sources.push_back(s);
  }
  return sources;
}

Table sources_table(const std::vector<Source>& sources) {
  std::vector<simulate::Source> plain;
  std::vector<double> index, temperature, n, radius, ratio, angle;
  for (const auto& s : sources) {
    plain.push_back({s.id, s.position, s.spectrum.flux_ujy, s.blend_id});
    index.push_back(s.spectrum.index), temperature.push_back(s.spectrum.temperature_k), n.push_back(s.sersic_n), radius.push_back(s.effective_radius_arcsec), ratio.push_back(s.axis_ratio),
        angle.push_back(s.position_angle_deg);
  }
  Table t = simulate::sources_table(plain);
  t.add("spectral_index", std::move(index), "", "Power of the wavelength that F_nu follows; flux is that at 2 um", "spect.index");
  t.add("temperature", std::move(temperature), "K", "Temperature of the black body that F_nu follows, 0 for a power law", "phys.temperature.effective");
  t.add("sersic_n", std::move(n), "", "Sersic index, 0 for a star");
  t.add("r_e", std::move(radius), "arcsec", "Half-light radius along the major axis", "phys.angSize");
  t.add("axis_ratio", std::move(ratio), "", "Minor over major axis", "phys.size.axisRatio");
  t.add("position_angle", std::move(angle), "deg", "Direction of the major axis, east of north", "pos.posAng");
  return t;
}

SceneOptions completed(SceneOptions o) {
  if (!o.survey.full) return o;
  const auto usual = [](double& value, double full) { value = value == 0 ? full : value; };
  usual(o.extra.galaxy_fraction, .2), usual(o.extra.pair_flux_ujy, 800), usual(o.extra.bright_flux_ujy, 6e5);
  usual(o.defects.nonfunc_fraction, .001), usual(o.defects.hot_fraction, .003), usual(o.defects.cold_fraction, .001), usual(o.defects.cosmic_fraction, .002), usual(o.defects.lost_fraction, 5e-5), usual(o.defects.full_well_e, 5e4);
  o.defects.persistence = o.defects.dichroic = o.defects.full_sample = true;
  usual(o.defects.ghost_share, .005), usual(o.defects.bloom_share, .02), usual(o.defects.crosstalk_share, 2e-4), usual(o.defects.satellite_rate, .2), usual(o.defects.snowball_rate, .3);
  usual(o.sky.helium, 2), usual(o.sky.nebula_peak, .1), usual(o.sky.nebula_line, 1), usual(o.mover.mover_flux_ujy, 5000);
  return o;
}

Scene make_scene(const SceneOptions& asked, const std::vector<Source>* catalog) {
  Scene scene;
  scene.options = completed(asked);
  const SceneOptions& options = scene.options;
  scene.exposures = plan_exposures(options.survey, options.field, options.seed);
  if (options.survey.layout == FileLayout::epsf && options.survey.psf_cards == PsfCards::exchanged)
    throw UsageError{"spherex.psf_cards: exchanged places occur in layout qr2 only"};
  for (const int d : detectors_of(options.survey)) scene.detectors.push_back(make_detector(d, options));
  if (catalog) {
    scene.sources = *catalog;
    add_extra_sources(options, scene.sources);
    return scene;
  }
  std::vector<wcs::SkyWcs> frames;
  for (const auto& key : frames_of(scene)) frames.push_back(scene.detectors[key.detector]->detector.sky(scene.exposures[key.exposure].attitude));
  simulate::Camera camera;
  camera.width = camera.height = options.survey.size;
  camera.pixel_scale_arcsec = pixel_scale_arcsec;
  simulate::StackOptions stack;
  stack.ra_deg = options.field.ra_deg, stack.dec_deg = options.field.dec_deg;
  scene.sources = drawn_sources(options, simulate::make_field(stack, camera, frames), camera, frames);
  add_extra_sources(options, scene.sources);
  return scene;
}

std::vector<FrameKey> frames_of(const Scene& scene) {
  std::vector<FrameKey> frames;
  for (std::size_t e = 0; e < scene.exposures.size(); ++e)
    for (std::size_t d = 0; d < scene.detectors.size(); ++d)
      if ((scene.detectors[d]->detector.number() - 1) % 3 + 1 == scene.exposures[e].pair) frames.push_back({e, d});
  return frames;
}

}  // namespace tessera::simulate_spherex
