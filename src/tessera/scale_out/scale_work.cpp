// scale_out/scale_work.cpp — the passes of a plan that is cut into pieces, each on the pieces a worker was given.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "tessera/base/error.h"
#include "tessera/pipeline/frame_records.h"
#include "tessera/pipeline/provenance.h"
#include "tessera/pipeline/tile_pass.h"
#include "tessera/run/record.h"
#include "tessera/run/recorder.h"
#include "tessera/scale_out/parts.h"
#include "tessera/scale_out/solution_file.h"

namespace tessera::scale_out {
namespace {

// Pieces in one part: what a worker that is killed loses at most.
constexpr std::int64_t frames_per_part = 256, least_tiles_per_part = 16;

/// Calls make(piece) for batches of pieces on all threads; each batch becomes a part.
void make_parts(const PlanFile& plan, Pass pass, const std::vector<std::int64_t>& todo, std::int64_t per_part, const char* stage, run::Context& context,
                const std::function<std::string(std::int64_t)>& make) {
  context.stage(stage, static_cast<std::int64_t>(todo.size()));
  for (std::size_t first = 0; first < todo.size(); first += static_cast<std::size_t>(per_part)) {
    const auto last = std::min(todo.size(), first + static_cast<std::size_t>(per_part));
    const auto part = new_part(plan, pass, todo[first], todo[last - 1]);
    context.pool().for_each(static_cast<std::int64_t>(last - first), [&](std::int64_t k) {
      const auto piece = todo[first + static_cast<std::size_t>(k)];
      part->add(static_cast<std::uint64_t>(piece), make(piece));
      context.step();
    });
    part->commit();
  }
}

std::vector<std::size_t> indices(const std::vector<std::int64_t>& pieces) { return {pieces.begin(), pieces.end()}; }

/// Sizes and hashes of files, each measured once however many frames are in one.
class MeasuredInputs {
 public:
  std::vector<run::InputRecord> of(const pipeline::Plan& plan, std::size_t frame) {
    pipeline::Plan one;  // list_inputs() on a single frame
    one.frames.push_back(plan.frames[frame]);
    auto inputs = pipeline::list_inputs(one, {});
    for (auto& in : inputs) in = measured(in, plan.input_checksums);
    return inputs;
  }

 private:
  run::InputRecord measured(run::InputRecord record, bool checksum) {
    {
      const std::lock_guard lock{mutex_};
      if (const auto found = known_.find(record.path); found != known_.end()) return found->second;
    }
    record.lost = true;  // one that is gone has no hash
    run::measure_input(record, checksum);
    record.lost = false;
    const std::lock_guard lock{mutex_};
    return known_.emplace(record.path, record).first->second;
  }
  std::mutex mutex_;
  std::map<std::string, run::InputRecord> known_;
};

void measure_pieces(PlanFile& file, const std::vector<std::int64_t>& todo, const pipeline::MosaicOptions& options, run::Context& context) {
  pipeline::Plan& plan = file.plan();
  const auto profiles = instrument::ProfileSet::load(instrument::ProfileSet::default_folders());
  MeasuredInputs measured;
  for (std::size_t first = 0; first < todo.size(); first += static_cast<std::size_t>(frames_per_part)) {
    const std::vector<std::int64_t> batch(todo.begin() + static_cast<std::ptrdiff_t>(first), todo.begin() + static_cast<std::ptrdiff_t>(std::min(todo.size(), first + static_cast<std::size_t>(frames_per_part))));
    const auto wanted = indices(batch);
    std::vector<std::pair<std::size_t, std::string>> refused;
    file.open(wanted, options, profiles, context, options.input.on_bad_frame == instrument::OnBadFrame::skip ? &refused : nullptr);
    for (auto& [i, reason] : refused) plan.lost.emplace(i, reason);
    pipeline::FrameCache cache{plan.frames, pipeline::share_memory(context.memory_bytes()).cache, plan.stamps};
    const auto part = new_part(file, Pass::frames, batch.front(), batch.back());
    pipeline::measure_frames(plan, options, wanted, cache, nullptr, context, [&](std::size_t i, const pipeline::MeasuredFrame& m) {
      run::ByteWriter bytes;
      pipeline::put(bytes, m);
      const auto inputs = measured.of(plan, i);
      bytes.put(static_cast<std::uint64_t>(inputs.size()));
      for (const auto& in : inputs) bytes.put(in.path), bytes.put(in.bytes), bytes.put(in.sha256);
      part->add(i, bytes.bytes());
    });
    part->commit();
    for (const auto i : wanted) plan.frames[i] = {};  // headers of many frames would fill the memory
  }
}

void solve(PlanFile& file, const pipeline::MosaicOptions& options, run::Context& outer) {
  run::Recorder context{outer};
  file.name_frames();
  const pipeline::Plan& plan = file.plan();
  const std::size_t n = plan.frames.size();
  const Parts parts{file, Pass::frames, {0, static_cast<std::int64_t>(n) - 1}};
  pipeline::FramePass pass;
  pass.frames.resize(n);
  std::vector<background::CellMap> cells(n);
  std::vector<std::vector<run::InputRecord>> inputs(n);
  context.stage("reading measurements", static_cast<std::int64_t>(n));
  context.pool().for_each(static_cast<std::int64_t>(n), [&](std::int64_t piece) {
    const auto i = static_cast<std::size_t>(piece);
    const auto content = parts.read(piece);
    run::ByteReader bytes{content, parts.path_of(piece)};
    pipeline::MeasuredFrame m;
    pipeline::get(bytes, m);
    pass.frames[i] = std::move(m.state);
    if (m.cells) cells[i] = std::move(*m.cells);
    inputs[i].resize(bytes.get<std::uint64_t>());
    for (auto& in : inputs[i]) bytes.get(in.path), bytes.get(in.bytes), bytes.get(in.sha256);
    context.step(1);
  });
  pipeline::settle_frames(plan, options, cells, pass, context);
  write_solution(file, pass, inputs, context.caveats());
}

/// Frames on these tiles that are used, and what was solved for them; their headers read, their maps made.
struct OpenedFrames {
  instrument::ProfileSet profiles;
  Solution solution;
};

OpenedFrames open_frames_of(PlanFile& file, const std::vector<std::int64_t>& tiles, const pipeline::MosaicOptions& options, run::Context& context) {
  std::set<std::size_t> frames;
  for (const auto tile : tiles)
    for (const int f : file.plan().tile_frames[static_cast<std::size_t>(tile)]) frames.insert(static_cast<std::size_t>(f));
  std::vector<std::size_t> wanted(frames.begin(), frames.end());
  OpenedFrames o{instrument::ProfileSet::load(instrument::ProfileSet::default_folders()), read_solution(file, wanted)};
  std::erase_if(wanted, [&](std::size_t f) { return !o.solution.pass.frames[f].usable; });
  file.open(wanted, options, o.profiles, context);
  context.pool().for_each(static_cast<std::int64_t>(wanted.size()), [&](std::int64_t k) {
    const auto f = wanted[static_cast<std::size_t>(k)];
    pipeline::place_frame(file.plan(), f, o.solution.pass.frames[f]);
  });
  return o;
}

/// Tiles that share a frame with these: what a frame's outliers or clusters are gathered from.
std::vector<std::int64_t> neighbours(const pipeline::Plan& plan, const std::vector<std::int64_t>& tiles) {
  std::set<std::int64_t> all;
  std::set<int> frames;
  for (const auto tile : tiles) frames.insert(plan.tile_frames[static_cast<std::size_t>(tile)].begin(), plan.tile_frames[static_cast<std::size_t>(tile)].end());
  for (const int f : frames)
    for (const auto t : pipeline::tiles_of_frame(plan, static_cast<std::size_t>(f))) all.insert(t);
  return {all.begin(), all.end()};
}

/// Throws UsageError when a tile's piece of an earlier pass is missing.
Parts earlier(const PlanFile& file, Pass pass, const std::vector<std::int64_t>& tiles) {
  Parts parts{file, pass, tiles.empty() ? PieceRange{} : PieceRange{tiles.front(), tiles.back()}};
  std::vector<std::int64_t> missing;
  for (const auto t : tiles)
    if (!parts.has(t)) missing.push_back(t);
  if (!missing.empty())
    throw UsageError{fmt::format("{}: these tiles need the pass {} of tiles {}; run: tessera work {} --pass {} --tiles {}-{}", file.path().string(), name_of(pass), show_pieces(missing), file.path().string(),
                                 name_of(pass), missing.front(), missing.back())};
  return parts;
}

std::string tally_tile(pipeline::TilePass& tiles, const pipeline::Plan& plan, const pipeline::FramePass& pass, std::int64_t tile) {
  const auto& frames = plan.tile_frames[static_cast<std::size_t>(tile)];
  pipeline::ClusterTallies tallies;
  tallies.of_frame.resize(plan.frames.size());
  for (const int f : frames) tallies.of_frame[static_cast<std::size_t>(f)].resize(static_cast<std::size_t>(pass.frames[static_cast<std::size_t>(f)].detections.count));
  tiles.tally_clusters(tile, tallies);
  run::ByteWriter bytes;
  for (const int f : frames) bytes.put(f), bytes.put(tallies.of_frame[static_cast<std::size_t>(f)]);
  return bytes.take();
}

pipeline::ClusterVerdicts verdicts_of(const PlanFile& file, const std::vector<std::int64_t>& tiles, const pipeline::FramePass& pass, const pipeline::MosaicOptions& options) {
  const pipeline::Plan& plan = file.plan();
  const auto around = neighbours(plan, tiles);
  const auto parts = earlier(file, Pass::clusters, around);
  std::vector<std::vector<outlier::ClusterTally>> sums(plan.frames.size());
  for (const auto tile : around) {
    const auto content = parts.read(tile);
    run::ByteReader bytes{content, parts.path_of(tile)};
    while (bytes.left() > 0) {
      const auto f = static_cast<std::size_t>(bytes.get<int>());
      std::vector<outlier::ClusterTally> tally;
      bytes.get(tally);
      if (f >= sums.size()) throw DataError{fmt::format("{}: a frame that the plan does not have; delete the file", parts.path_of(tile))};
      sums[f].resize(std::max(sums[f].size(), tally.size()));
      for (std::size_t c = 0; c < tally.size(); ++c) sums[f][c].pixels += tally[c].pixels, sums[f][c].negative += tally[c].negative;
    }
  }
  pipeline::ClusterVerdicts verdicts(plan.frames.size());
  for (std::size_t f = 0; f < sums.size(); ++f)
    if (pass.frames[f].usable)
      for (const auto& tally : sums[f]) verdicts[f].push_back(outlier::level(tally, options.dual));
  return verdicts;
}

std::string outliers_of_tile(pipeline::TilePass& tiles, const pipeline::Plan& plan, const pipeline::ClusterVerdicts& verdicts, std::int64_t tile) {
  pipeline::FrameMasks masks{plan.frames.size()};
  tiles.find_outliers(tile, verdicts, masks);
  run::ByteWriter bytes;
  for (const int f : plan.tile_frames[static_cast<std::size_t>(tile)])
    if (const auto& runs = masks.of(static_cast<std::size_t>(f)); !runs.empty()) bytes.put(f), bytes.put(runs);
  return bytes.take();
}

pipeline::FrameMasks read_masks(const PlanFile& file, const std::vector<std::int64_t>& tiles) {
  const auto parts = earlier(file, Pass::outliers, tiles);
  pipeline::FrameMasks masks{file.plan().frames.size()};
  for (const auto tile : tiles) {
    const auto content = parts.read(tile);
    run::ByteReader bytes{content, parts.path_of(tile)};
    while (bytes.left() > 0) {
      const auto f = static_cast<std::size_t>(bytes.get<int>());
      std::vector<pipeline::MaskRun> runs;
      bytes.get(runs);
      if (f >= file.plan().frames.size()) throw DataError{fmt::format("{}: a frame that the plan does not have; delete the file", parts.path_of(tile))};
      masks.take(f, runs);
    }
  }
  masks.settle();
  return masks;
}

std::string coadd_tile(pipeline::TilePass& tiles, std::int64_t tile) {
  const auto result = tiles.run(tile);
  run::ByteWriter bytes;
  bytes.put(static_cast<std::uint64_t>(result.rejected.size()));
  for (const auto& r : result.rejected) bytes.put(static_cast<std::int32_t>(r.frame)), bytes.put(r.runs);
  return pipeline::bytes_of(result) + bytes.take();  // planes first: the store reads them from the part
}

void coadd_pieces(PlanFile& file, const std::vector<std::int64_t>& todo, const pipeline::MosaicOptions& options, run::Context& context, std::int64_t per_part) {
  const auto opened = open_frames_of(file, todo, options, context);
  const pipeline::Plan& plan = file.plan();
  pipeline::FrameMasks masks{0};
  if (plan.two_pass) masks = options.rejection.schemes() ? read_masks(file, neighbours(plan, todo)) : pipeline::FrameMasks{plan.frames.size()};
  pipeline::FrameCache cache{plan.frames, pipeline::share_memory(context.memory_bytes()).cache, plan.stamps};
  pipeline::TilePass tiles{plan, opened.solution.pass, options, cache, plan.two_pass ? &masks : nullptr};
  make_parts(file, Pass::coadd, todo, per_part, "coadding tiles", context, [&](std::int64_t tile) { return coadd_tile(tiles, tile); });
}

void reject_pieces(PlanFile& file, Pass pass, const std::vector<std::int64_t>& todo, const pipeline::MosaicOptions& options, run::Context& context, std::int64_t per_part) {
  const auto opened = open_frames_of(file, todo, options, context);
  const pipeline::Plan& plan = file.plan();
  const auto& frames = opened.solution.pass;
  pipeline::FrameCache cache{plan.frames, pipeline::share_memory(context.memory_bytes()).cache, plan.stamps};
  pipeline::TilePass tiles{plan, frames, options, cache};
  if (pass == Pass::clusters)
    return make_parts(file, pass, todo, per_part, "comparing detections", context, [&](std::int64_t tile) { return tally_tile(tiles, plan, frames, tile); });
  const auto verdicts = options.rejection.needs_detections() ? verdicts_of(file, todo, frames, options) : pipeline::ClusterVerdicts{};
  make_parts(file, pass, todo, per_part, "looking for outliers", context, [&](std::int64_t tile) { return outliers_of_tile(tiles, plan, verdicts, tile); });
}

}  // namespace

void adopt_tiles(const PlanFile& file, const Parts& parts, pipeline::TileStore& store) {
  const auto& plan = file.plan();
  for (std::int64_t tile = 0; tile < plan.lattice.count(); ++tile) {
    if (plan.tile_frames[static_cast<std::size_t>(tile)].empty()) continue;
    const auto content = parts.read(tile);  // its checksum is looked at here
    const auto planes = static_cast<std::size_t>(plan.lattice.box(tile).area() * (plan.planes.count() + plan.context_planes)) * sizeof(float);
    if (content.size() < planes) throw DataError{fmt::format("{}: tile {} is of another size; delete the file, and its tiles are done again", parts.path_of(tile), tile)};
    run::ByteReader bytes{std::string_view{content}.substr(planes), parts.path_of(tile)};
    pipeline::Rejected rejected(bytes.get<std::uint64_t>());
    for (auto& r : rejected) r.frame = bytes.get<std::int32_t>(), bytes.get(r.runs);
    const auto [path, at] = parts.place(tile);
    store.adopt(tile, path, at, std::move(rejected));
  }
}

pipeline::FrameMasks masks_of_parts(const PlanFile& file, const pipeline::MosaicOptions& options) {
  const auto& plan = file.plan();
  std::vector<std::int64_t> tiles;
  if (options.rejection.schemes())
    for (std::int64_t t = 0; t < plan.lattice.count(); ++t)
      if (!plan.tile_frames[static_cast<std::size_t>(t)].empty()) tiles.push_back(t);
  return read_masks(file, tiles);
}

run::Outcome work(PlanFile& file, Pass pass, PieceRange range, const pipeline::MosaicOptions& options, run::Context& context) {
  const auto todo = missing_pieces(file, pass, range);
  if (todo.empty()) return run::Outcome::nothing_to_do;
  const std::int64_t per_part = std::max<std::int64_t>(least_tiles_per_part, 4 * context.pool().threads());
  switch (pass) {
    case Pass::frames: measure_pieces(file, todo, options, context); break;
    case Pass::solve:
      if (const auto missing = missing_pieces(file, Pass::frames, {0, pieces_of(file.plan(), Pass::frames) - 1}); !missing.empty())
        throw UsageError{fmt::format("{}: {} of {} frames are not measured yet: {}; run: tessera work {} --frames {}-{}", file.path().string(), missing.size(), file.plan().frames.size(), show_pieces(missing),
                                     file.path().string(), missing.front(), missing.back())};
      solve(file, options, context);
      break;
    case Pass::clusters:
    case Pass::outliers: reject_pieces(file, pass, todo, options, context, per_part); break;
    case Pass::coadd: coadd_pieces(file, todo, options, context, per_part); break;
  }
  return run::Outcome::done;
}

}  // namespace tessera::scale_out
