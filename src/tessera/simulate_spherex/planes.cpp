#include "tessera/simulate_spherex/planes.h"

#include <algorithm>
#include <cmath>

#include "tessera/simulate/cosmic.h"
#include "tessera/simulate/random.h"
#include "tessera/simulate_spherex/artefacts.h"
#include "tessera/simulate_spherex/zodi_map.h"
#include "tessera/spherex/flags.h"

namespace tessera::simulate_spherex {
namespace {

using simulate::Purpose;
using simulate::Random;

std::int32_t bit(const char* flag) { return static_cast<std::int32_t>(spherex::flag_mask(flag)); }

/// Everything that adds to a slope besides light and dark current.
struct Events {
  std::vector<std::pair<std::int64_t, double>> rays;  // pixel and electrons, ascending
  Image<double> trapped;                              // e⁻/s released from what the exposure before trapped; may be empty
  Artefacts artefacts;
};

/// Charge that the bright sources of the exposure before left in traps: 1 per cent of it, up to the full well, released with a time constant of 300 s.
Image<double> persistent_current(const Frame& f, FrameKey key) {
  constexpr double trapped_share = .01, time_s = 300, gap_s = 120 - exposure_s, faintest_ujy = 3000;
  const DefectOptions& o = f.scene.options.defects;
  if (!o.persistence || f.exposure.step == 0) return {};
  const Frame before{f.scene, {key.exposure - 1, key.detector}};
  Image<double> current = source_light(before, faintest_ujy, nullptr);
  const double full = o.full_well_e > 0 ? o.full_well_e : 1e300;
  const double released = trapped_share * std::exp(-gap_s / time_s) * (1 - std::exp(-exposure_s / time_s)) / exposure_s;
  for (std::size_t i = 0; i < current.pixels().size(); ++i) current.pixels()[i] = released * std::min(full, current.pixels()[i] / f.state.gain.pixels()[i] * exposure_s);
  return current;
}

Events events_of(const Frame& f, FrameKey key) {
  Events e;
  const DefectOptions& o = f.scene.options.defects;
  if (o.cosmic_fraction > 0) {
    simulate::DefectOptions rays;
    rays.cosmic_fraction = o.cosmic_fraction;
    rays.cosmic_min_e = 100, rays.cosmic_max_e = 30000;
    e.rays = simulate::cosmic_rays(rays, f.box(), Random{f.scene.options.seed, Purpose::spherex_event, 2 * f.stream()}).hits;
  }
  e.trapped = persistent_current(f, key);
  return e;
}

/// Reads of a ramp before it leaves the full well; a slope of less than five cannot be made linear.
void fill_well(double full_well_e, Ramp& ramp, std::int32_t& flags, std::int16_t& truth) {
  if (!(full_well_e > 0) || ramp.rate_e_s * exposure_s <= full_well_e) return;
  constexpr int fewest = 2, linear = 5;
  ramp.used = std::clamp(1 + static_cast<int>(full_well_e / (ramp.rate_e_s * read_interval_s)), fewest, reads);
  flags |= bit("OVERFLOW");
  if (ramp.used < linear) {
    flags |= bit("NONLINEAR");
    ramp.rate_e_s = std::min(ramp.rate_e_s, full_well_e / (fewest * read_interval_s));
  }
  truth |= Defect::overflow;
}

/// Three in four jumps that a test on board could see are seen; of the others that stand out two thirds are found as outliers.
void flag_ray(const Ramp& ramp, double added_slope, Random& random, std::int32_t& flags) {
  const bool seen = ramp.jump_e > 5 * std::sqrt(2 * read_noise_e * read_noise_e + std::max(0.0, ramp.rate_e_s) * read_interval_s) && random.uniform() < .75;
  const bool outlier = added_slope > 5 * std::sqrt(slope_variance(ramp.rate_e_s, ramp.used)) && random.uniform() < .67;
  if (seen) flags |= bit("TRANSIENT");
  else if (outlier) flags |= bit("OUTLIER");
}

/// What the phantom samples of one row-averaged output leave in each read.
std::vector<double> reference_errors(const Frame& f, Random& random) {
  const double scatter = read_noise_e / std::sqrt(static_cast<double>(phantom_columns) * f.box().height());
  std::vector<double> errors(static_cast<std::size_t>(outputs * reads));
  for (double& e : errors) e = scatter * random.normal();
  return errors;
}

/// From brightness to what a calibrated image says: slopes with noise, the variance from the noisy slope as the pipeline computes it.
void read_out(const Frame& f, const Image<double>& brightness, const Image<double>& sources, const Events& events, Planes& p) {
  const auto& o = f.scene.options;
  Random random{o.seed, Purpose::spherex_noise, f.stream()}, chance{o.seed, Purpose::spherex_event, 2 * f.stream() + 1};
  const auto errors = o.survey.ramps ? reference_errors(f, random) : std::vector<double>{};
  const int width = f.box().width();
  const auto source = bit("SOURCE");
  auto ray = events.rays.begin();
  for (std::int64_t i = 0; i < f.box().area(); ++i) {
    const auto k = static_cast<std::size_t>(i);
    const double gain = f.state.gain.pixels()[k], dark = f.state.dark.pixels()[k];
    std::int32_t& flags = p.flags.pixels()[k];
    std::int16_t& truth = p.defects.pixels()[k];
    flags |= f.state.fixed_flags.pixels()[k];
    truth |= f.state.fixed_defects.pixels()[k];
    flags |= events.artefacts.flags.pixels()[k];
    truth |= events.artefacts.truth.pixels()[k];
    const double light = truth & Defect::nonfunctional ? 0 : (brightness.pixels()[k] + events.artefacts.light.pixels()[k]) * f.state.answer.pixels()[k];
    Ramp ramp{light / gain + dark + events.artefacts.rate.pixels()[k], reads, 0, 0, o.photon_noise, o.read_noise};
    if (const double trapped = events.trapped.empty() ? 0 : events.trapped.pixels()[k]; trapped > 0) {
      constexpr double threshold_e_s = .1;
      ramp.rate_e_s += trapped;
      if (trapped > threshold_e_s) flags |= bit("PERSIST"), truth |= Defect::persistence;
    }
    fill_well(o.defects.full_well_e, ramp, flags, truth);
    double added = 0;
    if (const int read = events.artefacts.read.pixels()[k]; read > 0) {
      ramp.jump_e = events.artefacts.electrons.pixels()[k], ramp.jump_after = read;
      added = jump_slope(ramp.jump_e, ramp.jump_after, ramp.used);
    }
    if (ray != events.rays.end() && ray->first == i) {
      const int after = 1 + static_cast<int>(chance.below(static_cast<std::uint64_t>(reads - 1)));
      if (ramp.jump_after > 0) ramp.jump_e += ray->second;  // in a snowball: at its time
      else ramp.jump_e = ray->second, ramp.jump_after = after;
      added = jump_slope(ramp.jump_e, ramp.jump_after, ramp.used);
      truth |= Defect::cosmic_ray;
      flag_ray(ramp, added, chance, flags);
      ++ray;
    }
    const auto output = static_cast<std::size_t>(i % width * outputs / width);
    const double slope = o.survey.ramps ? ramp_slope(ramp, errors.empty() ? std::span<const double>{} : std::span{errors}.subspan(output * reads, reads), random)
                                        : ramp.rate_e_s + added + std::sqrt(slope_variance(ramp.rate_e_s, ramp.used, o.photon_noise, o.read_noise)) * random.normal();
    p.image.pixels()[k] = static_cast<float>((slope - dark) * gain);
    p.variance.pixels()[k] = static_cast<float>(slope_variance(slope, ramp.used) * gain * gain);
    const double without = slope_variance((brightness.pixels()[k] - sources.pixels()[k]) / gain + dark);
    if (sources.pixels()[k] > std::sqrt(without) * gain) flags |= source;
    if (o.defects.lost_fraction > 0 && chance.uniform() < o.defects.lost_fraction) {
      p.image.pixels()[k] = p.variance.pixels()[k] = std::nanf("");
      truth |= Defect::lost;
    }
  }
}

}  // namespace

Planes expose(const Scene& scene, FrameKey key, bool keep_model) {
  const Frame f{scene, key};
  Planes p{Image<float>{f.box()}, Image<float>{f.box()}, Image<float>{f.box()}, Image<std::int32_t>{f.box()}, Image<std::int16_t>{f.box()}, {}, {}};
  if (scene.options.sky.zodi) p.zodi = zodi_map(f.state.detector, f.sky, f.exposure.mjd, f.state.centre_um);
  const Image<double> sources = source_light(f, 0, &p.truth);
  Image<double> brightness = sources.copy();
  for (std::size_t i = 0; i < p.zodi.pixels().size(); ++i) brightness.pixels()[i] += p.zodi.pixels()[i];
  add_sky(f, brightness);
  if (const auto mover = moving_light(f); !mover.empty())
    for (std::size_t i = 0; i < mover.pixels().size(); ++i) {
      const double gain = f.state.gain.pixels()[i];
      if (mover.pixels()[i] > .5 * gain * std::sqrt(slope_variance(brightness.pixels()[i] / gain + dark_e_s))) p.defects.pixels()[i] |= Defect::moving;
      brightness.pixels()[i] += mover.pixels()[i];
    }
  auto events = events_of(f, key);
  events.artefacts = artefacts_of(f, brightness, p.truth);
  read_out(f, brightness, sources, events, p);
  if (keep_model) {
    p.model = Image<float>::unfilled(f.box());
    std::ranges::transform(brightness.pixels(), p.model.pixels().begin(), [](double v) { return static_cast<float>(v); });
  }
  return p;
}

}  // namespace tessera::simulate_spherex
