// pipeline/tile_outliers.cpp — the rejection pass on one tile: every scheme asked for compares the stack and leaves its bit on the frames' pixels.
#include <algorithm>
#include <cmath>
#include <optional>

#include "tessera/outlier/blot.h"
#include "tessera/outlier/box.h"
#include "tessera/outlier/deviation.h"
#include "tessera/outlier/dual.h"
#include "tessera/outlier/temporal.h"
#include "tessera/pipeline/tile_workspace.h"

namespace tessera::pipeline {

using outlier::Scheme;

namespace {

bool is_outlier(std::int32_t cluster, std::size_t k, int x, int y, const outlier::DualComparison& all, const std::vector<outlier::Verdict>& verdicts) {
  switch (verdicts[static_cast<std::size_t>(cluster - 1)]) {
    case outlier::Verdict::outlier: return true;
    case outlier::Verdict::source: return false;
    case outlier::Verdict::as_found: break;
  }
  return all.find(k, x, y) == outlier::Finding::outlier;
}

template <class Change>
void for_each_pixel(Box box, Change change) {
  for (int y = box.y0; y < box.y1; ++y)
    for (int x = box.x0; x < box.x1; ++x) change(x, y);
}

/// Zeros for every frame of a stack.
template <class T>
std::vector<View<T>> fresh(std::vector<Image<T>>& images, std::size_t depth, Box box) {
  std::vector<View<T>> flags;
  if (images.size() < depth) images.resize(depth);
  for (std::size_t k = 0; k < depth; ++k) {
    images[k].reset(box);
    flags.push_back(images[k].view());
  }
  return flags;
}

}  // namespace

/// The stack of one tile as the schemes see it.
struct TilePass::Comparison {
  std::vector<ResampledView> frames;
  std::vector<float> sky_variance;
  outlier::Stack stack;
  std::optional<outlier::DualComparison> detections;
  Image<std::int32_t> labels;  ///< of one frame at a time
  std::vector<Image<std::uint8_t>> by_time;  ///< what the temporal comparison rejects of every frame, when a scheme has asked
};

/// The output pixels of a tile, at the grid's borders with those beyond that share frame pixels with the grid.
Box TilePass::home(std::int64_t tile) const {
  const auto& lattice = plan_.lattice;
  Box box = lattice.box(tile);
  if (box.x0 == 0) box.x0 -= plan_.taken;
  if (box.y0 == 0) box.y0 -= plan_.taken;
  if (box.x1 == lattice.width) box.x1 += plan_.taken;
  if (box.y1 == lattice.height) box.y1 += plan_.taken;
  return box;
}

void TilePass::compare_stack(Workspace& w, Comparison& c, std::int64_t tile) {
  resample_stack(w, home(tile).grown(plan_.halo - plan_.taken));
  for (std::size_t k = 0; k < w.frames.size(); ++k) {
    c.frames.push_back(w.stack[k].view());
    c.sky_variance.push_back(static_cast<float>(frames_.frames[static_cast<std::size_t>(w.frames[k])].sky_variance));
  }
  c.stack = {c.frames, c.sky_variance, plan_.frame_pixel};
}

void TilePass::project_clusters(const Workspace& w, Comparison& c, std::size_t k) const {
  const auto& state = frames_.frames[static_cast<std::size_t>(w.frames[k])];
  c.labels.reshape(c.stack.box());
  outlier::project_clusters(state.detections, w.windows[k].box(), *state.frame_to_output, c.labels);
}

void TilePass::compare_detections(const Workspace& w, Comparison& c) const {
  c.detections.emplace(c.stack, options_.dual);
  for (std::size_t k = 0; k < w.frames.size(); ++k) {
    if (w.covered[k].empty()) continue;
    const auto& state = frames_.frames[static_cast<std::size_t>(w.frames[k])];
    c.detections->add(k, state.detections, state.light, w.windows[k].box(), *state.frame_to_output);
  }
}

void TilePass::tally_clusters(std::int64_t tile, ClusterTallies& tallies) {
  auto w = prepare(tile);
  Comparison c;
  compare_stack(*w, c, tile);
  compare_detections(*w, c);
  std::vector<std::pair<std::int32_t, outlier::Finding>> found;
  for (std::size_t k = 0; k < w->frames.size(); ++k) {
    if (w->covered[k].empty()) continue;
    project_clusters(*w, c, k);
    found.clear();
    for_each_pixel(home(tile), [&](int x, int y) {
      if (const auto cluster = c.labels(x, y)) found.emplace_back(cluster, c.detections->find(k, x, y));
    });
    const std::lock_guard lock{tallies.mutex};
    auto& all = tallies.of_frame[static_cast<std::size_t>(w->frames[k])];
    for (const auto& [cluster, finding] : found) all[static_cast<std::size_t>(cluster - 1)].add(finding);
  }
  give_back(std::move(w));
}

/// Leaves the scheme's bit on the frame pixels that flagged output pixels cover enough.
void TilePass::project(Workspace& w, const std::vector<Image<std::uint8_t>>& flags, Scheme scheme) const {
  Image<std::uint8_t> rejected;
  for (std::size_t k = 0; k < w.frames.size(); ++k) {
    const Box window = w.windows[k].box();
    if (window.empty()) continue;
    rejected.reset(window);
    const auto& map = *frames_.frames[static_cast<std::size_t>(w.frames[k])].output_to_frame;
    if (outlier::project_to_frame(flags[k], map, options_.temporal, rejected) == 0) continue;
    for (std::size_t i = 0; i < rejected.pixels().size(); ++i)
      if (rejected.pixels()[i]) w.found[k].pixels()[i] = w.found[k].pixels()[i] | outlier::bit_of(scheme);
  }
}

const std::vector<Image<std::uint8_t>>& TilePass::rejected_by_time(Workspace& w, Comparison& c) const {
  if (c.by_time.empty()) reject_by_time(w, options_.temporal, c.by_time);
  return c.by_time;
}

/// Calls change(x, y, i, j) for every frame pixel that is set; (i, j) is the pixel of the stack under its centre.
template <class Change>
void TilePass::for_each_set(const Workspace& w, const Comparison& c, std::size_t k, const Image<std::uint8_t>& set, Change change) const {
  const auto& to_output = *frames_.frames[static_cast<std::size_t>(w.frames[k])].frame_to_output;
  double u = 0, v = 0;
  for_each_pixel(set.box(), [&](int x, int y) {
    if (!set(x, y)) return;
    to_output.apply_row(x, y, {&u, 1}, {&v, 1});
    if (!std::isfinite(u) || !std::isfinite(v)) return;
    const int i = static_cast<int>(std::floor(u + 0.5)), j = static_cast<int>(std::floor(v + 0.5));
    if (c.stack.box().contains(i, j)) change(x, y, i, j);
  });
}

/// The temporal scheme with its gates, which ask the output pixel under a frame pixel's centre: enough coverage (MIN_COVERAGE), and inside
/// clusters that are sources a higher threshold (REFINE_OUTLIER).
void TilePass::flag_temporal(Workspace& w, Comparison& c, const ClusterVerdicts& verdicts) const {
  const auto& rejected = rejected_by_time(w, c);
  const auto& asked = options_.rejection;
  const bool refine = asked.refine_threshold > 0;
  std::vector<Image<std::uint8_t>> strict;
  if (refine) {
    auto higher = options_.temporal;
    higher.threshold_high = std::max(higher.threshold_high, asked.refine_threshold);
    reject_by_time(w, higher, strict);
  }
  const Image<float> covered = asked.temporal_min_coverage > 0 ? outlier::total_coverage(c.stack) : Image<float>{};
  for (std::size_t k = 0; k < w.frames.size(); ++k) {
    if (rejected[k].box().empty()) continue;
    const auto frame = static_cast<std::size_t>(w.frames[k]);
    if (refine) project_clusters(w, c, k);
    for_each_set(w, c, k, rejected[k], [&](int x, int y, int i, int j) {
      if (!covered.empty() && static_cast<double>(covered(i, j)) < asked.temporal_min_coverage) return;
      if (refine)
        if (const auto cluster = c.labels(i, j); cluster && !is_outlier(cluster, k, i, j, *c.detections, verdicts[frame]) && !strict[k](x, y)) return;
      w.found[k](x, y) = w.found[k](x, y) | bit_of(Scheme::temporal);
    });
  }
}

/// Box; where it cannot tell, what the temporal comparison rejects.
void TilePass::flag_box(Workspace& w, Comparison& c, bool keep_deviation) const {
  const auto found = fresh(w.outliers, w.frames.size(), c.stack.box());
  Image<std::uint8_t> undecided{c.stack.box()};
  const long open = outlier::flag_box(c.stack, options_.box, options_.temporal.min_coverage, found, undecided,
                                      keep_deviation ? fresh(w.box_deviation, w.frames.size(), c.stack.box()) : std::vector<View<float>>{});
  project(w, w.outliers, Scheme::box);
  if (open == 0) return;
  const auto& rejected = rejected_by_time(w, c);
  for (std::size_t k = 0; k < w.frames.size(); ++k)
    for_each_set(w, c, k, rejected[k], [&](int x, int y, int i, int j) {
      if (undecided(i, j)) w.found[k](x, y) = w.found[k](x, y) | bit_of(Scheme::box);
    });
}

void TilePass::flag_dual(Workspace& w, Comparison& c, const ClusterVerdicts& verdicts, bool keep_map) const {
  fresh(w.outliers, w.frames.size(), c.stack.box());
  if (keep_map) fresh(w.dual_map, w.frames.size(), c.stack.box());
  const Image<float> covered = outlier::total_coverage(c.stack);
  const auto most = static_cast<float>(options_.dual.max_coverage);
  for (std::size_t k = 0; k < w.frames.size(); ++k) {
    if (w.covered[k].empty()) continue;
    project_clusters(w, c, k);
    const auto& of_frame = verdicts[static_cast<std::size_t>(w.frames[k])];
    for_each_pixel(c.stack.box(), [&](int x, int y) {
      const auto cluster = c.labels(x, y);
      w.outliers[k](x, y) = cluster && covered(x, y) <= most && is_outlier(cluster, k, x, y, *c.detections, of_frame);
      if (keep_map) w.dual_map[k](x, y) = static_cast<float>(w.outliers[k](x, y) ? -cluster : cluster);
    });
  }
  project(w, w.outliers, Scheme::dual);
}

void TilePass::flag_blot(Workspace& w, Comparison& c) const {
  const Image<float> median = outlier::median_image(c.stack, options_.temporal.min_coverage);
  Image<std::uint8_t> flags;
  for (std::size_t k = 0; k < w.frames.size(); ++k) {
    if (w.windows[k].box().empty()) continue;
    const auto& state = frames_.frames[static_cast<std::size_t>(w.frames[k])];
    flags.reset(w.windows[k].box());
    outlier::flag_blot(flattened(w, k), state.offset + state.zodi, state.noise_scale, median, *state.frame_to_output, options_.blot, flags);
    for (std::size_t i = 0; i < flags.pixels().size(); ++i)
      if (flags.pixels()[i]) w.found[k].pixels()[i] = w.found[k].pixels()[i] | bit_of(Scheme::blot);
  }
}

/// Pixels whose centre lies on the tile go to the masks.
void TilePass::take_home(Workspace& w, std::int64_t tile, FrameMasks& masks) const {
  const Box here = home(tile);
  std::vector<MaskRun> runs;
  for (std::size_t k = 0; k < w.frames.size(); ++k) {
    const auto frame = static_cast<std::size_t>(w.frames[k]);
    const auto& to_output = *frames_.frames[frame].frame_to_output;
    const std::int64_t width = plan_.frames[frame].width;
    runs.clear();
    double u = 0, v = 0;
    for_each_pixel(w.found[k].box(), [&](int x, int y) {
      const outlier::SchemeBits bits = w.found[k](x, y);
      if (bits == 0 || !(w.windows[k].good(x, y) || (bits & bit_of(Scheme::radhit)))) return;
      to_output.apply_row(x, y, {&u, 1}, {&v, 1});
      if (!std::isfinite(u) || !std::isfinite(v)) return;
      if (here.contains(static_cast<int>(std::floor(u + 0.5)), static_cast<int>(std::floor(v + 0.5)))) FrameMasks::add(runs, y * width + x, bits);
    });
    masks.take(frame, runs);
  }
}

/// The deviations of all frames on the tile go to their maps and to the mosaics of maps.
void TilePass::keep_maps(Workspace& w, const Comparison& c, std::int64_t tile, const KeptMaps& kept) const {
  const Box box = plan_.lattice.box(tile);
  const auto& asked = options_.rejection;
  const auto depth = w.frames.size();
  outlier::temporal_deviation(c.stack, options_.temporal.min_images, options_.temporal.min_coverage, fresh(w.deviation, depth, c.stack.box()));
  if (kept.of_frames)
    for (std::size_t k = 0; k < depth; ++k) {
      const auto frame = static_cast<std::size_t>(w.frames[k]);
      kept.of_frames->put(frame, OutlierMaps::temporal, w.deviation[k], box);
      if (asked.uses(Scheme::box)) kept.of_frames->put(frame, OutlierMaps::box, w.box_deviation[k], box);
      if (asked.uses(Scheme::dual)) kept.of_frames->put(frame, OutlierMaps::dual, w.dual_map[k], box);
    }
  if (!kept.together) return;
  kept.together->put(OutlierMosaics::deviation, mean_of_maps(c.stack.frames, w.deviation, options_.temporal.min_coverage, box), box);
  if (!asked.uses(Scheme::dual)) return;
  for (std::size_t k = 0; k < depth; ++k)
    for (float& v : w.dual_map[k].pixels()) v = static_cast<float>((v > 0) - (v < 0));
  kept.together->put(OutlierMosaics::sign, mean_of_maps(c.stack.frames, w.dual_map, 0, box), box);
}

void TilePass::find_outliers(std::int64_t tile, const ClusterVerdicts& verdicts, FrameMasks& masks, const KeptMaps& kept) {
  auto w = prepare(tile);
  Comparison c;
  compare_stack(*w, c, tile);
  w->found.resize(w->windows.size());
  for (std::size_t k = 0; k < w->frames.size(); ++k) {
    w->found[k].reset(w->windows[k].box());
    for (const auto& run : frames_.frames[static_cast<std::size_t>(w->frames[k])].radhits.runs)
      for_each_pixel(intersection({run.x, run.y, run.x + run.length, run.y + 1}, w->found[k].box()), [&](int x, int y) { w->found[k](x, y) = bit_of(Scheme::radhit); });
  }
  const auto& asked = options_.rejection;
  if (!verdicts.empty()) compare_detections(*w, c);
  if (asked.uses(Scheme::temporal)) flag_temporal(*w, c, verdicts);
  if (asked.uses(Scheme::box)) flag_box(*w, c, kept.of_frames != nullptr);
  if (asked.uses(Scheme::dual)) flag_dual(*w, c, verdicts, kept.any());
  if (asked.uses(Scheme::blot)) flag_blot(*w, c);
  if (kept.any()) keep_maps(*w, c, tile, kept);
  take_home(*w, tile, masks);
  give_back(std::move(w));
}

}  // namespace tessera::pipeline
