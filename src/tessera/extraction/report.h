/// extraction/report.h — report.html of an extraction: what was found, how well it fits, and whether the error bars are right.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "tessera/extraction/find.h"
#include "tessera/extraction/injection.h"
#include "tessera/joint_fit/fit_image.h"
#include "tessera/joint_fit/fit_sources.h"
#include "tessera/run/output_folder.h"
#include "tessera/run/record.h"

namespace tessera::extraction {

/// Pixels of the fitted images away from and under sources, (data − model) / σ: 1 is right.
struct PullSummary {
  double sky = 0, sources = 0;           ///< robust widths; NaN with fewer than 100 pixels
  std::vector<double> edges, shares;     ///< histogram of those under sources
};
PullSummary pulls_of(std::span<const joint_fit::FitImage> images, std::span<const joint_fit::Source> sources, int window);

struct ReportParts {
  const run::RunRecord& run;
  const param::OptionSet& settings;
  std::span<const joint_fit::FitImage> images;
  std::span<const joint_fit::Source> sources;
  const Found& found;
  const instrument::FrameFile& mosaic;   ///< the image that sources are found on
  const Image<float>& residual;          ///< of that image, less background and sources
  const joint_fit::FitSummary& fit;
  const PullSummary& pulls;
  long kept = 0;                         ///< rows of the catalogue
  double fwhm_pix = 0;
  bool list = false;
  std::string psf;
  std::span<const Injected> injected;    ///< artificial sources, none where there were none
  const InjectionSummary& injection;
};
void write_report(const ReportParts& parts, run::OutputFolder& folder, run::Recorder& context);

}  // namespace tessera::extraction
