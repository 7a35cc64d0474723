#include "tessera/pipeline/provenance.h"

#include "tessera/pipeline/run_json.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>
#include <set>

#include "tessera/base/error.h"
#include "tessera/base/files.h"
#include "tessera/base/utf8.h"
#include "tessera/base/version.h"
#include "tessera/io/remote.h"
#include "tessera/pipeline/frame_cache.h"

namespace tessera::pipeline {

void Recorder::stage(std::string_view name, std::int64_t total) {
  {
    const std::lock_guard lock{mutex_};
    close_stage();
    stages_.push_back({std::string{name}, 0, 0, 0});
    began_ = std::chrono::steady_clock::now();
    cpu_began_ = parallel::cpu_seconds();
    running_ = true;
  }
  inner_.stage(name, total);
}

void Recorder::close_stage() {
  if (!running_) return;
  auto& s = stages_.back();
  s.wall_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
  s.cpu_s = parallel::cpu_seconds() - cpu_began_;
  s.peak_bytes = parallel::peak_resident();
  running_ = false;
}

std::vector<StageRecord> Recorder::stages() {
  const std::lock_guard lock{mutex_};
  close_stage();
  return stages_;
}

void Recorder::caveat(std::string_view kind, std::string_view message, std::int64_t count) {
  {
    const std::lock_guard lock{mutex_};
    // A pass that is done again, without a frame that was lost, tells what it told before.
    if (std::any_of(caveats_.begin(), caveats_.end(), [&](const Caveat& c) { return c.kind == kind && c.message == message; })) return;
    caveats_.push_back({std::string{kind}, std::string{message}, count});
  }
  inner_.caveat(kind, message, count);
}

std::vector<InputRecord> list_inputs(const Plan& plan, const std::vector<std::string>& others) {
  std::vector<InputRecord> records;
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

void measure_input(InputRecord& r, bool checksum) {
  if (io::is_url(r.path)) {
    try {
      r.bytes = io::remote_identity(r.path).bytes;  // it is not fetched whole: what its server says of it stands in for a checksum
    } catch (const DataError&) {
      r.bytes = 0;
    }
    return;
  }
  try {
    if (checksum) r.sha256 = files::sha256_file(r.path);
  } catch (const DataError&) {
    if (!r.lost) throw;
  }
  std::error_code code;
  const auto bytes = std::filesystem::file_size(r.path, code);
  r.bytes = code ? 0 : static_cast<std::int64_t>(bytes);
}

std::vector<InputRecord> hash_inputs(const Plan& plan, const std::vector<std::string>& others, Context& context) {
  auto records = list_inputs(plan, others);
  context.stage("checksums of inputs", static_cast<std::int64_t>(records.size()));
  context.pool().for_each(static_cast<std::int64_t>(records.size()), [&](std::int64_t i) {
    measure_input(records[static_cast<std::size_t>(i)], plan.input_checksums);
    context.step();
  });
  context.pool().for_each(static_cast<std::int64_t>(plan.frames.size()), [&](std::int64_t i) {
    const auto at = static_cast<std::size_t>(i);
    if (!plan.lost.count(at)) check_unchanged(plan.frames[at], plan.stamps[at], at);
  });
  return records;
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(now));
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

nlohmann::ordered_json host_json() {
  char name[256] = {};
  ::gethostname(name, sizeof name - 1);
  return {{"name", name}, {"processors", ::sysconf(_SC_NPROCESSORS_ONLN)}, {"memory_bytes", parallel::physical_memory()}};
}

/// What the records of all runs begin with.
nlohmann::ordered_json head_json(const RunRecord& run, const std::string& plan) {
  return {{"schema", "tessera/run/1"}, {"version", version()}, {"verb", run.verb}, {"arguments", run.arguments},
          {"working_folder", run.working_folder}, {"started", run.started}, {"finished", utc_now()}, {"wall_s", run.wall_s}, {"plan", plan}};
}

void add_options(nlohmann::ordered_json& j, const param::OptionSet& settings) {
  for (const auto& s : settings.settings())
    j["options"].push_back({{"key", s.key}, {"value", s.value}, {"source", param::to_string(s.source)}, {"where", s.where}});
}

void add_inputs(nlohmann::ordered_json& j, const std::vector<InputRecord>& inputs) {
  j["inputs"] = nlohmann::ordered_json::array();
  for (const auto& in : inputs) {
    nlohmann::ordered_json record{{"path", in.path}, {"bytes", in.bytes}, {"sha256", in.sha256}};
    if (io::is_url(in.path) && in.bytes > 0) record["remote"] = io::remote_identity(in.path).stamp();
    j["inputs"].push_back(std::move(record));
  }
}

/// Caveats, stages and products, which end the record.
std::string finish_json(nlohmann::ordered_json& j, const std::vector<ProductRecord>& products, Recorder& recorder) {
  j["caveats"] = nlohmann::ordered_json::array();
  for (const auto& c : recorder.caveats()) j["caveats"].push_back({{"kind", c.kind}, {"message", c.message}, {"count", c.count}});
  for (const auto& s : recorder.stages())
    j["stages"].push_back({{"name", s.name}, {"wall_s", s.wall_s}, {"cpu_s", s.cpu_s}, {"peak_bytes", s.peak_bytes}});
  for (const auto& p : products) {
    nlohmann::ordered_json product{{"name", p.name}};
    if (!p.datasum.empty()) product["datasum"] = p.datasum;
    j["products"].push_back(std::move(product));
  }
  text::change_strings(j, text::to_utf8);
  return j.dump(1) + "\n";
}

}  // namespace

std::string run_json(const RunRecord& run, const std::string& plan, const param::OptionSet& settings, const std::vector<InputRecord>& inputs, const std::vector<ProductRecord>& products,
                     const std::vector<std::pair<std::string, double>>& results, Recorder& recorder) {
  auto j = head_json(run, plan);
  j["host"] = host_json();
  add_options(j, settings);
  add_inputs(j, inputs);
  for (const auto& [name, value] : results) j["results"][name] = value;
  return finish_json(j, products, recorder);
}

std::string run_json(const RunRecord& run, const Plan& plan, const FramePass& pass, const FrameMasks& masks, const Repeatability& stars, const MosaicOptions& options,
                     const param::OptionSet& settings, const std::vector<InputRecord>& inputs, const std::vector<ProductRecord>& products, const StarLosses& losses, Recorder& recorder) {
  const auto weights = coadd::to_string(pass.weighting);
  const auto rejected = masks.count(options.rejection.fatal());
  std::vector<std::pair<std::string, std::vector<std::int64_t>>> found;  // pixels of each frame by scheme
  for (const auto scheme : outlier::all_schemes)
    if (options.rejection.uses(scheme)) found.emplace_back(outlier::name_of(scheme), masks.count(bit_of(scheme)));
  auto j = head_json(run, plan.hash);
  j["unit"] = plan.unit;
  j["weights"] = weights;
  j["host"] = host_json();
  add_options(j, settings);
  j["grid"] = {{"width", plan.grid.width}, {"height", plan.grid.height}, {"tile_side", plan.lattice.side}, {"tiles", plan.lattice.count()}};
  add_inputs(j, inputs);
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
  return finish_json(j, products, recorder);
}

}  // namespace tessera::pipeline
