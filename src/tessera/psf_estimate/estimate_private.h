/// psf_estimate/estimate_private.h — one run of tessera psf estimate: estimate.cpp chooses stars and fits, estimate_products.cpp writes, estimate_report.cpp shows.
#pragma once
#include <string>
#include <vector>

#include "tessera/extraction/fit_sources.h"
#include "tessera/extraction/input_images.h"
#include "tessera/pipeline/run_json.h"
#include "tessera/psf_estimate/effective_fit.h"
#include "tessera/psf_estimate/estimate.h"

namespace tessera::psf_estimate {

/// A rectangle of the detector, whole pixels, with its own table.
struct Sector {
  int x0 = 0, y0 = 0, x1 = 0, y1 = 0;
  EffectiveTable table;
  int stars = 0;
};

class Estimation : private extraction::InputImages {
 public:
  Estimation(const extraction::ExtractRequest& request, const PsfOptions& options, param::OptionSet& settings, pipeline::Context& outer)
      : InputImages{request, options.images, settings, outer}, own_{options.estimate}, clock_{request.verb, request.recorded_arguments()} {}
  pipeline::Outcome run();

 private:
  pipeline::Request folder_request() const;
  void choose_stars();
  void stars_of_list();
  /// Pixels around the stars; those of other detections are left out.
  void cut_stars();
  EffectiveOptions fit_options() const;
  EffectiveTable fit();
  void fit_sectors(const EffectiveTable& whole);
  Table star_table(const EffectiveTable& table) const;
  Header table_header(const EffectiveTable& table) const;
  void write_tables(const EffectiveTable& table, pipeline::OutputFolder& folder);
  void write_sectors(pipeline::OutputFolder& folder);
  void write_report(const EffectiveTable& table, pipeline::OutputFolder& folder);
  pipeline::Outcome write(const EffectiveTable& table, pipeline::OutputFolder& folder);

  const EstimateOptions& own_;
  pipeline::RunClock clock_;
  double detection_fwhm_ = 0;                  ///< of the response stars are found with, pixels of the mosaic
  std::vector<extraction::Source> sources_;    ///< the stars
  std::vector<StarPixels> pixels_;
  std::vector<Star> stars_;
  std::vector<ImageShift> shifts_;
  std::vector<Sector> sectors_;                ///< rows after another; empty: none asked for
  std::vector<pipeline::ProductRecord> products_;
};

}  // namespace tessera::psf_estimate
