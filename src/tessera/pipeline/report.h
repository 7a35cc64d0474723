/// pipeline/report.h — report.html: what a run made of its frames, in one file that needs nothing beside it.
#pragma once
#include <vector>

#include "tessera/pipeline/frame_masks.h"
#include "tessera/pipeline/output_folder.h"
#include "tessera/pipeline/provenance.h"
#include "tessera/pipeline/repeatability.h"
#include "tessera/report/html.h"

namespace tessera::pipeline {

/// Its length does not grow with the number of frames or pixels: pictures are averaged down, plots hold at most 2000 marks, lists 200
/// lines and say how many more there are. `run.wall_s` is the time so far. Call it when all other products but run.json are written.
void write_report(const RunRecord& run, const Plan& plan, const FramePass& pass, const TileStore& store, const FrameMasks& masks, const StarLosses& losses, const Repeatability& stars, const MosaicOptions& options,
                  const param::OptionSet& settings, OutputFolder& folder, Recorder& context);

/// A page for background matching alone: offsets and noise frame by frame, caveats, the quick look where there is one.
void write_overlap_report(const Plan& plan, const FramePass& pass, bool quicklook, OutputFolder& folder, Recorder& context);

/// Sections that pages share.
void summary_tile(report::Html& h, const std::string& name, const std::string& value, const std::string& more);
void stage_section(report::Html& h, Recorder& recorder);
void option_section(report::Html& h, const param::OptionSet& settings);   ///< those that differ from their defaults
void product_section(report::Html& h, const OutputFolder& folder);        ///< folders of many products (Rmask) are one entry
void command_footer(report::Html& h, const RunRecord& run);
/// What every page ends with: times, options, products, the command; then writes report.html. `title` without the program's name.
void finish_report(report::Html& h, const std::string& title, const param::OptionSet& settings, OutputFolder& folder, const RunRecord& run, Recorder& recorder);
void caveat_section(report::Html& h, const std::vector<Caveat>& all);
void plot_card(report::Html& h, const std::string& title, const report::Markup& plot, const std::string& note);

}  // namespace tessera::pipeline
