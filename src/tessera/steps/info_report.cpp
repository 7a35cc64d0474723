#include "tessera/steps/info_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "tessera/base/error.h"
#include "tessera/base/files.h"
#include "tessera/base/text.h"
#include "tessera/base/utf8.h"
#include "tessera/io/tables.h"

namespace tessera::steps {
namespace {

using Json = nlohmann::ordered_json;
using instrument::FrameSummary;
using instrument::HduSummary;
using instrument::WcsSummary;

std::string dump(const Json& j) { return j.dump(1, ' ', false, Json::error_handler_t::replace); }

/// JSON has no NaN; null says the same.
Json number(double v) { return std::isfinite(v) ? Json(v) : Json(nullptr); }
Json known(double v) { return v > 0 ? Json(v) : Json(nullptr); }

std::string axes_text(const io::HduInfo& info) {
  std::vector<std::string> parts;
  for (const auto n : info.axes) parts.push_back(std::to_string(n));
  return text::join(parts, "x");
}

const char* kind_of(const io::HduInfo& info) {
  return info.kind == io::HduInfo::Kind::table ? "table" : info.kind == io::HduInfo::Kind::image ? "image" : "no data";
}

std::string hdu_text(const HduSummary& h) {
  std::string s = fmt::format("  HDU {} {:<12} {}", h.info.index, h.info.name.empty() ? "-" : fmt::format("{},{}", h.info.name, h.info.version), kind_of(h.info));
  if (h.info.kind == io::HduInfo::Kind::table) {
    std::vector<std::string> names;
    for (const auto& [name, unit] : h.columns) names.push_back(unit.empty() ? name : fmt::format("{} [{}]", name, unit));
    if (names.size() > 12) {
      const auto more = names.size() - 12;
      names.resize(12);
      names.push_back(fmt::format("{} more", more));
    }
    return s + fmt::format(", {} rows, {} columns: {}\n", h.rows, h.columns.size(), text::join(names, ", "));
  }
  if (h.info.kind == io::HduInfo::Kind::image)
    s += fmt::format(" {}, {} bit{}{}{}", axes_text(h.info), std::abs(h.info.bitpix), h.info.bitpix < 0 ? " float" : " integer",
                     h.info.compressed ? ", tile-compressed" : "", h.unit.empty() ? "" : ", " + h.unit);
  return s + "\n";
}

std::string wcs_text(const WcsSummary& w) {
  std::string s = fmt::format("  WCS          {}{} in {}\n", w.projection, w.distortion.empty() ? "" : " with " + w.distortion, w.frame);
  s += fmt::format("  centre       {:.7f} {:+.7f} deg = {}\n", w.center.ra_deg, w.center.dec_deg, instrument::sexagesimal(w.center));
  s += fmt::format("  pixel        {:.5g} arcsec, {:.6g} sr at the centre\n", w.pixel_scale_arcsec, w.pixel_area_sr);
  s += fmt::format("  orientation  north is {:.3f} deg counter-clockwise of +y; east is to the {} with north up\n", w.north_angle_deg, w.east_left ? "left" : "right (mirrored)");
  s += "  corners     ";
  for (const auto& c : w.corners) s += fmt::format(" ({:.6f}, {:+.6f})", c.ra_deg, c.dec_deg);
  s += "\n";
  for (const auto& note : w.notes) s += fmt::format("  note         {}\n", note);
  return s;
}

std::string location_text(const std::optional<instrument::PlaneLocation>& plane, const instrument::PlaneLocation& image) {
  if (!plane) return "none";
  return plane->path == image.path ? fmt::format("HDU {}", plane->hdu) : fmt::format("{} HDU {}", plane->path.string(), plane->hdu);
}

std::string unit_text(const instrument::FrameFile& f) {
  std::string s = f.input_unit.empty() ? "not stated" : f.input_unit;
  if (f.unit_factor != 1 || f.unit != f.input_unit)
    s += fmt::format(", read as {} (times {:.8g}{})", f.unit.empty() ? "it stands" : f.unit, f.unit_factor, f.local_area ? " and each pixel's own area" : "");
  return s;
}

std::string facts_text(const instrument::FrameFile& f) {
  std::string s = fmt::format("  filter       {}\n", f.filter.empty() ? "unknown" : f.filter);
  s += f.exposure_s > 0 ? fmt::format("  exposure     {:.6g} s\n", f.exposure_s) : "  exposure     unknown\n";
  if (f.mjd_begin > 0) s += fmt::format("  time         MJD {:.7f} to {:.7f}\n", f.mjd_begin, f.mjd_end);
  if (f.gain > 0 || f.read_noise > 0) s += fmt::format("  detector     {:.6g} electrons per input unit, read noise {:.4g} electrons (0: unknown)\n", f.gain, f.read_noise);
  if (f.saturation > 0) s += fmt::format("  saturation   {:.6g} {}\n", f.saturation, f.input_unit);
  if (f.zodi) s += fmt::format("  zodi         {:.6g} MJy/sr estimated to be left in the frame\n", *f.zodi);
  if (f.refined) s += fmt::format("  refined      pointing {:.7f} {:+.7f}, angle {:.5f} deg is there beside the WCS\n", f.refined->ra_deg, f.refined->dec_deg, f.refined->angle_deg);
  return s;
}

std::string frame_text(const FrameSummary& s) {
  const auto& f = s.frame;
  std::string t = fmt::format("  frame        {}{}x{} pixels\n", f.hdu_label.empty() ? "" : "[" + f.hdu_label + "] ", f.width, f.height);
  t += fmt::format("  unit         {}\n", unit_text(f));
  t += fmt::format("  uncertainty  {}{}\n", location_text(f.uncertainty, f.image), f.uncertainty ? fmt::format(" ({})", instrument::to_string(f.noise)) : "");
  t += fmt::format("  mask         {}\n", location_text(f.mask, f.image));
  t += wcs_text(s.wcs) + facts_text(f);
  for (const auto& b : s.bits)
    t += fmt::format("  bit {:<2} {:5}   {:>9} pixels  {}{}\n", b.bit.bit, b.fatal ? "fatal" : "", b.pixels, b.bit.name, b.bit.text.empty() ? "" : ": " + b.bit.text);
  t += fmt::format("  good         {:.4f} of the pixels; median {:.6g}, from {:.6g} to {:.6g} {}; median sigma {:.4g}\n", s.good_fraction, s.median, s.minimum, s.maximum,
                   f.unit, s.sigma_median);
  for (const auto& note : f.notes)
    if (std::find(s.wcs.notes.begin(), s.wcs.notes.end(), note) == s.wcs.notes.end()) t += fmt::format("  note         {}\n", note);
  for (const auto& quirk : f.profile->quirks) t += fmt::format("  note         {}\n", quirk);
  return t;
}

Json hdu_json(const HduSummary& h) {
  Json j{{"index", h.info.index}, {"name", h.info.name}, {"version", h.info.version}, {"kind", kind_of(h.info)}, {"axes", h.info.axes}};
  if (h.info.kind == io::HduInfo::Kind::image) j.update({{"bitpix", h.info.bitpix}, {"compressed", h.info.compressed}, {"unit", h.unit}});
  if (h.info.kind != io::HduInfo::Kind::table) return j;
  j["rows"] = h.rows;
  j["columns"] = Json::array();
  for (const auto& [name, unit] : h.columns) j["columns"].push_back({{"name", name}, {"unit", unit}});
  return j;
}

Json wcs_json(const WcsSummary& w) {
  Json corners = Json::array();
  for (const auto& c : w.corners) corners.push_back({number(c.ra_deg), number(c.dec_deg)});
  return {{"projection", w.projection}, {"frame", w.frame}, {"distortion", w.distortion}, {"center_deg", {number(w.center.ra_deg), number(w.center.dec_deg)}},
          {"center", instrument::sexagesimal(w.center)}, {"pixel_scale_arcsec", number(w.pixel_scale_arcsec)}, {"pixel_area_sr", number(w.pixel_area_sr)},
          {"north_angle_deg", number(w.north_angle_deg)}, {"east_left", w.east_left}, {"corners_deg", corners}, {"notes", w.notes}};
}

Json plane_json(const std::optional<instrument::PlaneLocation>& plane) {
  if (!plane) return nullptr;
  return {{"path", plane->path.string()}, {"hdu", plane->hdu}};
}

Json frame_json(const FrameSummary& s) {
  const auto& f = s.frame;
  Json j{{"hdu", f.image.hdu}, {"label", f.hdu_label}, {"width", f.width}, {"height", f.height}, {"input_unit", f.input_unit}, {"unit", f.unit},
         {"unit_factor", f.unit_factor}, {"local_area", f.local_area}, {"uncertainty", plane_json(f.uncertainty)},
         {"uncertainty_kind", f.uncertainty ? Json(instrument::to_string(f.noise)) : Json(nullptr)}, {"empirical_noise", f.empirical_noise}, {"mask", plane_json(f.mask)},
         {"fatal_bits", f.fatal_bits}, {"wcs", wcs_json(s.wcs)}, {"filter", f.filter}, {"exposure_s", known(f.exposure_s)}, {"mjd_begin", known(f.mjd_begin)},
         {"mjd_end", known(f.mjd_end)}, {"electrons_per_unit", known(f.gain)}, {"read_noise", known(f.read_noise)}, {"saturation", known(f.saturation)},
         {"zodi_mjy_sr", f.zodi ? number(*f.zodi) : Json(nullptr)}};
  j["mask_bits"] = Json::array();
  for (const auto& b : s.bits) j["mask_bits"].push_back({{"bit", b.bit.bit}, {"name", b.bit.name}, {"text", b.bit.text}, {"fatal", b.fatal}, {"pixels", b.pixels}});
  j.update({{"good_fraction", s.good_fraction}, {"median", number(s.median)}, {"minimum", number(s.minimum)}, {"maximum", number(s.maximum)},
            {"median_sigma", number(s.sigma_median)}, {"notes", f.notes}});
  return j;
}

}  // namespace

InfoReport report_fits(const instrument::FileSummary& file) {
  std::string t = file.path.string() + "\n";
  Json j{{"path", file.path.string()}, {"kind", "fits"}, {"profile", file.profile}, {"profile_why", file.why}};
  for (const auto& h : file.hdus) {
    t += hdu_text(h);
    j["hdus"].push_back(hdu_json(h));
  }
  t += fmt::format("  profile      {} ({})\n", file.profile, file.why);
  j["frames"] = Json::array();
  for (const auto& f : file.frames) {
    t += frame_text(f);
    j["frames"].push_back(frame_json(f));
  }
  if (!file.refusal.empty()) {
    t += fmt::format("  no frame     {}\n", file.refusal);
    j["refusal"] = file.refusal;
  }
  if (file.wcs) {
    t += wcs_text(*file.wcs);
    j["wcs"] = wcs_json(*file.wcs);
  }
  return {t, dump(j)};
}

InfoReport report_table(const std::filesystem::path& path) {
  const Table table = io::read_table(path);
  std::string t = fmt::format("{}\n  table of {} rows, {} columns\n", path.string(), table.rows(), table.columns.size());
  Json j{{"path", path.string()}, {"kind", "table"}, {"rows", table.rows()}, {"columns", Json::array()}, {"keywords", Json::object()}};
  for (const Column& c : table.columns) {
    t += fmt::format("  {:<20}{}{}\n", c.name, c.unit.empty() ? "" : "[" + c.unit + "] ", c.description);
    j["columns"].push_back({{"name", c.name}, {"unit", c.unit}, {"ucd", c.ucd}, {"description", c.description}});
  }
  Header keywords;
  for (const Card& card : table.keywords) keywords.add(card);
  for (const Card& card : table.keywords) {
    const std::string value = keywords.text(card.key).value_or("");
    t += fmt::format("  {} = {}\n", card.key, value);
    j["keywords"][card.key] = value;
  }
  return {t, dump(j)};
}

InfoReport report_run(const std::filesystem::path& path) {
  const auto content = files::read(path);
  if (text::json_nesting(content) > text::json_nesting_limit) throw DataError{fmt::format("{}: nested deeper than {}; not of tessera", path.string(), text::json_nesting_limit)};
  const Json run = Json::parse(content, nullptr, false);
  if (run.is_discarded() || !run.is_object()) throw DataError{fmt::format("{}: this is not valid JSON", path.string())};
  const auto word = [&](const char* key) { return run.contains(key) && run[key].is_string() ? run[key].get<std::string>() : std::string{}; };
  const auto size = [&](const char* key) { return run.contains(key) && run[key].is_array() ? run[key].size() : std::size_t{0}; };
  const std::string schema = word("schema");
  if (!schema.starts_with("tessera/")) throw DataError{fmt::format("{}: JSON, but not of tessera (no 'schema' that begins with tessera/)", path.string())};
  std::string t = fmt::format("{}\n  {}: tessera {} {}, {} to {}\n", path.string(), schema, word("version"), word("verb"), word("started"), word("finished"));
  t += fmt::format("  {} input files, {} frames, {} products, unit {}\n", size("inputs"), size("frames"), size("products"), word("unit"));
  Json j{{"path", path.string()}, {"kind", "run"}, {"schema", schema}, {"version", word("version")}, {"verb", word("verb")}, {"started", word("started")},
         {"finished", word("finished")}, {"inputs", size("inputs")}, {"frames", size("frames")}, {"products", size("products")}, {"options", Json::object()}, {"caveats", Json::array()}};
  for (std::size_t i = 0; i < size("options"); ++i) {
    const Json& o = run["options"][i];
    if (!o.is_object() || o.value("source", "default") == "default") continue;
    t += fmt::format("  {} = {} ({})\n", o.value("key", ""), o.value("value", ""), o.value("source", ""));
    j["options"][o.value("key", "")] = o.value("value", "");
  }
  for (std::size_t i = 0; i < size("caveats"); ++i) {
    const Json& c = run["caveats"][i];
    if (!c.is_object()) continue;
    t += fmt::format("  caveat       {}\n", c.value("message", ""));
    j["caveats"].push_back(c);
  }
  return {t, dump(j)};
}

std::string to_text(const std::vector<InfoReport>& reports) {
  std::string all;
  for (const auto& r : reports) all += (all.empty() ? "" : "\n") + r.text;
  return all;
}

std::string to_json(const std::vector<InfoReport>& reports) {
  std::string all = "[";
  for (std::size_t i = 0; i < reports.size(); ++i) all += (i ? ",\n" : "\n") + reports[i].json;
  return all + "\n]\n";
}

}  // namespace tessera::steps
