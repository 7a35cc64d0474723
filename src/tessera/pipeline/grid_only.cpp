#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <filesystem>

#include "tessera/base/files.h"
#include "tessera/io/tables.h"
#include "tessera/pipeline/mosaic.h"
#include "tessera/pipeline/products.h"

namespace tessera::pipeline {

Outcome make_grid(const MosaicRequest& request, const MosaicOptions& options, param::OptionSet& settings, Context& outer) {
  const auto began = std::chrono::steady_clock::now();
  RunRecord run{request.verb, request.recorded_arguments(), std::filesystem::current_path().string(), utc_now(), 0};
  Recorder context{outer};
  const auto profiles = instrument::ProfileSet::load(instrument::ProfileSet::default_folders());
  const Plan plan = make_plan(request.inputs, options, settings, profiles, context);
  if (request.dry_run) {
    std::fputs(describe_plan(plan, context.pool().threads(), context.memory_bytes()).c_str(), stdout);
    return Outcome::done;
  }
  OutputFolder folder{request.output, folder_request(request, plan, settings), request.overwrite, request.place};
  context.log_to(folder.product("tessera.log").string());
  report_plan(plan, options.geometry.margin, context);
  std::vector<ProductRecord> products;
  products.push_back(write_table_product("FIF.tbl", wcs::fif_table(plan.grid), folder));
  products.push_back(write_table_product("header_list.tbl", header_list(plan), folder));
  FramePass pass;
  pass.frames.resize(plan.frames.size());
  const auto inputs = hash_inputs(plan, request.other_inputs, context);
  run.wall_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  files::write_atomic(folder.product("run.json"),
                      run_json(run, plan, pass, FrameMasks{plan.frames.size()}, {}, options, settings, inputs, placed_products(request.kept, products, folder), {}, context));
  folder.publish("run.json");
  context.log(Level::info, fmt::format("{}: a grid of {} × {} pixels for {} frames", request.output, plan.grid.width, plan.grid.height, plan.frames.size()));
  return context.caveats().empty() ? Outcome::done : Outcome::done_with_caveats;
}

}  // namespace tessera::pipeline
