#include "tessera/pipeline/overlap.h"

#include <fmt/format.h>

#include <cstdio>

#include "tessera/base/error.h"
#include "tessera/base/files.h"
#include "tessera/base/text.h"
#include "tessera/io/fits.h"
#include "tessera/io/tables.h"
#include "tessera/picture/picture.h"
#include "tessera/pipeline/corrected_frames.h"
#include "tessera/pipeline/plan.h"
#include "tessera/pipeline/products.h"
#include "tessera/pipeline/provenance.h"
#include "tessera/pipeline/quicklook.h"
#include "tessera/pipeline/report.h"
#include "tessera/pipeline/unpack.h"
#include "tessera/run/output_folder.h"
#include "tessera/run/record.h"

namespace tessera::pipeline {
namespace {

void write_quicklook(const Plan& plan, const FramePass& pass, run::OutputFolder& folder, std::vector<run::ProductRecord>& products) {
  const auto look = quicklook(plan, pass);
  const auto path = folder.product("quicklook.fits");
  Header header = look.grid.header();
  for (const char* key : {"SIMPLE", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2"}) header.remove(key);
  if (!plan.unit.empty()) header.set("BUNIT", plan.unit, "quick look, not for science");
  header.add_comment("mean of the matched frames over cells, bright objects left out: to check the match");
  io::FitsWriter writer{path};
  writer.add_image("", header, look.pixels.view());
  writer.close();
  products.push_back({"quicklook.fits", run::datasums(path)});
  picture::PictureOptions options;
  options.title = fmt::format("Quick look: {} matched frames, bright objects left out", plan.frames.size());
  options.unit = plan.unit;
  picture::PreviewBuilder builder{look.grid.width, look.grid.height, options.max_side};
  for (int y = 0; y < look.grid.height; ++y) builder.add_row(y, look.pixels.view().row(y));
  picture::write_png(builder.finish(), look.grid, options, folder.product("quicklook.png"));
}

void write_tables(const Plan& plan, const FramePass& pass, run::OutputFolder& folder, std::vector<run::ProductRecord>& products) {
  run::write_table_product(wcs::fif_table(plan.grid), "FIF", io::TableFormat::ipac, folder, products);
  run::write_table_product(header_list(plan), "header_list", io::TableFormat::ipac, folder, products);
  run::write_table_product(offsets_table(plan, pass, {}), "offsets", io::TableFormat::ipac, folder, products);
}

void log_result(const Plan& plan, const FramePass& pass, run::Context& context) {
  context.log(run::Level::info, fmt::format("{} overlaps, {} group{}; the offsets' error in a mean of the frames: {:.3g} {} (median), {:.3g} at most", pass.offsets.pairs.size(), pass.offsets.groups,
                                       pass.offsets.groups == 1 ? "" : "s", pass.background_error.median, plan.unit, pass.background_error.largest));
}

}  // namespace

void describe(param::Schema<OverlapProducts>& s) {
  s.field(&OverlapProducts::corrected, "corrected", "Write Overlap_corr/NAME.fits for every frame file: the frame with its background subtracted, all its other data and cards kept.")
      .flag("corrected")
      .namelist("", "apply_overlap_correction");
  s.field(&OverlapProducts::quicklook, "quicklook", "Write quicklook.fits and quicklook.png: a coarse mosaic of the matched frames without bright objects.")
      .flag("quicklook")
      .namelist("", "mosaic_corrected_images");
  s.field(&OverlapProducts::zodi_subtracted, "zodi_subtracted", "Write Zod_Sub/NAME.fits for every frame file: the frame less the zodiacal light alone; needs background.zodi.").namelist("", "save_zodiacal_subtracted_images");
  s.field(&OverlapProducts::report, "report", "Write report.html: offsets and noise frame by frame, caveats, the quick look.").flag("report");
}

void OverlapOptions::declare(param::OptionSet& options) {
  options.add("input", "Frames, and how they are read", mosaic.input);
  options.add("grid", "The grid on which frames are compared", mosaic.grid);
  options.add("background", "Matching of the frames' backgrounds", mosaic.background);
  options.add("frame_sky", "The local sky of single frames", mosaic.frame_sky);
  options.add("output", "Products", products);
}

run::Outcome match_overlaps(const MosaicRequest& request, OverlapOptions& options, param::OptionSet& settings, run::Context& outer) {
  run::RunClock clock{request.verb, request.recorded_arguments()};
  run::Recorder context{outer};
  if (options.mosaic.background.method == background::Method::none)
    throw UsageError{"background.method = none leaves nothing to do for overlap; choose offset, plane or surface"};
  if (options.products.zodi_subtracted && !options.mosaic.background.zodi) throw UsageError{"output.zodi_subtracted needs background.zodi = true: else there is no zodiacal light to subtract"};
  const auto profiles = instrument::ProfileSet::load(instrument::ProfileSet::default_folders());
  Plan plan = make_plan(request.inputs, options.mosaic, settings, profiles, context);
  if (request.dry_run) {
    std::fputs(describe_plan(plan, context.pool().threads(), context.memory_bytes()).c_str(), stdout);
    return run::Outcome::done;
  }
  run::OutputFolder folder{request.output, folder_request(request, plan, settings), request.overwrite, request.place};
  context.log_to(folder.product("tessera.log").string());
  report_plan(plan, 0, context);
  unpack_large(plan.frames, folder.scratch(), context);
  FrameCache cache{plan.frames, share_memory(context.memory_bytes()).cache};
  const FramePass pass = run_frame_pass(plan, options.mosaic, cache, context, options.products.quicklook);
  std::vector<run::ProductRecord> products;
  write_tables(plan, pass, folder, products);
  if (options.products.quicklook) write_quicklook(plan, pass, folder, products);
  if (options.products.zodi_subtracted) write_corrected_frames(plan, pass, Subtracted::zodi, folder, products, context);
  if (options.products.corrected) write_corrected_frames(plan, pass, Subtracted::background, folder, products, context);
  log_result(plan, pass, context);
  if (options.products.report) {
    clock.stop();
    write_overlap_report(clock.record, plan, pass, options.products.quicklook, settings, folder, context);
    products.push_back({"report.html", ""});
  }
  const auto inputs = hash_inputs(plan, request.other_inputs, context);
  // Frames are mapped as for a mosaic with its default rejection, so that a mosaic with this table has the bits of one that solves; nothing is rejected.
  MosaicOptions recorded = options.mosaic;
  recorded.rejection.method = {"none"};
  publish_mosaic(clock, plan, pass, FrameMasks{plan.frames.size()}, {}, recorded, settings, inputs, run::placed_products(request.kept, products, folder), {}, folder, context);
  context.log(run::Level::info, fmt::format("{}: {} frames, {}", request.output, plan.frames.size(), text::format_duration(clock.record.wall_s)));
  return context.outcome();
}

}  // namespace tessera::pipeline
