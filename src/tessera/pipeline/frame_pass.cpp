#include "tessera/pipeline/frame_pass.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "tessera/background/noise.h"
#include "tessera/background/objects.h"
#include "tessera/background/significance.h"
#include "tessera/base/error.h"
#include "tessera/pipeline/backgrounds.h"
#include "tessera/pipeline/detection_maps.h"
#include "tessera/pipeline/large_frame.h"

namespace tessera::pipeline {
namespace {

/// Exposures or noise that differ by more than this call for one sky variance per frame as weight.
constexpr double notable_ratio = 1.2;

/// Part of a budget, given back at the end of the scope.
class Share {
 public:
  Share(parallel::Budget& budget, std::int64_t bytes) : budget_{budget}, bytes_{bytes} { budget_.acquire(bytes_, "measuring a frame"); }
  ~Share() { budget_.release(bytes_); }
  Share(const Share&) = delete;
  Share& operator=(const Share&) = delete;

 private:
  parallel::Budget& budget_;
  std::int64_t bytes_;
};

double good_fraction(const Frame& frame) {
  std::int64_t good = 0;
  for (const auto g : frame.good.pixels()) good += g;
  return static_cast<double>(good) / static_cast<double>(std::max<std::int64_t>(1, frame.box().area()));
}

/// What the schemes that look at whole frames need.
/// `map`: the frame's detection map, "" to detect.
void find_objects(const Frame& frame, const MosaicOptions& options, const std::string& map, double noise_scale, FrameState& state) {
  const bool radhits = options.rejection.uses(outlier::Scheme::radhit), detections = options.rejection.needs_detections();
  if (!radhits && !detections) return;
  const Image<float> significance = background::significance(frame.view(), noise_scale, options.frame_sky);
  if (radhits) state.radhits = outlier::find_radhits(significance, options.radhit);
  if (!detections) return;
  state.detections = map.empty() ? outlier::detect(significance, options.detection) : read_detection_map(map, frame.box().width(), frame.box().height());
  if (options.dual.difference > 0) state.light = outlier::find_light(significance);
}

/// Measures a frame held in memory.
std::optional<background::CellMap> measure_whole(const Plan& plan, const MosaicOptions& options, std::size_t i, FrameCache& cache, FrameState& state) {
  const auto read = cache.whole(i);
  const Frame& frame = *read;
  state.good_fraction = good_fraction(frame);
  if (state.good_fraction == 0) return std::nullopt;
  const auto noise = plan.noise_measured ? background::measure_noise(frame.view()) : background::FrameNoise{1, NAN};
  if (options.input.scale_noise) state.noise_scale = noise.scale;
  const double scale = std::isfinite(state.noise_scale) ? state.noise_scale : 1;
  state.sky_variance = noise.sky_variance * scale * scale;
  find_objects(frame, options, plan.detection_maps.empty() ? "" : plan.detection_maps[i], scale, state);
  if (options.background.method == background::Method::none) return std::nullopt;
  const auto masked = background::mask_objects(frame.view(), scale, options.background, options.frame_sky);
  return background::cell_map(frame.view(), masked, *state.frame_to_output, plan.cell_side, {0, 0, plan.grid.width, plan.grid.height});
}

/// Measures one frame; returns its sky cells when backgrounds are matched.
std::optional<background::CellMap> measure(const Plan& plan, const MosaicOptions& options, std::size_t i, FrameCache& cache, FrameState& state) {
  const auto& file = plan.frames[i];
  auto cells = (measured_in_bands(file, options, cache) ? measure_large : measure_whole)(plan, options, i, cache, state);
  state.usable = state.good_fraction > 0;
  if (!cells) return cells;
  const double scale = std::isfinite(state.noise_scale) ? state.noise_scale : 1;
  for (float& v : cells->variance.pixels()) v *= static_cast<float>(scale * scale);
  if (state.zodi != 0)
    for (float& v : cells->mean.pixels()) v -= static_cast<float>(state.zodi);
  if (background::surface_order(options.background) > 0) background::place_cells(*cells, *state.output_to_frame, file.box());
  return cells;
}

void set_weights(const Plan& plan, const coadd::CoaddOptions& options, FramePass& pass) {
  using coadd::Weighting;
  if (!coadd::weighted(options.method)) return;
  double low = INFINITY, high = 0, shortest = INFINITY, longest = 0;
  for (std::size_t i = 0; i < pass.frames.size(); ++i) {
    const auto& f = pass.frames[i];
    if (!f.usable) continue;
    low = std::min(low, f.sky_variance), high = std::max(high, f.sky_variance);
    shortest = std::min(shortest, plan.frames[i].exposure_s), longest = std::max(longest, plan.frames[i].exposure_s);
  }
  const bool differ = high > notable_ratio * low || longest > notable_ratio * shortest;
  pass.weighting = options.weights != Weighting::automatic ? options.weights : differ ? Weighting::sky_variance : Weighting::coverage;
  // Relative to the deepest or longest frame, so that weights are of order one whatever the unit.
  for (std::size_t i = 0; i < pass.frames.size(); ++i) {
    auto& f = pass.frames[i];
    if (!f.usable) continue;
    if (pass.weighting == Weighting::sky_variance) f.weight = f.sky_variance > 0 ? low / f.sky_variance : 0;
    if (pass.weighting == Weighting::exposure) f.weight = plan.frames[i].exposure_s / longest;
  }
}

void report_caveats(const Plan& plan, const MosaicOptions& options, FramePass& pass, run::Context& context) {
  for (std::size_t i = 0; i < pass.frames.size(); ++i) {
    auto& f = pass.frames[i];
    const auto name = plan.frames[i].image.path.filename().string();
    if (!f.lost.empty())
      context.caveat("frame-skipped", f.lost);
    else if (!f.usable && f.good_fraction == 0 && !plan.on_grid[i].empty())
      context.caveat("frame-without-good-pixels", fmt::format("{}: no good pixel, left out", name));
    if (!std::isfinite(f.noise_scale)) {
      f.noise_scale = 1;
      if (f.usable) context.caveat("noise-scale-unknown", fmt::format("{}: no noise could be measured (too few source-free pixels, or a sky without noise); its uncertainties are taken as given", name));
    }
  }
  if (options.background.method == background::Method::none) return;
  std::vector<int> members(static_cast<std::size_t>(pass.offsets.groups), 0);
  for (const auto& f : pass.frames)
    if (f.usable) ++members[static_cast<std::size_t>(f.group)];
  const auto groups = std::count_if(members.begin(), members.end(), [](int n) { return n > 0; });
  if (groups > 1)
    context.caveat("disjoint-groups", fmt::format("the frames form {} groups that do not overlap; each was matched on its own, their levels are not tied", groups), groups);
  const auto alone = std::count(members.begin(), members.end(), 1);
  if (alone > 0 && groups > 1)  // a single frame has nothing to be matched with
    context.caveat("unmatched-frame", fmt::format("{} frame{} too little source-free sky with any other on this grid (background.min_overlap) and keep{} offset 0",
                                                  alone, alone == 1 ? " shares" : "s share", alone == 1 ? "s" : ""), alone);
}

}  // namespace

void place_frame(const Plan& plan, std::size_t frame, FrameState& state) {
  const auto& file = plan.frames[frame];
  const auto grid = plan.grid.wcs();
  state.output_to_frame = wcs::approximate(wcs::plane_to_plane(grid, file.wcs), plan.on_grid[frame].grown(1));
  state.frame_to_output = wcs::approximate(wcs::plane_to_plane(file.wcs, grid), file.box());
}

MeasuredFrame measure_frame(const Plan& plan, const MosaicOptions& options, std::size_t frame, FrameCache& cache) {
  MeasuredFrame m;
  const bool stop = options.input.on_bad_frame == instrument::OnBadFrame::stop;
  if (const auto lost = plan.lost.find(frame); lost != plan.lost.end()) {
    m.state.usable = false;
    m.state.lost = lost->second;
    return m;
  }
  m.state.zodi = zodiacal_light(plan.frames[frame], options);
  place_frame(plan, frame, m.state);
  try {
    m.cells = measure(plan, options, frame, cache, m.state);
  } catch (const DataError& error) {
    if (stop) throw;
    m = {};
    m.state.usable = false;
    m.state.lost = error.what();
  }
  if (!m.state.usable && stop)
    throw DataError{fmt::format("{}: no pixel is good: each is NaN, too large for single precision, without an uncertainty, or masked by fatal bits; leave the frame out, or give input.on_bad_frame = skip", plan.frames[frame].image.path.string())};
  return m;
}

void measure_frames(const Plan& plan, const MosaicOptions& options, std::span<const std::size_t> wanted, FrameCache& cache, FrameRecords* records, run::Context& context,
                    const std::function<void(std::size_t, MeasuredFrame)>& take) {
  parallel::Budget budget{share_memory(context.memory_bytes()).frames};
  context.stage("measuring frames", static_cast<std::int64_t>(wanted.size()));
  context.pool().for_each(static_cast<std::int64_t>(wanted.size()), [&](std::int64_t index) {
    const auto i = wanted[static_cast<std::size_t>(index)];
    if (plan.on_grid[i].empty()) {
      MeasuredFrame off;
      off.state.usable = false;
      take(i, std::move(off));
    } else if (auto before = records && !plan.lost.count(i) ? records->find(i) : std::nullopt) {
      take(i, std::move(*before));
    } else {
      const Share share{budget, std::min(budget.total(), measuring_bytes(plan.frames[i], options, cache))};
      auto m = measure_frame(plan, options, i, cache);
      if (records && m.state.lost.empty()) records->keep(i, m);
      take(i, std::move(m));
    }
    context.step();
  });
}

void settle_frames(const Plan& plan, const MosaicOptions& options, std::span<const background::CellMap> cells, FramePass& pass, run::Context& context) {
  const bool matched = options.background.method != background::Method::none;
  if (matched) {
    context.stage("matching backgrounds", 1);
    settle_backgrounds(plan, options, cells, pass);
    context.step();
  }
  report_caveats(plan, options, pass, context);
  set_weights(plan, options.coadd, pass);
  if (matched) measure_background_error(cells, pass);
}

FramePass run_frame_pass(const Plan& plan, const MosaicOptions& options, FrameCache& cache, run::Context& context, bool keep_cells, FrameRecords* records) {
  const std::size_t n = plan.frames.size();
  FramePass pass;
  pass.frames.resize(n);
  std::vector<background::CellMap> cells(n);
  std::vector<std::size_t> all(n);
  std::iota(all.begin(), all.end(), std::size_t{0});
  measure_frames(plan, options, all, cache, records, context, [&](std::size_t i, MeasuredFrame m) {
    pass.frames[i] = std::move(m.state);
    if (!pass.frames[i].output_to_frame && !plan.on_grid[i].empty() && pass.frames[i].lost.empty()) place_frame(plan, i, pass.frames[i]);
    if (m.cells) cells[i] = std::move(*m.cells);
  });
  settle_frames(plan, options, cells, pass, context);
  if (keep_cells) pass.cells = std::move(cells);
  return pass;
}

}  // namespace tessera::pipeline
