#include "tessera/cube/cutout.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <set>

#include "tessera/base/error.h"
#include "tessera/base/files.h"
#include "tessera/base/text.h"
#include "tessera/cube/cube_plan.h"
#include "tessera/cube/target.h"
#include "tessera/io/fits_copy.h"
#include "tessera/io/tables.h"
#include "tessera/run/record.h"
#include "tessera/run/remote_files.h"
#include "tessera/spherex/wavelength_ranges.h"
#include "tessera/wcs/position_text.h"

namespace tessera::cube {
namespace {

using run::Level;

struct Wish {
  wcs::SkyPoint at;
  double width_deg = 0, height_deg = 0;
  std::set<int> detectors;
  spherex::WavelengthRanges wavelengths;
  double from_mjd = -INFINITY, to_mjd = INFINITY;
};

struct Cut {
  std::string from, name;  // name: of the file made
  int detector = 0;
  std::string observation;
  double mjd = NAN, wavelength = NAN, width = NAN, x = 0, y = 0;
  Box window;
  std::vector<int> images;
  std::string left_out;    // why, when it is
  bool wanted = false;
};

std::pair<double, double> dates(const std::string& text) {
  const auto parts = text::split(text, ',');
  const auto low = text::to_double(text::trim(parts.front())), high = text::to_double(text::trim(parts.back()));
  if (parts.size() != 2 || !low || !high || !(*low < *high)) throw UsageError{fmt::format("cutout.mjd '{}': expected two dates, the earlier first, as in 60800,60830.5", text)};
  return {*low, *high};
}

Wish read_wish(std::vector<std::string>& inputs, const CutoutOptions& options) {
  Wish wish;
  const auto at = options.center.empty() ? leading_position(inputs) : wcs::parse_position(options.center);
  if (!at) throw UsageError{fmt::format("no position: '{}' is none; begin with one, as in 187.7059,12.3911 or 12:30:49.4,+12:23:28, or give --center", options.center.empty() ? (inputs.empty() ? "" : inputs.front()) : options.center)};
  wish.at = *at;
  const auto sides = text::split(options.size, ',');
  if (sides.size() > 2) throw UsageError{fmt::format("cutout.size '{}': expected \"W,H\", or one angle for both", options.size)};
  wish.width_deg = parse_angle_deg(sides.front(), "cutout.size"), wish.height_deg = parse_angle_deg(sides.back(), "cutout.size");
  for (const auto& word : text::split(options.detectors, ',')) {
    if (options.detectors.empty()) break;
    const auto d = text::to_integer(text::trim(word));
    if (!d || *d < 1 || *d > spherex::detectors) throw UsageError{fmt::format("cutout.detectors '{}': expected numbers from 1 to 6, as in 1,4", options.detectors)};
    wish.detectors.insert(static_cast<int>(*d));
  }
  wish.wavelengths = spherex::parse_wavelengths(options.wavelengths, "cutout.wavelengths");
  if (!options.mjd.empty()) std::tie(wish.from_mjd, wish.to_mjd) = dates(options.mjd);
  return wish;
}

Box window_about(const spherex::SpectralFrame& frame, wcs::PixelPoint p, const Wish& wish) {
  const double scale = frame.sky().pixel_scale_arcsec(p) / 3600;
  const auto half = [&](double side) { return std::max(0, static_cast<int>(std::ceil((side / scale - 1) / 2 - .05))); };  // odd sides; distortion is no reason for one more
  const int x = static_cast<int>(std::lround(p.x)), y = static_cast<int>(std::lround(p.y)), w = half(std::min(wish.width_deg, 40.0)), h = half(std::min(wish.height_deg, 40.0));
  return intersection({x - w, y - h, x + w + 1, y + h + 1}, frame.box());
}

Cut consider(const std::string& file, const Wish& wish, const InputOptions& input, const spherex::CalibrationSet& calibration) {
  Cut cut;
  cut.from = file;
  try {
    const auto frame = spherex::SpectralFrame::open(file);
    cut.left_out = kept_out(frame, input);
    if (!cut.left_out.empty() || (!wish.detectors.empty() && !wish.detectors.count(frame.detector()))) return cut;
    if (frame.mjd() < wish.from_mjd || frame.mjd() > wish.to_mjd || (std::isnan(frame.mjd()) && std::isfinite(wish.from_mjd))) return cut;
    const auto p = frame.sky().sky_to_pixel(wish.at);
    if (!(std::abs(p.x) < 1e6 && std::abs(p.y) < 1e6) || !frame.box().contains(static_cast<int>(std::lround(p.x)), static_cast<int>(std::lround(p.y)))) return cut;
    cut.detector = frame.detector(), cut.observation = frame.observation(), cut.mjd = frame.mjd();
    cut.window = window_about(frame, p, wish);
    cut.x = p.x - cut.window.x0 + 1, cut.y = p.y - cut.window.y0 + 1;
    const int px = static_cast<int>(std::lround(p.x)), py = static_cast<int>(std::lround(p.y));
    const auto waves = calibration.of(frame.detector()).wavelengths(frame, {px, py, px + 1, py + 1});
    cut.wavelength = waves.centre_um(px, py), cut.width = waves.width_um(px, py);
    cut.wanted = spherex::reaches_into(wish.wavelengths, cut.wavelength, cut.wavelength);
    const io::FitsFile opened{file};
    for (const char* name : {"IMAGE", "FLAGS", "VARIANCE", "ZODI"})
      if (const auto hdu = opened.find(name)) cut.images.push_back(*hdu);
  } catch (const DataError& e) {
    if (input.on_bad_frame == instrument::OnBadFrame::stop) throw;
    cut.left_out = e.what();
  }
  return cut;
}

/// The frame's own name; a second frame of that name gets a number.
void name_files(std::vector<Cut>& cuts) {
  std::map<std::string, int> taken;
  for (auto& cut : cuts) {
    std::string stem = std::filesystem::path{cut.from}.filename().string();
    for (const char* ending : {".gz", ".fz", ".fits", ".fit", ".fts"})
      if (stem.ends_with(ending)) stem.resize(stem.size() - std::string_view{ending}.size());
    const int number = ++taken[stem];
    cut.name = number == 1 ? stem + ".fits" : fmt::format("{}_{}.fits", stem, number);
  }
}

Table table_of(const std::vector<Cut>& cuts) {
  Table t;
  t.name = "cutouts";
  const auto column = [&]<class T>(auto f) {
    std::vector<T> values;
    for (const auto& c : cuts) values.push_back(static_cast<T>(f(c)));
    return values;
  };
  t.add("file", column.operator()<std::string>([](const Cut& c) { return c.name; }));
  t.add("obsid", column.operator()<std::string>([](const Cut& c) { return c.observation; }));
  t.add("detector", column.operator()<std::int32_t>([](const Cut& c) { return c.detector; }));
  t.add("mjd", column.operator()<double>([](const Cut& c) { return c.mjd; }), "d", "middle of the exposure");
  t.add("wavelength", column.operator()<double>([](const Cut& c) { return c.wavelength; }), "um", "at the position");
  t.add("lambda_width", column.operator()<double>([](const Cut& c) { return c.width; }), "um", "width there");
  t.add("x", column.operator()<double>([](const Cut& c) { return c.x; }), "pix", "of the position in the cut-out, from 1");
  t.add("y", column.operator()<double>([](const Cut& c) { return c.y; }), "pix");
  t.add("x0", column.operator()<std::int32_t>([](const Cut& c) { return c.window.x0 + 1; }), "pix", "first pixel of the frame in the cut-out, from 1");
  t.add("y0", column.operator()<std::int32_t>([](const Cut& c) { return c.window.y0 + 1; }), "pix");
  t.add("width", column.operator()<std::int32_t>([](const Cut& c) { return c.window.width(); }), "pix");
  t.add("height", column.operator()<std::int32_t>([](const Cut& c) { return c.window.height(); }), "pix");
  return t;
}

}  // namespace

void describe(param::Schema<CutoutOptions>& s) {
  using O = CutoutOptions;
  s.field(&O::center, "center", "Position as \"RA Dec\" (ICRS), in degrees or sexagesimal; empty: the first input is one.").flag("center").placeholder("\"RA DEC\"");
  s.field(&O::size, "size", "Width and height along the detector's axes, \"W,H\" or one number for both, in minutes of arc or with a unit behind: 30s, 3m, 0.5d.").flag("size").placeholder("SIZE");
  s.field(&O::detectors, "detectors", "Detectors, as in 1,4; empty: all.").flag("detectors").placeholder("LIST");
  s.field(&O::wavelengths, "wavelengths", "Only frames that see the position at these wavelengths, as in 0.9-1.1,2.0-2.4 (micrometres); empty: all.").flag("wavelengths").placeholder("RANGES");
  s.field(&O::mjd, "mjd", "\"FROM,TO\": frames whose exposure's middle is in this range of modified Julian dates; empty: all.").flag("mjd").placeholder("FROM,TO");
}

run::Outcome make_cutouts(const CubeRequest& request, const InputOptions& input, const CutoutOptions& options, param::OptionSet& settings, run::Context& outer) {
  run::Recorder context{outer};
  run::RunClock clock{"cutout", request.inputs};
  auto inputs = request.inputs;
  const auto wish = read_wish(inputs, options);
  const auto files = frame_files(inputs, context);
  const auto calibration = spherex::CalibrationSet::find({files.begin(), files.end()}, input.calibration);
  std::vector<Cut> cuts(files.size());
  context.stage("reading headers", static_cast<std::int64_t>(files.size()));
  run::reading_pool(context, files).for_each(static_cast<std::int64_t>(files.size()), [&](std::int64_t i) {
    cuts[static_cast<std::size_t>(i)] = consider(files[static_cast<std::size_t>(i)], wish, input, calibration);
    context.step(1);
  });
  std::map<std::string, long> reasons;
  for (const auto& c : cuts)
    if (!c.left_out.empty()) ++reasons[c.left_out];
  for (const auto& [reason, count] : reasons) context.caveat("left-out", fmt::format("{} frames are left out: {}", count, reason), count);
  std::erase_if(cuts, [](const Cut& c) { return !c.wanted; });
  name_files(cuts);
  context.log(Level::info, fmt::format("{} of {} frames show {:.5f} {:+.5f} as asked", cuts.size(), files.size(), wish.at.ra_deg, wish.at.dec_deg));
  if (request.dry_run) return run::Outcome::done;

  const auto asked = run::table_request("cutout", request.inputs, files, settings);
  run::OutputFolder folder{request.output, asked, request.overwrite};
  context.log_to(folder.product("tessera.log").string());
  std::vector<std::filesystem::path> places;
  for (const auto& c : cuts) places.push_back(folder.product(c.name));
  context.stage("cutting", static_cast<std::int64_t>(cuts.size()));
  run::reading_pool(context, files).for_each(static_cast<std::int64_t>(cuts.size()), [&](std::int64_t i) {
    const auto& c = cuts[static_cast<std::size_t>(i)];
    io::crop_fits(c.from, places[static_cast<std::size_t>(i)], c.window, c.images);
    context.step(1);
  });
  std::vector<run::ProductRecord> products;
  for (const auto& c : cuts) products.push_back({c.name, ""});
  run::write_table_product(table_of(cuts), "cutouts", io::TableFormat::ipac, folder, products);
  std::vector<run::InputRecord> records;
  for (const auto& c : cuts) {
    records.push_back({c.from, 0, "", false});
    run::measure_input(records.back(), false);
  }
  std::vector<std::pair<std::string, double>> results{{"cutouts", static_cast<double>(cuts.size())}, {"frames", static_cast<double>(files.size())}};
  run::tell_traffic(context, results);
  run::publish_run(clock, asked.plan_hash, settings, records, products, results, folder, context);
  context.log(Level::info, fmt::format("{}: {} cut-outs, {}", request.output, cuts.size(), text::format_duration(clock.record.wall_s)));
  if (cuts.empty()) return run::Outcome::nothing_to_do;
  return context.outcome();
}

}  // namespace tessera::cube
