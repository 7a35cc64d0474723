#include "tessera/scale_out/plan_file.h"

#include <fmt/format.h>

#include <mutex>
#include <nlohmann/json.hpp>

#include "tessera/base/error.h"
#include "tessera/base/files.h"
#include "tessera/base/utf8.h"
#include "tessera/base/version.h"
#include "tessera/pipeline/frame_cache.h"
#include "tessera/run/context.h"

namespace tessera::pipeline {  // found by its argument

void to_json(nlohmann::json& j, const PlaneSet& planes) { j = planes.bits(); }
void from_json(const nlohmann::json& j, PlaneSet& planes) { planes = PlaneSet::of_bits(j.get<unsigned>()); }

}  // namespace tessera::pipeline

namespace tessera::scale_out {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::uint64_t boxes_record = ~std::uint64_t{0};

json to_json(const wcs::Grid& g) {
  return {{"projection", g.projection}, {"frame", static_cast<int>(g.frame)}, {"crval", {g.crval1_deg, g.crval2_deg}}, {"crpix", {g.crpix1, g.crpix2}}, {"cdelt", {g.cdelt1_deg, g.cdelt2_deg}},
          {"crota2", g.crota2_deg}, {"width", g.width}, {"height", g.height}, {"parameters", g.parameters}, {"cards", g.extra.cards80()}};
}

wcs::Grid grid_from(const json& j) {
  wcs::Grid g;
  g.projection = j.at("projection");
  g.frame = static_cast<wcs::SkyFrame>(j.at("frame").get<int>());
  g.crval1_deg = j.at("crval")[0], g.crval2_deg = j.at("crval")[1];
  g.crpix1 = j.at("crpix")[0], g.crpix2 = j.at("crpix")[1];
  g.cdelt1_deg = j.at("cdelt")[0], g.cdelt2_deg = j.at("cdelt")[1];
  g.crota2_deg = j.at("crota2");
  g.width = j.at("width"), g.height = j.at("height");
  g.parameters = j.at("parameters").get<std::vector<std::pair<int, double>>>();
  if (const auto cards = j.at("cards").get<std::string>(); !cards.empty()) g.extra = Header::parse(cards);
  return g;
}

/// The numbers of a plan, each under its name, for writing and for reading.
template <class P, class Visit>
void for_numbers(P& p, Visit visit) {
  visit("tile_side", p.lattice.side), visit("planes", p.planes), visit("context_planes", p.context_planes), visit("reach", p.reach), visit("two_pass", p.two_pass);
  visit("taken", p.taken), visit("stack_bytes", p.stack_bytes), visit("coadd_halo", p.coadd_halo), visit("halo", p.halo), visit("input_over_output_pixel", p.input_over_output_pixel);
  visit("frame_pixel", p.frame_pixel), visit("cell_side", p.cell_side), visit("timed", p.timed), visit("unit", p.unit), visit("request", p.request), visit("plan", p.hash);
  visit("detection_maps", p.detection_maps), visit("notes", p.notes), visit("cautions", p.cautions), visit("skipped", p.skipped);
  visit("star_check", p.star_check), visit("input_checksums", p.input_checksums), visit("noise_measured", p.noise_measured);
  visit("memory_bytes", p.forecast.memory_bytes), visit("disk_bytes", p.forecast.disk_bytes), visit("cpu_seconds", p.forecast.cpu_seconds);
  visit("input_pixels", p.forecast.input_pixels), visit("output_pixels", p.forecast.output_pixels);
}

/// Centre, scale and angle of a frame, for the list of frames of a run that lost its file.
json place_json(const instrument::FrameFile& f) {
  const wcs::PixelPoint middle{(f.width - 1) / 2.0, (f.height - 1) / 2.0};
  const auto sky = f.wcs.pixel_to_sky(middle);
  return {sky.ra_deg, sky.dec_deg, f.wcs.pixel_scale_arcsec(middle), f.wcs.north_angle_deg(middle)};
}

/// What is known of a frame whose header cannot be read any more: a plain frame at its place.
void stand_in(instrument::FrameFile& frame, const instrument::FrameNames& names, const json& j, const instrument::ProfileSet& profiles) {
  frame = {};
  frame.image = {names.image, std::max(0, names.hdu)};
  frame.width = j.at("size")[0], frame.height = j.at("size")[1], frame.exposure_s = j.at("exposure");
  frame.unit = j.at("unit"), frame.profile = &profiles.named(j.at("profile"));
  const auto& at = j.at("at");
  if (at[0].is_null() || at[2].is_null()) return;
  wcs::Grid g;
  g.crval1_deg = at[0], g.crval2_deg = at[1], g.crota2_deg = at[3].is_null() ? 0.0 : at[3].get<double>();
  g.crpix1 = (frame.width + 1) / 2.0, g.crpix2 = (frame.height + 1) / 2.0;
  g.cdelt2_deg = at[2].get<double>() / 3600, g.cdelt1_deg = -g.cdelt2_deg;
  g.width = frame.width, g.height = frame.height;
  frame.wcs = g.wcs();
}

json frame_json(const pipeline::Plan& plan, std::size_t i) {
  const auto& f = plan.frames[i];
  const auto& n = plan.names[i];
  json j{{"image", n.image.string()}, {"hdu", n.hdu}, {"stamp", plan.stamps[i]}, {"key", plan.frame_keys[i]}, {"unit", f.unit}, {"unit_factor", f.unit_factor}, {"size", {f.width, f.height}}, {"exposure", f.exposure_s}, {"profile", f.profile->name}, {"at", place_json(f)}};
  for (const auto& [key, path] : {std::pair{"sigma", &n.sigma}, {"mask", &n.mask}, {"rmask", &n.rmask}, {"pmask", &n.pmask}})
    if (!path->empty()) j[key] = path->string();
  if (!plan.moving.empty()) j["object"] = {plan.moving.mjd[i], plan.moving.position[i].ra_deg, plan.moving.position[i].dec_deg};
  return j;
}

instrument::FrameNames names_from(const json& j) {
  const auto path = [&](const char* key) { return fs::path{j.value(key, std::string{})}; };
  return {path("image"), path("sigma"), path("mask"), j.at("hdu"), path("rmask"), path("pmask")};
}

std::string frames_head(const std::string& hash) { return json{{"schema", "tessera/plan-frames/1"}, {"plan", hash}}.dump(); }

void write_frames(const fs::path& path, const pipeline::Plan& plan) {
  run::RecordWriter writer{path, frames_head(plan.hash)};
  run::ByteWriter boxes;
  boxes.put(plan.on_grid);
  writer.add(boxes_record, boxes.bytes());
  for (std::size_t first = 0; first < plan.frames.size(); first += frames_per_block) {
    auto block = json::array();
    for (std::size_t i = first; i < std::min(plan.frames.size(), first + frames_per_block); ++i) block.push_back(frame_json(plan, i));
    text::change_strings(block, text::to_utf8);
    writer.add(first / frames_per_block, block.dump());
  }
  writer.commit();
}

}  // namespace

fs::path work_folder(const fs::path& plan_file) { return plan_file.string() + ".work"; }

void write_plan_file(const fs::path& path, const pipeline::Plan& plan, run::Request request, const std::string& output, bool overwrite) {
  const auto folder = work_folder(path);
  std::error_code code;
  fs::remove(path, code);  // from here on nobody begins with the old one
  fs::create_directories(folder / "parts", code);
  if (code) throw SystemError{fmt::format("{}: cannot be made: {}; the plan's work needs this folder", folder.string(), code.message())};
  for (const auto& entry : fs::directory_iterator{folder / "parts"}) {  // of another plan they are of no use
    try {
      if (json::parse(run::RecordReader{entry.path()}.head()).value("plan", "") == plan.hash) continue;
    } catch (const std::exception&) {
    }
    fs::remove(entry.path(), code);
  }
  write_frames(folder / "frames", plan);
  request.frames.clear();
  json j{{"schema", "tessera/plan/1"}, {"version", version()}, {"output", output}, {"overwrite", overwrite}, {"asked", json::parse(to_json(request))}, {"grid", to_json(plan.grid)},
         {"frames", plan.frames.size()}, {"tiles", plan.lattice.count()}, {"object", {plan.moving.fixed.ra_deg, plan.moving.fixed.dec_deg}}};
  for_numbers(plan, [&](const char* name, const auto& value) { j["settled"][name] = value; });
  text::change_strings(j, text::to_utf8);
  files::write_atomic(path, j.dump(1) + "\n");
}

PlanFile::PlanFile(fs::path path) : path_{std::move(path)} {
  try {
    auto j = json::parse(files::read(path_));
    if (j.value("schema", "") != "tessera/plan/1") throw DataError{fmt::format("{}: no plan of tessera (schema tessera/plan/1); make one with tessera mosaic ... --plan-only {}", path_.string(), path_.string())};
    if (j.at("version") != version()) throw DataError{fmt::format("{}: made by tessera {}, this is {}; make the plan again, or work with that version", path_.string(), j.at("version").get<std::string>(), version())};
    request_ = run::request_from_json(j.at("asked").dump(), path_.string());
    text::change_strings(j, text::raw_bytes);
    output_ = j.at("output"), overwrite_ = j.at("overwrite");
    plan_.grid = grid_from(j.at("grid"));
    for_numbers(plan_, [&](const char* name, auto& value) { j.at("settled").at(name).get_to(value); });
    plan_.lattice.width = plan_.grid.width, plan_.lattice.height = plan_.grid.height;
    plan_.moving.fixed = {j.at("object")[0], j.at("object")[1]};
    const std::size_t n = j.at("frames");
    frames_ = std::make_unique<run::RecordReader>(folder() / "frames");
    if (frames_->head() != frames_head(plan_.hash) || frames_->entries().size() != 1 + (n + frames_per_block - 1) / frames_per_block)
      throw DataError{fmt::format("{}: is not the list of frames of {}; make the plan again", frames_->path().string(), path_.string())};
    const auto boxes = frames_->read(frames_->entries().front());
    run::ByteReader{boxes, frames_->path().string()}.get(plan_.on_grid);
    plan_.frames.resize(n), plan_.names.resize(n), plan_.frame_keys.resize(n), plan_.stamps.resize(n), plan_.on_grid.resize(n);
    pipeline::assign_tiles(plan_);
  } catch (const json::exception& error) {
    throw DataError{fmt::format("{}: not a complete plan ({})", path_.string(), error.what())};
  }
}

void PlanFile::name_frames() {
  for (std::size_t b = 0; b + 1 < frames_->entries().size(); ++b) {
    auto block = json::parse(frames_->read(frames_->entries()[1 + b]));
    text::change_strings(block, text::raw_bytes);
    for (std::size_t k = 0; k < block.size(); ++k) {
      const auto i = b * frames_per_block + k;
      auto& frame = plan_.frames.at(i);
      plan_.names[i] = names_from(block[k]);
      frame.image = {plan_.names[i].image, 0};
      frame.width = block[k].at("size")[0], frame.height = block[k].at("size")[1], frame.exposure_s = block[k].at("exposure");
    }
  }
}

void PlanFile::open(std::span<const std::size_t> wanted, const pipeline::MosaicOptions& options, const instrument::ProfileSet& profiles, run::Context& context,
                    std::vector<std::pair<std::size_t, std::string>>* refused) {
  std::map<std::size_t, std::vector<std::size_t>> of_block;
  for (const auto i : wanted) of_block[i / frames_per_block].push_back(i);
  const std::vector<std::pair<std::size_t, std::vector<std::size_t>>> blocks(of_block.begin(), of_block.end());
  const bool moving = !options.moving.object.empty();
  if (moving) plan_.moving.mjd.resize(plan_.frames.size()), plan_.moving.position.resize(plan_.frames.size());
  std::mutex mutex;
  const auto open_one = [&](std::size_t i, const json& j) {
    auto& frame = plan_.frames[i];
    plan_.names[i] = names_from(j);
    plan_.frame_keys[i] = j.at("key");
    try {
      frame = instrument::open_frame(plan_.names[i], options.input, profiles);
      plan_.stamps[i] = j.at("stamp");
      pipeline::check_unchanged(frame, plan_.stamps[i], i);
    } catch (const DataError& error) {
      if (!refused) throw;
      stand_in(frame, plan_.names[i], j, profiles);
      const std::lock_guard lock{mutex};
      refused->emplace_back(i, error.what());
      return;
    }
    frame.unit = j.at("unit"), frame.unit_factor = j.at("unit_factor");
    if (frame.rmask && !options.rejection.fatal_bits.empty()) frame.rmask->fatal_bits = options.rejection.fatal();
    if (!moving) return;
    plan_.moving.mjd[i] = j.at("object")[0], plan_.moving.position[i] = {j.at("object")[1], j.at("object")[2]};
    frame.wcs = frame.wcs.carried(plan_.moving.position[i], plan_.moving.fixed);
  };
  context.stage("reading headers", static_cast<std::int64_t>(wanted.size()));
  constexpr std::size_t at_once = 64;  // blocks held as JSON
  for (std::size_t first = 0; first < blocks.size(); first += at_once) {
    std::vector<std::pair<std::size_t, json>> entries;
    for (std::size_t b = first; b < std::min(blocks.size(), first + at_once); ++b) {
      auto block = json::parse(frames_->read(frames_->entries()[1 + blocks[b].first]));
      text::change_strings(block, text::raw_bytes);
      for (const auto i : blocks[b].second) entries.emplace_back(i, std::move(block.at(i % frames_per_block)));
    }
    context.pool().for_each(static_cast<std::int64_t>(entries.size()), [&](std::int64_t k) {
      open_one(entries[static_cast<std::size_t>(k)].first, entries[static_cast<std::size_t>(k)].second);
      context.step();
    });
  }
}

}  // namespace tessera::scale_out
