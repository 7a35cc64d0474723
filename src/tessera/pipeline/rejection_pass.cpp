#include "tessera/pipeline/rejection_pass.h"

#include <map>
#include <memory>
#include <optional>

#include "tessera/pipeline/tile_keys.h"
#include "tessera/pipeline/tile_pass.h"
#include "tessera/run/record_file.h"

namespace tessera::pipeline {
namespace {

std::vector<std::int64_t> tiles_with_frames(const Plan& plan) {
  std::vector<std::int64_t> tiles;
  for (std::int64_t t = 0; t < plan.lattice.count(); ++t)
    if (!plan.tile_frames[static_cast<std::size_t>(t)].empty()) tiles.push_back(t);
  return tiles;
}

/// What the stack says of every cluster as a whole (Level).
ClusterVerdicts judge_clusters(const std::vector<std::int64_t>& todo, TilePass& tiles, const FramePass& frames, const MosaicOptions& options, run::Context& context) {
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

/// What tiles found, in one file of the scratch folder, each under the key of its tile: a resumed run does not look again.
class KeptOutliers {
 public:
  KeptOutliers(const std::filesystem::path& scratch, const Plan& plan, const FramePass& frames, const MosaicOptions& options)
      : plan_{plan}, keys_{plan, frames, options, nullptr}, writer_{scratch / "outliers", head, true}, before_{scratch / "outliers"} {
    for (const auto& entry : before_.entries()) places_[entry.id] = entry;
  }

  bool find(std::int64_t tile, FrameMasks& masks) const {
    const auto place = places_.find(static_cast<std::uint64_t>(tile));
    if (place == places_.end()) return false;
    try {
      const auto content = before_.read(place->second);
      run::ByteReader bytes{content, before_.path().string()};
      std::string key;
      bytes.get(key);
      if (key != keys_(tile)) return false;
      std::vector<std::pair<std::size_t, std::vector<MaskRun>>> found;
      while (bytes.left() > 0) {
        auto& [frame, runs] = found.emplace_back();
        frame = bytes.get<std::uint64_t>();
        bytes.get(runs);
      }
      for (const auto& [frame, runs] : found) masks.take(frame, runs);
      return true;
    } catch (const DataError&) {
      return false;  // torn or damaged: looked at again
    }
  }

  void keep(std::int64_t tile, const FrameMasks& found) {
    run::ByteWriter bytes;
    bytes.put(keys_(tile));
    for (const int f : plan_.tile_frames[static_cast<std::size_t>(tile)])
      if (const auto& runs = found.of(static_cast<std::size_t>(f)); !runs.empty()) bytes.put(static_cast<std::uint64_t>(f)), bytes.put(runs);
    writer_.add(static_cast<std::uint64_t>(tile), bytes.bytes());
  }

 private:
  static constexpr std::string_view head = R"({"schema":"tessera/outliers/1"})";
  const Plan& plan_;
  TileKeys keys_;
  run::RecordWriter writer_;
  run::RecordReader before_;
  std::map<std::uint64_t, run::RecordEntry> places_;
};

}  // namespace

FrameMasks run_rejection_pass(const Plan& plan, const FramePass& frames, const MosaicOptions& options, FrameCache& cache, const std::filesystem::path& scratch, run::Context& context) {
  FrameMasks masks{plan.frames.size()};
  if (options.rejection.schemes() == 0) return masks;
  if (!options.rejection.outlier_maps.empty()) return masks_from_maps(plan, frames, options, product_names(plan, "Outlier", "outlier"), cache, context);
  const OutlierMaps maps{plan, scratch};
  const bool together = options.products.outlier_mosaic || options.products.dual_outlier_mosaic;
  const auto mosaics = together ? std::make_unique<OutlierMosaics>(plan, scratch) : nullptr;
  const auto todo = tiles_with_frames(plan);
  TilePass tiles{plan, frames, options, cache};
  const auto verdicts = options.rejection.needs_detections() ? judge_clusters(todo, tiles, frames, options, context) : ClusterVerdicts{};
  // What detections of other tiles say, and maps of frames, stand under no tile's key.
  std::optional<KeptOutliers> kept;
  if (verdicts.empty() && !options.products.outlier_maps && !together) kept.emplace(scratch, plan, frames, options);
  context.stage("looking for outliers", static_cast<std::int64_t>(todo.size()));
  context.pool().for_each(static_cast<std::int64_t>(todo.size()), [&](std::int64_t i) {
    const auto tile = todo[static_cast<std::size_t>(i)];
    if (!kept) {
      tiles.find_outliers(tile, verdicts, masks, {options.products.outlier_maps ? &maps : nullptr, mosaics.get()});
    } else if (!kept->find(tile, masks)) {
      FrameMasks found{plan.frames.size()};
      tiles.find_outliers(tile, verdicts, found);
      kept->keep(tile, found);
      for (const int f : plan.tile_frames[static_cast<std::size_t>(tile)]) masks.take(static_cast<std::size_t>(f), found.of(static_cast<std::size_t>(f)));
    }
    context.step();
  });
  masks.settle();
  return masks;
}

}  // namespace tessera::pipeline
