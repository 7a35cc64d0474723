/// extraction/extract_private.h — one run of tessera extract: input_images.cpp opens images and finds sources, extract_bands.cpp on several bands at once, extract_measure.cpp fits and measures them,
/// extract_inject.cpp does both again with artificial sources in the images, extract_products.cpp writes what came of it.
#pragma once
#include <string>
#include <vector>

#include "tessera/core/table.h"
#include "tessera/extraction/injection.h"
#include "tessera/extraction/input_images.h"
#include "tessera/extraction/report.h"
#include "tessera/extraction/tables.h"
#include "tessera/joint_fit/fit_sources.h"
#include "tessera/run/record.h"

namespace tessera::extraction {

class Extraction : private InputImages {
 public:
  Extraction(const ExtractRequest& request, const ExtractOptions& options, param::OptionSet& settings, run::Context& outer)
      : InputImages{request, options, settings, outer}, clock_{request.verb, request.recorded_arguments()} {}

  run::Outcome run();

 private:
  run::Request folder_request() const;
  /// Rows of --sources.
  void read_list();
  bool by_list() const { return !options_.catalog.sources.empty(); }
  bool positions() const { return options_.fit.positions == joint_fit::Positions::free || (options_.fit.positions == joint_fit::Positions::automatic && !by_list()); }
  void measure();
  /// Looks for more in what the fit left, and fits all again. False when nothing was added.
  bool deblend(int window);
  /// Tries further sources in groups whose fit is poor, and fits all again with those that were kept.
  void split_poor(int window);
  /// Bright sources on a mosaic of known frames once more, with the response of the coadd where each of them is.
  void fit_at_places(int window);
  /// Share of the light on each pixel of the image that sources are found on that models may be wrong by: less where the fit itself tells that they are.
  Image<float> model_errors(std::span<const Taken> taken, double width) const;
  void add_detections(const std::vector<Detection>& list, bool active);
  void take_options(joint_fit::Source& source) const;  ///< windows and axes that the options give all sources
  joint_fit::FitImage mosaic_image();
  void check_width();
  void place_list();
  /// Places of a list in pixels of the mosaic.
  void start_from_pixels();
  /// Those of an earlier table, and the windows of each.
  void settle_detections();
  void from_detections();
  void tell_fits();
  /// Status of fits above fit.max_chi2.
  void mark_poor_fits();
  void light_curves(int window);
  /// Adds artificial sources to what was read, and finds and fits all again.
  void inject();
  void again(std::span<Injected> injected, run::Context& quiet);
  /// Where this is such a repetition: the light of its sources on the image that sources are found on, before that, and on frames.
  void put_into_image(Frame& frame) override;
  void put_into_frames() override;
  std::int64_t listed_sources() const override { return by_list() ? static_cast<std::int64_t>(sources_.size()) : 0; }
  std::string fit_scratch() const override;
  /// Tells which artificial sources `run` found.
  void compare(std::span<Injected> injected, Extraction& run);
  /// The mosaic, or the one frame, less the sources as the detection image shows them.
  Image<float> residual();
  /// Columns beside those of the fit: flags, shapes, corrections, MOPEX's signal to noise.
  catalog::ColumnSet further_columns(const joint_fit::FitImage& measured);
  Header plane_header(const std::string& unit, const char* title) const;
  template <class T>
  void write_plane(const char* name, const std::string& unit, const char* title, View<const T> pixels, run::OutputFolder& folder);
  void write_maps(run::OutputFolder& folder);
  Table catalogue(const run::Request& request);
  /// The rows that catalog.where keeps.
  Table chosen(const Table& table) const;
  void write_tables(const Table& all, const Table& kept, run::OutputFolder& folder);
  run::Outcome write(run::OutputFolder& folder);
  void finish(run::OutputFolder& folder, const Table& table, const PullSummary& pulls);

  run::RunClock clock_;
  Table list_, detections_, detections_raw_, curves_;  ///< detections: those that are fitted, and all
  std::vector<joint_fit::Source> sources_;
  std::vector<ApertureFluxes> apertures_;
  catalog::ColumnSet more_;
  Image<float> left_;                       ///< that image less the sources
  joint_fit::FitSummary fit_;
  double link_ = 0;
  std::vector<Injected> injected_;
  InjectionSummary injection_;
  const Extraction* before_ = nullptr;      ///< the run that this one repeats with `added_` in its images
  std::vector<joint_fit::Source> added_;
  std::uint64_t pass_ = 0;
  std::vector<run::ProductRecord> products_;
};

}  // namespace tessera::extraction
