#include "tessera/pipeline/rejection_pass.h"

#include <memory>

#include "tessera/pipeline/tile_pass.h"

namespace tessera::pipeline {
namespace {

std::vector<std::int64_t> tiles_with_frames(const Plan& plan) {
  std::vector<std::int64_t> tiles;
  for (std::int64_t t = 0; t < plan.lattice.count(); ++t)
    if (!plan.tile_frames[static_cast<std::size_t>(t)].empty()) tiles.push_back(t);
  return tiles;
}

/// What the stack says of every cluster as a whole (Level).
ClusterVerdicts judge_clusters(const std::vector<std::int64_t>& todo, TilePass& tiles, const FramePass& frames, const MosaicOptions& options, Context& context) {
  ClusterTallies tallies;
  for (const auto& state : frames.frames) tallies.of_frame.emplace_back(static_cast<std::size_t>(state.detections.count));
  context.stage("comparing detections", static_cast<std::int64_t>(todo.size()));
  context.pool().for_each(static_cast<std::int64_t>(todo.size()), [&](std::int64_t i) {
    tiles.tally_clusters(todo[static_cast<std::size_t>(i)], tallies);
    context.step();
  });
  ClusterVerdicts verdicts;
  for (const auto& of_frame : tallies.of_frame) {
    auto& list = verdicts.emplace_back();
    for (const auto& tally : of_frame) list.push_back(outlier::level(tally, options.dual));
  }
  return verdicts;
}

}  // namespace

FrameMasks run_rejection_pass(const Plan& plan, const FramePass& frames, const MosaicOptions& options, FrameCache& cache, const std::filesystem::path& scratch, Context& context) {
  FrameMasks masks{plan.frames.size()};
  if (options.rejection.schemes() == 0) return masks;
  if (!options.rejection.outlier_maps.empty()) return masks_from_maps(plan, frames, options, product_names(plan, "Outlier", "outlier"), cache, context);
  const OutlierMaps maps{plan, scratch};
  const bool together = options.products.outlier_mosaic || options.products.dual_outlier_mosaic;
  const auto mosaics = together ? std::make_unique<OutlierMosaics>(plan, scratch) : nullptr;
  const auto todo = tiles_with_frames(plan);
  TilePass tiles{plan, frames, options, cache};
  const auto verdicts = options.rejection.needs_detections() ? judge_clusters(todo, tiles, frames, options, context) : ClusterVerdicts{};
  context.stage("looking for outliers", static_cast<std::int64_t>(todo.size()));
  context.pool().for_each(static_cast<std::int64_t>(todo.size()), [&](std::int64_t i) {
    tiles.find_outliers(todo[static_cast<std::size_t>(i)], verdicts, masks, {options.products.outlier_maps ? &maps : nullptr, mosaics.get()});
    context.step();
  });
  masks.settle();
  return masks;
}

}  // namespace tessera::pipeline
