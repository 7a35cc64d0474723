/// spectrum/report.h — report.html of a run: spectra as plots; a click on a point shows its cut-out, model, residual and flags. One file without scripts.
#pragma once
#include "tessera/param/schema.h"
#include "tessera/run/output_folder.h"
#include "tessera/run/record.h"
#include "tessera/spectrum/blocks.h"

namespace tessera::spectrum {

/// How many sources the page shows, and how many points in all have their pixels on it.
inline constexpr std::size_t most_shown_sources = 24, most_shown_points = 1500;

/// Measurements of a frame keep their pixels where index % stride is 0: of the first sources, and no more in all than the page takes.
std::int64_t inspection_stride(std::size_t sources, std::size_t frames);

struct ReportParts {
  const run::RunRecord& run;
  const param::OptionSet& settings;
  const BinOptions& options;
  const Measured& measured;
  Blocks& blocks;                      ///< of `measured`
};
void write_report(const ReportParts& parts, run::OutputFolder& folder, run::Recorder& context);

}  // namespace tessera::spectrum
