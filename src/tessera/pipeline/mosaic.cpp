#include "tessera/pipeline/mosaic.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "tessera/base/error.h"
#include "tessera/base/files.h"
#include "tessera/base/text.h"
#include "tessera/pipeline/extra_products.h"
#include "tessera/pipeline/frame_records.h"
#include "tessera/pipeline/products.h"
#include "tessera/pipeline/provenance.h"
#include "tessera/pipeline/rejection_pass.h"
#include "tessera/pipeline/repeatability.h"
#include "tessera/pipeline/report.h"
#include "tessera/pipeline/tile_keys.h"
#include "tessera/pipeline/tile_pass.h"
#include "tessera/pipeline/unpack.h"

namespace tessera::pipeline {

run::Request folder_request(const MosaicRequest& request, const Plan& plan, const param::OptionSet& settings) {
  run::Request r{request.verb, plan.request, request.recorded_arguments(), std::filesystem::current_path().string(), {}, {}};
  for (const auto& s : settings.settings()) r.settings.emplace_back(s.key, s.value);
  for (const auto& f : plan.frames) r.frames.push_back(f.image.path.string());
  return r;
}

namespace {

/// What many frames have in common is said once, with their number.
void report_frame_notes(const Plan& plan, run::Context& context) {
  std::vector<std::pair<std::string, std::vector<std::string>>> notes;  // text, frames; in the order met
  for (const auto& frame : plan.frames)
    for (const auto& note : frame.notes) {
      auto found = std::find_if(notes.begin(), notes.end(), [&](const auto& n) { return n.first == note; });
      if (found == notes.end()) found = notes.insert(notes.end(), {note, {}});
      found->second.push_back(frame.image.path.filename().string());
    }
  for (const auto& [note, frames] : notes) {
    const auto who = frames.size() == 1 ? frames.front() : fmt::format("{} frames from {} on", frames.size(), frames.front());
    context.caveat("frame-note", who + ": " + note, static_cast<std::int64_t>(frames.size()));
  }
}

}  // namespace

void report_plan(const Plan& plan, int margin, run::Context& context) {
  for (const auto& note : plan.notes) context.log(run::Level::info, note);
  for (const auto& caution : plan.cautions) context.caveat("mixed-frames", caution, 1);
  for (const auto& reason : plan.skipped) context.caveat("frame-skipped", reason, 1);
  report_frame_notes(plan, context);
  std::int64_t outside = 0;
  for (const auto& box : plan.on_grid) outside += box.empty();
  if (outside) context.caveat("frame-outside-grid", fmt::format("{} frame{} not touch the output grid{}", outside, outside == 1 ? " does" : "s do", margin < 0 ? fmt::format(", or less than {} pixels of it", -margin) : ""), outside);
}

namespace {

void run_tiles(const Plan& plan, const FramePass& pass, const MosaicOptions& options, FrameCache& cache, const FrameMasks* masks, TileStore& store, run::Context& context) {
  std::vector<std::int64_t> todo;
  for (std::int64_t t = 0; t < plan.lattice.count(); ++t)
    if (!plan.tile_frames[static_cast<std::size_t>(t)].empty() && !store.finished(t)) todo.push_back(t);
  if (store.finished_count() > 0 || store.stale_count() > 0) {
    const auto stale = store.stale_count() == 0 ? "" : fmt::format(" ({} of them once more, as their frames, or the offsets of these, are others now)", store.stale_count());
    context.log(run::Level::info, fmt::format("resuming: {} tiles are finished, {} to do{}", store.finished_count(), todo.size(), stale));
  }
  context.stage("coadding tiles", static_cast<std::int64_t>(todo.size()));
  TilePass tiles{plan, pass, options, cache, masks};
  context.pool().for_each(static_cast<std::int64_t>(todo.size()), [&](std::int64_t i) {
    const auto tile = todo[static_cast<std::size_t>(i)];
    store.put(tile, tiles.run(tile));
    context.step();
  });
}

/// Uncertainties that are interpolated like data are no errors of pixels, and have no correlation.
bool has_correlation(const MosaicOptions& options) { return options.products.correlation && options.interpolation.uncertainty == reproject::Uncertainty::variance; }

/// What an interrupted run leaves is of use: say so before the line that ends it.
void tell_how_to_go_on(const run::OutputFolder& folder, const std::string& output, run::Context& context) {
  if (folder.resumable()) context.log(run::Level::warning, fmt::format("what is finished is kept; give the same command again, or: tessera resume {}", output));
}

/// All passes over frames and tiles, then the products.
void run_passes(Plan& plan, const MosaicRequest& request, const MosaicOptions& options, const param::OptionSet& settings, run::OutputFolder& folder, run::RunClock& run, run::Recorder& context) {
  FrameCache cache{plan.frames, share_memory(context.memory_bytes()).cache, plan.stamps};
  KeptFrames kept{folder.scratch(), plan};
  if (kept.found() > 0) context.log(run::Level::info, fmt::format("resuming: {} of {} frames are measured", kept.found(), plan.frames.size()));
  const FramePass pass = run_frame_pass(plan, options, cache, context, false, &kept);
  parallel::release_freed_memory();  // the cells of all frames
  for (std::size_t i = 0; i < pass.frames.size(); ++i)
    if (!pass.frames[i].lost.empty()) plan.lost.emplace(i, pass.frames[i].lost);
  auto masks = plan.two_pass ? run_rejection_pass(plan, pass, options, cache, folder.scratch(), context) : FrameMasks{plan.frames.size()};
  TileStore store{folder.scratch(), plan.lattice, plan.request, plan.planes, plan.context_planes, TileKeys{plan, pass, options, plan.two_pass ? &masks : nullptr}};
  store.hold(share_memory(context.memory_bytes()).results, options.engine.save_every);
  run_tiles(plan, pass, options, cache, plan.two_pass ? &masks : nullptr, store, context);
  parallel::release_freed_memory();
  if (!plan.two_pass) masks = FrameMasks{store, plan.frames.size()};
  const auto inputs = hash_inputs(plan, request.other_inputs, context);
  finish_mosaic({plan, pass, store, masks, cache, inputs}, request, options, settings, folder, run, context);
}

}  // namespace

void finish_mosaic(const FinishedTiles& m, const MosaicRequest& request, const MosaicOptions& options, const param::OptionSet& settings, run::OutputFolder& folder, run::RunClock& run, run::Recorder& context) {
  const auto noise = has_correlation(options) ? measure_correlation(m.plan, m.pass, m.masks, options, m.cache, context) : MeasuredCorrelation{};
  StarLosses losses;
  if (options.rejection.schemes() != 0) losses = measure_star_losses(m.plan, m.pass, m.store, m.masks, options.rejection.fatal());
  tell_star_losses(losses, context);
  auto products = write_products(m.plan, m.pass, m.store, m.masks, noise, options, settings, folder, context);
  for (auto& product : write_extra_products({m.plan, m.pass, m.store, m.masks, options, settings, m.cache, noise}, folder, context)) products.push_back(std::move(product));
  const auto stars = measure_repeatability(m.plan, m.pass, m.store, m.cache, context);
  run.stop();
  if (options.products.report) {
    write_report(run.record, m.plan, m.pass, m.store, m.masks, losses, stars, options, settings, folder, context);
    products.push_back({"report.html", ""});
    run.stop();
  }
  publish_mosaic(run, m.plan, m.pass, m.masks, stars, options, settings, m.inputs, run::placed_products(request.kept, products, folder), losses, folder, context);
  context.log(run::Level::info, fmt::format("{}: {} frame{}, {} × {} pixels, {}", request.output, m.plan.frames.size(), m.plan.frames.size() == 1 ? "" : "s", m.plan.grid.width, m.plan.grid.height,
                                       text::format_duration(run.record.wall_s)));
}

void print_plan(const Plan& plan, run::Context& context) {
  for (const auto& note : plan.notes) context.log(run::Level::info, note);
  for (const auto& caution : plan.cautions) context.caveat("mixed-frames", caution, 1);
  const auto text = describe_plan(plan, context.pool().threads(), context.memory_bytes());
  if (std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0) {
    if (errno != EPIPE) throw SystemError{fmt::format("standard output cannot be written: {}", std::strerror(errno))};
  }
}

run::Outcome make_mosaic(const MosaicRequest& request, const MosaicOptions& options, param::OptionSet& settings, run::Context& outer) {
  run::RunClock run{request.verb, request.recorded_arguments()};
  run::Recorder context{outer};
  const auto profiles = instrument::ProfileSet::load(instrument::ProfileSet::default_folders());
  Plan plan = make_plan(request.inputs, options, settings, profiles, context);
  check_extra_options(plan, options);
  if (request.dry_run) {
    print_plan(plan, context);
    return run::Outcome::done;
  }
  run::OutputFolder folder{request.output, folder_request(request, plan, settings), request.overwrite, request.place};
  context.log_to(folder.product("tessera.log").string());
  for (const auto& line : text::split(describe_plan(plan, context.pool().threads(), context.memory_bytes()), '\n'))
    if (!line.empty()) context.log(run::Level::debug, line);
  report_plan(plan, options.geometry.margin, context);
  unpack_large(plan.frames, folder.scratch(), context);
  for (bool again = true; again;) try {
      again = false;
      run_passes(plan, request, options, settings, folder, run, context);
    } catch (const UnreadableFrame& error) {
      if (options.input.on_bad_frame == instrument::OnBadFrame::stop || plan.lost.count(error.frame())) throw;
      // Measured before and not readable now: everything is settled anew without it, its part in the others' offsets too.
      context.log(run::Level::warning, fmt::format("{}; going on without this frame", error.what()));
      plan.lost.emplace(error.frame(), error.what());
      again = true;
    } catch (const DataError&) {
      KeptFrames::forget(folder.scratch());  // to go on the user changes what was asked for: another run, which nothing here is of use for
      throw;
    } catch (const Interrupted&) {
      tell_how_to_go_on(folder, request.output, context);
      throw;
    }
  return context.outcome();
}

}  // namespace tessera::pipeline
