/// psf_estimate/estimate_private.h — one run of tessera psf estimate: estimate.cpp chooses stars and fits, estimate_neighbours.cpp takes others' light off, estimate_stamps.cpp does so in the guide's way, estimate_sectors.cpp both by sectors, estimate_products.cpp writes, estimate_report.cpp and estimate_phases.cpp show.
#pragma once
#include <string>
#include <vector>

#include "tessera/extraction/input_images.h"
#include "tessera/joint_fit/fit_sources.h"
#include "tessera/psf_estimate/effective_fit.h"
#include "tessera/psf_estimate/estimate.h"
#include "tessera/psf_estimate/stamp_mean.h"
#include "tessera/report/html.h"
#include "tessera/run/record.h"

namespace tessera::psf_estimate {

constexpr double masked_widths = 1.5;   // full widths around other sources that are not used; within half of it a detection is the star itself

/// A part of the detector with its own table.
struct Sector {
  std::vector<Box> areas;
  std::int64_t number = 0;    ///< in the PRF map
  EffectiveTable table;
  int stars = 0;
};

/// What the response leaves of stars by where in their pixel they lie: flux of the 3 × 3 pixels about each, data less model, over that of the star.
struct PhaseResiduals {
  Image<double> median;          ///< by place within the pixel, from its lower left corner; NaN where fewer than three stars lie
  Image<double> stars;           ///< how many
  std::vector<double> distance;  ///< of each star from the centre of its pixel
  std::vector<double> share;
  double scatter = 0;            ///< robust standard deviation of the medians
};

psf::Meaning meaning_of(const EffectiveTable& table, const Image<double>& samples);
/// The table of a run as others read it; `samples`: of one place.
psf::PointResponse response_of(const EffectiveTable& table, const Image<double>& samples);

class Estimation : private extraction::InputImages {
 public:
  Estimation(const extraction::ExtractRequest& request, const PsfOptions& options, param::OptionSet& settings, run::Context& outer)
      : InputImages{request, options.images, settings, outer}, choice_{options.choice}, own_{options.estimate}, clock_{request.verb, request.recorded_arguments()} {}
  run::Outcome run();

 private:
  run::Request folder_request() const;
  void choose_stars();
  void stars_of_list();
  /// Pixels around the stars; those of other detections are left out.
  void cut_stars();
  /// Whether much of the stars' surroundings is taken by others.
  bool crowded() const;
  /// Fits all detections with the table and takes the light of others off the pixels of the stars.
  void take_off_neighbours(const EffectiveTable& table);
  EffectiveOptions fit_options() const;
  EffectiveTable fit();
  EffectiveTable fit_stamps();
  StampOptions stamp_options() const;
  /// Side of the postage stamps.
  int stamp_side() const;
  bool has_sectors() const { return !own_.map.empty() || own_.sectors_x * own_.sectors_y > 1; }
  std::vector<Sector> grid_of_sectors() const;
  std::vector<Sector> sectors_of_map() const;
  void fit_sectors(const EffectiveTable& whole);
  /// The table of a sector from stars (or stamps) in it, and how many count.
  void fit_sector(const EffectiveTable& whole, Sector& sector);
  bool by_stamps() const { return choice_.method == EstimateMethod::mopex; }
  Table star_table(const EffectiveTable& table) const;
  Table stamp_table() const;
  std::vector<std::pair<std::string, double>> results(const EffectiveTable& table) const;
  Header table_header(const EffectiveTable& table) const;
  const char* sigma_title() const { return by_stamps() ? "standard deviation of the stamps at each sample of the table" : "1 sigma of the samples of the table, by leaving out an eighth of the stars in turn"; }
  /// The pixels of a star in the middle of one.
  static Image<double> star_image(const EffectiveTable& table);
  long used_stars() const;
  PhaseResiduals phase_residuals(const EffectiveTable& table) const;
  void write_tables(const EffectiveTable& table, run::OutputFolder& folder);
  std::pair<std::vector<double>, std::vector<double>> positions_of_tables(const EffectiveTable& table) const;
  void write_psfex(const EffectiveTable& table, run::OutputFolder& folder) const;
  void write_grid(std::vector<psf::PointResponse> tables, std::vector<double> xs, std::vector<double> ys, const EffectiveTable& table, run::OutputFolder& folder);
  void write_plane(const std::string& name, const EffectiveTable& table, const char* title, View<const double> plane, run::OutputFolder& folder);
  void write_sectors(run::OutputFolder& folder);
  void add_quality_plot(report::Html& h) const;
  void write_report(const EffectiveTable& table, run::OutputFolder& folder);
  run::Outcome write(const EffectiveTable& table, run::OutputFolder& folder);

  const EstimateChoice& choice_;
  const EstimateOptions& own_;
  run::RunClock clock_;
  double detection_fwhm_ = 0;                  ///< of the response stars are found with, pixels of the mosaic
  std::vector<joint_fit::Source> sources_;    ///< the stars
  std::vector<StarPixels> pixels_;
  std::vector<std::vector<float>> untouched_;  ///< their values before light of others was taken off
  std::vector<double> listed_flux_;            ///< of sources_, where the list has them
  std::vector<Stamp> stamps_;                  ///< of pixels_, in the guide's way
  std::vector<Star> stars_;
  std::vector<ImageShift> shifts_;
  PhaseResiduals phases_;
  std::vector<Sector> sectors_;                ///< rows after another; empty: none asked for
  std::vector<run::ProductRecord> products_;
};

}  // namespace tessera::psf_estimate
