#include "tessera/cube/cube_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "tessera/base/error.h"
#include "tessera/base/files.h"
#include "tessera/cube/region.h"
#include "tessera/cube/target.h"
#include "tessera/instrument/frame_file.h"
#include "tessera/run/remote_files.h"
#include "tessera/wcs/position_text.h"

namespace tessera::cube {
namespace {

using run::Level;

/// The target's grid, and what is left of the inputs.
wcs::Grid take_target(std::vector<std::string>& inputs, const TargetOptions& options, std::vector<wcs::SkyPoint>& polygon) {
  if (!options.center.empty() + !options.catalog.empty() + !options.polygon.empty() > 1) throw UsageError{"grid.center, grid.catalog and grid.polygon: give one of them"};
  if (!options.polygon.empty()) {
    polygon = parse_polygon(options.polygon, "grid.polygon");
    return target_grid(polygon, options);
  }
  if (!options.catalog.empty()) return target_grid(catalog_position(options.catalog, options.row), options);
  if (!options.center.empty()) {
    if (const auto p = wcs::parse_position(options.center)) return target_grid(*p, options);
    throw UsageError{fmt::format("grid.center '{}': expected \"RA Dec\" in degrees or as 12:34:56.7 -01:02:03", options.center)};
  }
  const auto p = leading_position(inputs);
  if (!p)
    throw UsageError{fmt::format("no target: '{}' is no position; begin with one, as in 187.7059,12.3911 or 12:30:49.4,+12:23:28, or give --center, --catalog or --polygon", inputs.empty() ? "" : inputs.front())};
  return target_grid(*p, options);
}

std::vector<std::uint8_t> touched(const wcs::Grid& grid, const std::vector<wcs::SkyPoint>& polygon) {
  if (polygon.empty()) return {};
  const Box all{0, 0, grid.width, grid.height};
  const auto region = polygon_region(grid.wcs(), all, polygon);
  std::vector<std::uint8_t> inside(static_cast<std::size_t>(all.area()), 0);
  const Box box = region.part.box();
  for (int y = box.y0; y < box.y1; ++y)
    for (int x = box.x0; x < box.x1; ++x) inside[static_cast<std::size_t>(y) * static_cast<std::size_t>(grid.width) + static_cast<std::size_t>(x)] = region.part(x, y) > 0;
  return inside;
}

/// Channels as they are, or the bands that are made of them.
std::vector<PlannedPlane> planned(const spherex::ChannelTable& table, const ChannelOptions& options, run::Context* context) {
  const auto channels = wanted_channels(table, options);
  std::vector<PlannedPlane> planes;
  if (options.bands.empty())
    for (const auto& c : channels) planes.push_back({fmt::format("channel {}", c.channel), c, {{c.channel, 1.0}}});
  for (const auto& spec : options.bands) {
    const auto t = read_transmission(spec, options.band_unit);
    spherex::Channel c;
    c.centre_um = pivot_um(t), c.width_um = width_um(t), c.resolving_power = c.centre_um / c.width_um, c.min_um = t.wavelength_um.front(), c.max_um = t.wavelength_um.back();
    planes.push_back({t.name, c, band_weights(t, channels)});
    if (const double within = part_within(t, channels); context && within < .995) context->caveat("band-cut", fmt::format("band {}: the channels hold {:.1f} % of its weight; the rest counts as if it were like them", t.name, 100 * within));
  }
  return planes;
}

/// One entry per file: placed, or why not.
struct Placed {
  std::vector<CubeFrame> frame;  // one or none
  std::string reason;            // not empty: left out
};

Placed place(const std::string& file, const CubePlan& plan, const CubeOptions& options) {
  Placed placed;
  try {
    auto frame = spherex::SpectralFrame::open(file);
    placed.reason = kept_out(frame, options.input);
    if (placed.reason.empty()) placed.frame.push_back(place_frame(std::move(frame), plan.setting, *plan.maps));
  } catch (const DataError& e) {
    if (options.input.on_bad_frame == instrument::OnBadFrame::stop) throw;
    placed.reason = e.what();
  }
  return placed;
}

/// The same words of many frames are one caveat.
void tell_caveats(const CubePlan& plan, run::Context& context) {
  std::map<std::string, std::pair<long, std::string>> told;
  std::array<bool, spherex::detectors + 1> used{};
  long blind = 0;
  for (const auto& f : plan.frames) {
    blind += f.blind;
    used[static_cast<std::size_t>(f.frame.detector())] = true;
    for (const auto& c : f.frame.caveats()) {
      auto& [count, first] = told[c];
      if (count++ == 0) first = f.frame.path().filename().string();
    }
  }
  for (const auto& [words, where] : told) context.caveat("frame-header", fmt::format("{} frames, first {}: {}", where.first, where.second, words), where.first);
  for (int d = 1; d <= spherex::detectors; ++d)
    if (used[static_cast<std::size_t>(d)])
      for (const auto& c : plan.calibration->of(d).caveats({spherex::Product::spectral_wcs, spherex::Product::channel_map})) context.caveat("calibration", c);  // surface brightness needs no solid angles
  if (blind) context.caveat("no-variance", fmt::format("{} strips have no pixel of finite VARIANCE above 0: left out", blind), blind);
  std::map<std::string, long> reasons;
  for (const auto& l : plan.left_out) ++reasons[l.reason];
  for (const auto& [reason, count] : reasons) context.caveat("left-out", fmt::format("{} frames are left out: {}", count, reason), count);
}

void count_exposures(CubePlan& plan) {
  std::map<int, long> uses;
  for (const auto& f : plan.frames)
    for (const auto& use : f.strips) ++uses[use.channel];
  for (const auto& plane : plan.planes) {
    plan.exposures.push_back(0);
    for (const auto& [channel, weight] : plane.parts) plan.exposures.back() += uses.count(channel) ? uses[channel] : 0;
  }
}

}  // namespace

std::vector<std::string> frame_files(const std::vector<std::string>& inputs, run::Context& context) {
  const auto profiles = instrument::ProfileSet::load(instrument::ProfileSet::default_folders());
  instrument::InputOptions how;
  how.profile = "spherex";
  std::vector<std::string> notes, files;
  for (const auto& names : instrument::expand_inputs(inputs, how, profiles, notes)) files.push_back(names.image.string());
  for (const auto& note : notes) context.log(Level::info, note);
  if (files.empty()) throw UsageError{"no frames given; name files, folders, quoted globs or @list.txt after the position"};
  return files;
}

std::string kept_out(const spherex::SpectralFrame& frame, const InputOptions& options) {
  if (!options.any_quality && !frame.quality_fault().empty()) return frame.quality_fault();
  if (options.survey == Survey::sky && frame.deep_or_special()) return "NON_SURVEY = T";
  if (options.survey == Survey::deep && !frame.deep_or_special()) return "a frame of the all-sky survey";
  return "";
}

std::optional<wcs::SkyPoint> leading_position(std::vector<std::string>& inputs) {
  const auto p = inputs.empty() || files::exists(inputs.front()) ? std::nullopt : wcs::parse_position(inputs.front());
  if (p) inputs.erase(inputs.begin());
  return p;
}

CubePlan make_plan(const CubeRequest& request, const CubeOptions& options, run::Context& context) {
  if (options.interpolation.uncertainty != reproject::Uncertainty::variance || options.interpolation.quantity == reproject::Quantity::flux)
    throw UsageError{"interpolation.uncertainty and interpolation.quantity: a cube holds surface brightness and its variance; leave them as they are"};
  auto inputs = request.inputs;
  std::vector<wcs::SkyPoint> polygon;
  const auto grid = take_target(inputs, options.target, polygon);
  planned(spherex::ChannelTable::builtin(), options.channels, nullptr);  // a wish that is none is told before files are read
  auto files = frame_files(inputs, context);
  std::vector<std::filesystem::path> paths{files.begin(), files.end()};
  auto calibration = std::make_unique<spherex::CalibrationSet>(spherex::CalibrationSet::find(paths, options.input.calibration));
  auto maps = std::make_unique<StripMaps>(*calibration);
  const auto method = options.interpolation.method;
  const bool every_pixel = method == reproject::Interpolation::drizzle || method == reproject::Interpolation::grid || options.coadd.match;
  CubePlan plan{{grid, grid.wcs(), {}, options.interpolation, every_pixel}, planned(calibration->of(1).channels(), options.channels, &context), touched(grid, polygon), std::move(files), std::move(calibration), std::move(maps), {}, {}, 0, {}};
  std::set<int> channels;
  for (const auto& plane : plan.planes)
    for (const auto& [channel, weight] : plane.parts) channels.insert(channel);
  plan.setting.channels.assign(channels.begin(), channels.end());

  context.stage("reading headers", static_cast<std::int64_t>(plan.files.size()));
  std::vector<Placed> placed(plan.files.size());
  run::reading_pool(context, plan.files).for_each(static_cast<std::int64_t>(plan.files.size()), [&](std::int64_t i) {
    const auto at = static_cast<std::size_t>(i);
    placed[at] = place(plan.files[at], plan, options);
    if (!placed[at].frame.empty() && placed[at].frame.front().strips.empty() && placed[at].frame.front().blind == 0) placed[at].frame.clear();
    context.step();
  });
  for (std::size_t i = 0; i < placed.size(); ++i) {
    if (!placed[i].reason.empty()) plan.left_out.push_back({plan.files[i], placed[i].reason});
    else if (placed[i].frame.empty()) ++plan.elsewhere;
    else plan.frames.push_back(std::move(placed[i].frame.front()));
  }
  count_exposures(plan);
  tell_caveats(plan, context);
  if (plan.frames.empty())
    throw DataError{fmt::format("none of {} frames shows a wanted channel within {:.5f} {:+.5f} ({} of them were left out); check the position, the size and the channels", plan.files.size(), grid.crval1_deg, grid.crval2_deg, plan.left_out.size())};
  return plan;
}

}  // namespace tessera::cube
