#include <fmt/format.h>

#include <cstdio>

#include "tessera/base/files.h"
#include "tessera/io/tables.h"
#include "tessera/pipeline/mosaic.h"
#include "tessera/pipeline/products.h"
#include "tessera/pipeline/provenance.h"
#include "tessera/run/record.h"
#include "tessera/run/recorder.h"

namespace tessera::pipeline {

run::Outcome make_grid(const MosaicRequest& request, const MosaicOptions& options, param::OptionSet& settings, run::Context& outer) {
  run::RunClock clock{request.verb, request.recorded_arguments()};
  run::Recorder context{outer};
  const auto profiles = instrument::ProfileSet::load(instrument::ProfileSet::default_folders());
  const Plan plan = make_plan(request.inputs, options, settings, profiles, context);
  if (request.dry_run) {
    std::fputs(describe_plan(plan, context.pool().threads(), context.memory_bytes()).c_str(), stdout);
    return run::Outcome::done;
  }
  run::OutputFolder folder{request.output, folder_request(request, plan, settings), request.overwrite, request.place};
  context.log_to(folder.product("tessera.log").string());
  report_plan(plan, options.geometry.margin, context);
  std::vector<run::ProductRecord> products;
  run::write_table_product(wcs::fif_table(plan.grid), "FIF", io::TableFormat::ipac, folder, products);
  run::write_table_product(header_list(plan), "header_list", io::TableFormat::ipac, folder, products);
  FramePass pass;
  pass.frames.resize(plan.frames.size());
  const auto inputs = hash_inputs(plan, request.other_inputs, context);
  publish_mosaic(clock, plan, pass, FrameMasks{plan.frames.size()}, {}, options, settings, inputs, run::placed_products(request.kept, products, folder), {}, folder, context);
  context.log(run::Level::info, fmt::format("{}: a grid of {} × {} pixels for {} frames", request.output, plan.grid.width, plan.grid.height, plan.frames.size()));
  return context.outcome();
}

}  // namespace tessera::pipeline
