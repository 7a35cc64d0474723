#include "tessera/extraction/extract.h"

#include <fmt/format.h>

#include "tessera/base/error.h"
#include "tessera/catalog/columns.h"
#include "tessera/catalog/conditions.h"
#include "tessera/extraction/extract_private.h"
#include "tessera/extraction/shapes.h"
#include "tessera/io/tables.h"
#include "tessera/joint_fit/source_table.h"
#include "tessera/run/context.h"

namespace tessera::extraction {

using run::Level;

run::Outcome Extraction::run() {
  if (options_.injection.snr_min >= options_.injection.snr_max) throw UsageError{fmt::format("injection.snr_max = {} must exceed injection.snr_min = {}", options_.injection.snr_max, options_.injection.snr_min)};
  const bool needed = !(options_.fit.skip && by_list());
  if (options_.psf.file.empty() && needed) throw UsageError{"no point response given; add --psf FILE, or --psf gaussian:fwhm_pix=2 with the width of stars"};
  radii_of(options_.aperture);
  ellipse_factors(options_.shape);
  for (const auto& format : options_.catalog.formats) io::table_format(format);
  catalog::check_condition(options_.catalog.where);
  catalog::check_condition(options_.catalog.detect_where);
  if (options_.fit.snr == joint_fit::SnrRule::gain && !(options_.fit.snr_gain > 0)) throw UsageError{"fit.snr = gain needs fit.snr_gain, electrons per unit of the image of one frame"};
  if (options_.fit.max_sources > 1 && !(options_.fit.max_chi2 > 0)) throw UsageError{fmt::format("fit.max_sources = {} tries further sources where χ² per degree of freedom exceeds fit.max_chi2; say that one", options_.fit.max_sources)};
  auto response = options_.psf;
  if (response.file.empty()) response.file = "gaussian:fwhm_pix=2";  // for what is no sky alone
  psf_ = instrument::read_psf(response);
  names_ = image_names(request_.inputs, options_.mosaic.input, profiles_, context_);
  read_list();
  if (request_.dry_run) {
    context_.log(Level::info, fmt::format("{} image{} would be {}; point response: {}", names_.size(), names_.size() == 1 ? "" : "s", names_.size() == 1 ? "searched and fitted" : "made into a mosaic and fitted together", psf_.description()));
    return run::Outcome::done;
  }
  run::OutputFolder folder{request_.output, folder_request(), request_.overwrite, request_.place};
  context_.log_to(folder.product("tessera.log").string());
  open_and_find();
  measure();
  if (options_.injection.number > 0) inject();
  return write(folder);
}

run::Request Extraction::folder_request() const {
  std::vector<std::string> files;
  for (const auto& n : names_) files.push_back(n.image.string());
  return run::table_request(request_.verb, request_.recorded_arguments(), files, settings_);
}

void Extraction::read_list() {
  if (options_.catalog.sources.empty()) return;
  list_ = io::read_table(options_.catalog.sources);
  if (options_.catalog.positions == ListPositions::pixels) {
    if (!catalog::find_column(list_, "x") || !catalog::find_column(list_, "y")) throw DataError{fmt::format("{}: catalog.sources_in = pixels needs columns x and y (FITS pixels of the mosaic)", options_.catalog.sources)};
    sources_.resize(list_.rows());
    files_.push_back(options_.catalog.sources);
    return;
  }
  sources_ = joint_fit::sources_to_measure(list_, options_.catalog.sources, options_.catalog.epoch);
  files_.push_back(options_.catalog.sources);
}

run::Outcome extract(const ExtractRequest& request, const ExtractOptions& options, param::OptionSet& settings, run::Context& context) { return Extraction{request, options, settings, context}.run(); }

}  // namespace tessera::extraction
