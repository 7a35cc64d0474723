/// match/report.h — report.html of a cross-match: how many rows found each other, and how the positions of every catalogue lie beside the first's.
#pragma once
#include <span>

#include "tessera/match/catalogue.h"
#include "tessera/run/output_folder.h"
#include "tessera/run/record.h"

namespace tessera::match {

struct ReportParts {
  const run::RunRecord& run;
  const param::OptionSet& settings;
  const MatchOptions& options;
  std::span<const Catalogue> catalogues;
  std::span<const Comparison> comparisons;
  std::span<const Group> groups;
};
void write_report(const ReportParts& parts, run::OutputFolder& folder, run::Recorder& context);

}  // namespace tessera::match
