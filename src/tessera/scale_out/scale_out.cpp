#include "tessera/scale_out/scale_out.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "tessera/base/error.h"
#include "tessera/base/text.h"
#include "tessera/pipeline/extra_products.h"
#include "tessera/pipeline/frame_records.h"
#include "tessera/pipeline/provenance.h"
#include "tessera/run/record.h"
#include "tessera/run/recorder.h"
#include "tessera/scale_out/parts.h"
#include "tessera/scale_out/solution_file.h"

namespace tessera::scale_out {
namespace {

PieceRange whole(const pipeline::Plan& plan, Pass pass) { return {0, pieces_of(plan, pass) - 1}; }

}  // namespace

const char* name_of(Pass pass) {
  switch (pass) {
    case Pass::frames: return "frames";
    case Pass::solve: return "solve";
    case Pass::clusters: return "clusters";
    case Pass::outliers: return "outliers";
    case Pass::coadd: return "coadd";
  }
  return "?";
}

std::vector<Pass> passes_of(const pipeline::Plan& plan, const pipeline::MosaicOptions& options) {
  std::vector<Pass> passes{Pass::frames, Pass::solve};
  if (plan.two_pass && options.rejection.schemes() != 0) {
    if (options.rejection.needs_detections()) passes.push_back(Pass::clusters);
    passes.push_back(Pass::outliers);
  }
  passes.push_back(Pass::coadd);
  return passes;
}

std::int64_t pieces_of(const pipeline::Plan& plan, Pass pass) {
  if (pass == Pass::frames) return static_cast<std::int64_t>(plan.frames.size());
  return pass == Pass::solve ? 1 : plan.lattice.count();
}

std::string show_pieces(const std::vector<std::int64_t>& pieces) {
  constexpr std::size_t shown = 4;
  std::vector<std::string> ranges;
  std::size_t told = 0;
  for (std::size_t i = 0; i < pieces.size() && ranges.size() < shown;) {
    std::size_t j = i;
    while (j + 1 < pieces.size() && pieces[j + 1] == pieces[j] + 1) ++j;
    ranges.push_back(i == j ? fmt::format("{}", pieces[i]) : fmt::format("{}-{}", pieces[i], pieces[j]));
    told += j - i + 1;
    i = j + 1;
  }
  auto text = text::join(ranges, ", ");
  if (told < pieces.size()) text += fmt::format(" and {} more", pieces.size() - told);
  return text;
}

void check_scale_options(const pipeline::MosaicOptions& options) {
  if (options.products.outlier_maps || options.products.outlier_mosaic || options.products.dual_outlier_mosaic || !options.rejection.outlier_maps.empty())
    throw UsageError{"output.outlier_maps, output.outlier_mosaic, output.dual_outlier_mosaic and rejection.outlier_maps are made and read by one process; leave them out of a run that is cut into pieces"};
}

run::Outcome make_plan_only(const pipeline::MosaicRequest& request, const std::string& path, const pipeline::MosaicOptions& options, param::OptionSet& settings, run::Context& outer) {
  run::Recorder context{outer};
  check_scale_options(options);
  const auto profiles = instrument::ProfileSet::load(instrument::ProfileSet::default_folders());
  const pipeline::Plan plan = pipeline::make_plan(request.inputs, options, settings, profiles, context);
  pipeline::check_extra_options(plan, options);
  pipeline::report_plan(plan, options.geometry.margin, context);
  write_plan_file(path, plan, pipeline::folder_request(request, plan, settings), std::filesystem::absolute(request.output).string(), request.overwrite);
  const auto empty = std::count_if(plan.tile_frames.begin(), plan.tile_frames.end(), [](const auto& list) { return list.empty(); });
  context.log(run::Level::info, fmt::format("{}: frames 0-{}, tiles 0-{} ({} without frames); next: tessera work {} --frames A-B, --pass solve{}, --tiles A-B, then tessera gather {}", path,
                                       plan.frames.size() - 1, plan.lattice.count() - 1, empty, path, plan.two_pass ? ", --pass outliers" : "", path));
  return context.outcome();
}

std::vector<std::int64_t> missing_pieces(const PlanFile& plan, Pass pass, PieceRange range) {
  const auto all = whole(plan.plan(), pass);
  range.first = std::max(range.first, all.first), range.last = std::min(range.last, all.last);
  const Parts parts{plan, pass, range};
  std::vector<std::int64_t> missing;
  for (auto i = range.first; i <= range.last; ++i) {
    const bool wanted = pass == Pass::frames || pass == Pass::solve || !plan.plan().tile_frames[static_cast<std::size_t>(i)].empty();
    if (wanted && !parts.has(i)) missing.push_back(i);
  }
  return missing;
}

void work_up_to(PlanFile& plan, Pass pass, const pipeline::MosaicOptions& options, run::Context& context) {
  for (const auto earlier : passes_of(plan.plan(), options)) {
    if (earlier == pass) return;
    const auto missing = missing_pieces(plan, earlier, whole(plan.plan(), earlier));
    if (missing.empty()) continue;
    context.log(run::Level::warning, fmt::format("pass {}: {} of {} pieces were done by nobody yet ({}); doing them here first", name_of(earlier), missing.size(), pieces_of(plan.plan(), earlier), show_pieces(missing)));
    work(plan, earlier, whole(plan.plan(), earlier), options, context);
  }
}

run::Outcome gather(PlanFile& file, pipeline::MosaicRequest request, const pipeline::MosaicOptions& options, param::OptionSet& settings, run::OutputFolder* given, run::Context& outer) {
  run::RunClock run{request.verb, request.recorded_arguments()};
  run::Recorder context{outer};
  pipeline::Plan& plan = file.plan();
  for (const auto pass : passes_of(plan, options))
    if (const auto missing = missing_pieces(file, pass, whole(plan, pass)); !missing.empty())
      throw UsageError{fmt::format("{}: {} of {} {} of the pass {} are missing: {}; run: tessera work {} --pass {}{}", file.path().string(), missing.size(), pieces_of(plan, pass), pass == Pass::frames ? "frames" : "pieces",
                                   name_of(pass), show_pieces(missing), file.path().string(), name_of(pass),
                                   pass == Pass::solve ? "" : fmt::format(" --{} {}-{}", pass == Pass::frames ? "frames" : "tiles", missing.front(), missing.back()))};
  std::vector<std::size_t> all(plan.frames.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  const auto profiles = instrument::ProfileSet::load(instrument::ProfileSet::default_folders());
  auto solution = read_solution(file, all);
  auto& pass = solution.pass;
  std::vector<std::pair<std::size_t, std::string>> refused;
  file.open(all, options, profiles, context, &refused);
  for (const auto& [i, reason] : refused)
    if (pass.frames[i].lost.empty()) throw DataError{reason};
  context.pool().for_each(static_cast<std::int64_t>(all.size()), [&](std::int64_t i) {
    const auto at = static_cast<std::size_t>(i);
    if (pass.frames[at].lost.empty() && !plan.on_grid[at].empty()) pipeline::place_frame(plan, at, pass.frames[at]);
  });
  std::unique_ptr<run::OutputFolder> own;
  if (!given) own = std::make_unique<run::OutputFolder>(request.output, pipeline::folder_request(request, plan, settings), request.overwrite, request.place);
  run::OutputFolder& folder = given ? *given : *own;
  context.log_to(folder.product("tessera.log").string());
  pipeline::report_plan(plan, options.geometry.margin, context);
  for (std::size_t i = 0; i < pass.frames.size(); ++i)
    if (!pass.frames[i].lost.empty()) plan.lost.emplace(i, pass.frames[i].lost);
  for (const auto& c : solution.caveats) context.caveat(c.kind, c.message, c.count);

  pipeline::TileStore store{folder.scratch(), plan.lattice, plan.request, plan.planes, plan.context_planes};
  const Parts tiles{file, Pass::coadd, whole(plan, Pass::coadd)};
  if (tiles.levels().size() > 1)
    context.caveat("mixed-processors", fmt::format("parts were made at the instruction-set levels {}; bits may differ from those of one level by a relative 1e-6", text::join(tiles.levels(), ", ")), 1);
  adopt_tiles(file, tiles, store);
  pipeline::FrameMasks masks = plan.two_pass ? masks_of_parts(file, options) : pipeline::FrameMasks{store, plan.frames.size()};
  pipeline::FrameCache cache{plan.frames, pipeline::share_memory(context.memory_bytes()).cache, plan.stamps};
  auto inputs = pipeline::list_inputs(plan, request.other_inputs);
  std::map<std::string, run::InputRecord> known;
  for (const auto& in : solution.inputs) known.emplace(in.path, in);
  for (auto& in : inputs)
    if (const auto found = known.find(in.path); found != known.end())
      in = found->second;
    else
      run::measure_input(in, plan.input_checksums);
  pipeline::finish_mosaic({plan, pass, store, masks, cache, inputs}, request, options, settings, folder, run, context);
  return context.outcome();
}

}  // namespace tessera::scale_out
