#include "tessera/pipeline/provenance.h"

#include <nlohmann/json.hpp>
#include <set>

#include "tessera/base/utf8.h"
#include "tessera/pipeline/frame_cache.h"

namespace tessera::pipeline {

std::vector<run::InputRecord> list_inputs(const Plan& plan, const std::vector<std::string>& others) {
  std::vector<run::InputRecord> records;
  std::set<std::string> seen;
  const auto add = [&](const instrument::PlaneLocation& plane, bool lost) {
    if (seen.insert(plane.path.string()).second) records.push_back({plane.path.string(), 0, "", lost});
  };
  for (std::size_t i = 0; i < plan.frames.size(); ++i) {
    const auto& frame = plan.frames[i];
    const bool lost = plan.lost.count(i) > 0;
    add(frame.image, lost);
    if (frame.uncertainty) add(*frame.uncertainty, lost);
    if (frame.mask) add(*frame.mask, lost);
    if (frame.rmask) add(frame.rmask->plane, lost);
    if (frame.pmask) add(frame.pmask->plane, lost);
  }
  for (const auto& path : others)
    if (seen.insert(path).second) records.push_back({path, 0, "", false});
  return records;
}

std::vector<run::InputRecord> hash_inputs(const Plan& plan, const std::vector<std::string>& others, run::Context& context) {
  auto records = list_inputs(plan, others);
  context.stage("checksums of inputs", static_cast<std::int64_t>(records.size()));
  context.pool().for_each(static_cast<std::int64_t>(records.size()), [&](std::int64_t i) {
    run::measure_input(records[static_cast<std::size_t>(i)], plan.input_checksums);
    context.step();
  });
  context.pool().for_each(static_cast<std::int64_t>(plan.frames.size()), [&](std::int64_t i) {
    const auto at = static_cast<std::size_t>(i);
    if (!plan.lost.count(at)) check_unchanged(plan.frames[at], plan.stamps[at], at);
  });
  return records;
}

namespace {

nlohmann::ordered_json frame_json(const Plan& plan, const FramePass& pass, const std::vector<std::int64_t>& rejected, std::size_t i) {
  const auto& f = plan.frames[i];
  const auto& s = pass.frames[i];
  return {{"image", f.image.path.string()}, {"hdu", f.image.hdu}, {"profile", f.profile->name}, {"used", s.usable}, {"exposure_s", f.exposure_s},
          {"good_fraction", s.good_fraction}, {"noise_scale", s.noise_scale}, {"sky_variance", s.sky_variance}, {"weight", s.weight}, {"zodi", s.zodi}, {"offset", s.offset},
          {"offset_sigma", s.offset_sigma}, {"offset_outlier", s.offset_outlier}, {"group", s.group}, {"rejected_pixels", rejected.empty() ? 0 : rejected[i]}, {"notes", f.notes}};
}

nlohmann::ordered_json losses_json(const StarLosses& losses) {
  nlohmann::ordered_json j{{"percent_of_all_pixels", losses.percent_of_all}, {"magnitudes", losses.ab ? "AB" : "instrumental, zero point 0"}, {"aperture_arcsec", losses.aperture_arcsec}};
  for (const auto& b : losses.bins)
    j["bins"].push_back({{"magnitude_from", b.from}, {"magnitude_to", b.to}, {"peak_snr", b.signal_to_noise}, {"stars", b.stars}, {"core_pixels", b.pixels}, {"rejected_pixels", b.rejected}, {"percent", b.percent()}});
  return j;
}

nlohmann::ordered_json stars_json(const FrameStars& s) {
  if (s.count == 0) return {{"covered", s.covered}, {"count", 0}};
  return {{"covered", s.covered}, {"count", s.count}, {"east_arcsec", s.east}, {"north_arcsec", s.north}, {"position_sigma_arcsec", s.position_sigma},
          {"position_scatter_arcsec", s.position_scatter}, {"flux_ratio", s.flux_ratio}, {"flux_sigma", s.flux_sigma}, {"flux_scatter", s.flux_scatter}};
}

}  // namespace

void publish_mosaic(run::RunClock& clock, const Plan& plan, const FramePass& pass, const FrameMasks& masks, const Repeatability& stars, const MosaicOptions& options, const param::OptionSet& settings,
                    const std::vector<run::InputRecord>& inputs, const std::vector<run::ProductRecord>& products, const StarLosses& losses, run::OutputFolder& folder, run::Recorder& recorder) {
  const auto rejected = masks.count(options.rejection.fatal());
  std::vector<std::pair<std::string, std::vector<std::int64_t>>> found;  // pixels of each frame by scheme
  for (const auto scheme : outlier::all_schemes)
    if (options.rejection.uses(scheme)) found.emplace_back(outlier::name_of(scheme), masks.count(bit_of(scheme)));
  nlohmann::ordered_json j{{"unit", plan.unit}, {"weights", coadd::to_string(pass.weighting)}};
  j["grid"] = {{"width", plan.grid.width}, {"height", plan.grid.height}, {"tile_side", plan.lattice.side}, {"tiles", plan.lattice.count()}};
  for (std::size_t i = 0; i < plan.frames.size(); ++i) {
    auto frame = frame_json(plan, pass, rejected, i);
    for (const auto& [name, count] : found) frame["found_by"][name] = count[i];
    if (!stars.frames.empty()) frame["stars"] = stars_json(stars.frames[i]);
    j["frames"].push_back(std::move(frame));
  }
  if (!losses.bins.empty()) j["rejection_in_stars"] = losses_json(losses);
  if (!stars.frames.empty()) j["stars"] = {{"count", stars.stars}, {"aperture_arcsec", stars.aperture_arcsec}};
  j["skipped"] = plan.skipped;
  j["overlap_pairs"] = pass.offsets.pairs.size();
  j["background_error"] = {{"median", pass.background_error.median}, {"largest", pass.background_error.largest}};
  text::change_strings(j, text::to_utf8);
  run::publish_run(clock, plan.hash, settings, inputs, products, {}, folder, recorder, j.dump(1));
}

}  // namespace tessera::pipeline
