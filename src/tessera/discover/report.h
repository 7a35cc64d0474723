/// discover/report.h — what was found, to look at: the combined image with its detections, a spectrum for each, a table.
#pragma once
#include <vector>

#include "tessera/cube/cube_file.h"
#include "tessera/discover/quick_flux.h"
#include "tessera/run/output_folder.h"
#include "tessera/run/record.h"

namespace tessera::discover {

struct ReportParts {
  const run::RunRecord& run;
  const param::OptionSet& settings;
  const DetectionOptions& options;
  const cube::CubePlan& plan;
  const PlaneSet& set;
  const Image<float>& combined;
  const std::vector<Detection>& found;
  bool measured = false;               ///< OUT/spectra is of these detections
};

inline constexpr std::size_t most_spectra = 60, most_rows = 200;

/// Writes detection.png: the combined image, a circle about each detection.
void draw_detections(const ReportParts& parts, run::OutputFolder& folder);
/// Writes report.html, which needs nothing beside it; its length is bounded: spectra of the most_spectra most significant sources, most_rows lines of the table. Call it when all other products but run.json are written.
void write_report(const ReportParts& parts, run::OutputFolder& folder, run::Recorder& context);

}  // namespace tessera::discover
