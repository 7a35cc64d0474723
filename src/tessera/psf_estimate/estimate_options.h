/// psf_estimate/estimate_options.h — options of tessera psf.
#pragma once
#include <string>
#include <vector>

#include "tessera/extraction/extract_options.h"

namespace tessera::psf_estimate {

enum class EstimateMethod { effective, mopex };

struct EstimateChoice {
  EstimateMethod method = EstimateMethod::effective;
  std::string sources;            // a list of stars; empty: chosen
  std::vector<std::string> forms{"prf"};
};
void describe(param::Schema<EstimateChoice>& s);

struct EstimateOptions {
  double min_snr = 50;
  int max_stars = 200;
  double isolation = 3;           // full widths
  double contamination = 0.02;    // of the star's peak
  double max_value = 0;           // pixel values above are not used; 0: none
  int samples_per_pixel = 0, samples_per_pixel_y = 0;
  double radius = 0;              // pixels of the images
  bool positions = true;
  bool shift_images = true;
  double model_error = 0.003;
  double reject = 5;
  int rounds = 12;
  int degree = 0;                 // of a polynomial of tables in the position
  int sectors_x = 1, sectors_y = 1;
  std::string map;                // a PRF map whose areas are the sectors
  // The guide's method alone.
  int stamp = 0;                  // side, pixels; 0: from the radius
  int stamp_y = 0, fit_box_y = 0, core_box_y = 0;  // 0: as along x
  int fit_box = 5;
  bool fit = true;
  int core_box = 7;
  int max_bad = 0;
  int min_neighbours = 8;
  double outlier_sigma = 3;
  double min_overlap = 0.5;
  double max_outlier_share = 0.1;
  int max_outliers = 0;
  int zero_edge = 0;
  extraction::ListPositions places = extraction::ListPositions::sky;
  std::string grid;               // whose pixels they are
  std::string ra_column, dec_column, flux_column;
};
void describe(param::Schema<EstimateOptions>& s);

/// Everything: the estimate, and what finds stars and makes the mosaic on the way.
struct PsfOptions {
  EstimateChoice choice;               ///< in the section of the next
  EstimateOptions estimate;
  extraction::ExtractOptions images;   ///< its sections fit, aperture and catalog are not declared
  PsfOptions() { images.psf.file = "gaussian:fwhm_pix=2"; }
  void declare(param::OptionSet& options);
};

}  // namespace tessera::psf_estimate
