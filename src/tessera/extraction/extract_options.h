/// extraction/extract_options.h — every option of tessera extract beside those of the mosaic it may make on its way.
#pragma once
#include <string>
#include <vector>

#include "tessera/background/frame_sky.h"
#include "tessera/detect/matched_filter.h"
#include "tessera/detect/segments.h"
#include "tessera/instrument/psf_file.h"
#include "tessera/joint_fit/fit_options.h"
#include "tessera/outlier/detection.h"
#include "tessera/param/schema.h"
#include "tessera/photometry/aperture.h"
#include "tessera/photometry/psf_fit.h"
#include "tessera/pipeline/mosaic_options.h"

namespace tessera::extraction {

enum class PsfOf { image, frames };

struct PsfUse {
  PsfOf of = PsfOf::image;
  double place_snr = 20;
};
void describe(param::Schema<PsfUse>& s);

enum class DetectionImage { significance, probability, filtered, pixels };
/// What a threshold counts: own = what the image is made in, local = the noise around, whole = the deviation of the whole image about its mean (MOPEX guide 8.3.2).
enum class ThresholdUnit { own, local, whole };
enum class Separation { watershed, simple, combo, peak, none };
enum class SkyChoice { mesh, median, panels, none };

struct DetectionOptions {
  std::string mosaic;                 // --mosaic
  std::string coverage;               // -C
  std::string psf;                    // of the image that sources are found on, where frames are fitted
  std::vector<std::string> bands, band_psfs;
  double psf_samples = 0, psf_samples_y = 0;  // 0: as the file says; as along x
  DetectionImage image = DetectionImage::significance;
  ThresholdUnit unit = ThresholdUnit::own;
  double probability_limit = 0;       // 0: none
  double min_coverage = 0;
  double bright_limit = 0;            // 0: none
  int bright_area = 1;
  bool bright_whole = true;
  std::string table;                  // an earlier one
  std::string uncertainty;            // of the image that is searched
  int edge = 0;                       // pixels
  SkyChoice background = SkyChoice::mesh;
  int cell = 0;                       // of the mesh; 0: from the width of the response
  int window_x = 45, window_y = 45, dropped = 50, panel_filter = 1;
  int noise_cell = 64, noise_cell_y = 0, noise_min_pixels = 30;
  double prior = 0.001, probability_scale = 1;
  Separation separation = Separation::watershed;
  int max_area = 100, max_level = 50, peaks_radius = 1, extended_area = 1000000;
  double min_peak_fraction = 0;
  int rounds = 2;
  double model_error = 0.05;
  bool check_psf = true;
};
void describe(param::Schema<DetectionOptions>& s);

/// The sky that the fit stands on, where it is not that of the detection.
enum class FitSky { detection, mesh, median, panels, none };
struct FitSkyOptions {
  FitSky method = FitSky::detection;
  int window_x = 45, window_y = 45, dropped = 50, panel_filter = 1;
};
void describe(param::Schema<FitSkyOptions>& s);

enum class ApertureImage { subtracted, original };
enum class ApertureErrors { variance, overlap };
enum class AperturePlace { fitted, found };
enum class WithoutSky { missing, unsubtracted };

struct ApertureOptions {
  std::vector<std::string> radii{"3", "5"};
  double annulus_inner = 12, annulus_outer = 20;
  photometry::SkyStatistic statistic = photometry::SkyStatistic::median;
  int min_pixels = 30;
  WithoutSky without_sky = WithoutSky::missing;
  bool correct = false;
  ApertureImage image = ApertureImage::subtracted;
  ApertureErrors errors = ApertureErrors::variance;
  AperturePlace place = AperturePlace::fitted;
};
void describe(param::Schema<ApertureOptions>& s);

struct ShapeOptions {
  bool measure = true;
  double kron_factor = 2.5, kron_least = 3.5;
  std::vector<std::string> ellipses;
};
void describe(param::Schema<ShapeOptions>& s);

struct CorrectionOptions {
  double pixel_phase = 0;             // amplitude
  std::string array_location;         // image
  double colour = 1;
};
void describe(param::Schema<CorrectionOptions>& s);

enum class ColumnNames { tessera, mopex };
enum class ListPositions { sky, pixels };

struct CatalogOptions {
  std::string sources;                // --sources
  ListPositions positions = ListPositions::sky;
  std::vector<std::string> formats{"fits"};
  std::string where;
  std::string detect_where;
  std::vector<std::string> pick, detect_pick;
  ColumnNames columns = ColumnNames::tessera;
  double epoch = 0;                   // Julian year of the list's positions
  double vega_jy = 0;
  double limit_sigma = 3;
  bool flags = true;
  bool regions = true, background = false, noise = false, significance = false, segments = false, residual = false, residual_frames = false, raw = false, apertures = false;
};
void describe(param::Schema<CatalogOptions>& s);

struct InjectionOptions {
  int number = 0;                     // --inject
  double snr_min = 2, snr_max = 200;
  double separation = 8;              // full widths
  int seed = 1;
};
void describe(param::Schema<InjectionOptions>& s);

struct ExtractOptions {
  pipeline::MosaicOptions mosaic;
  instrument::PsfFileOptions psf;
  PsfUse psf_use;
  DetectionOptions detection;
  detect::FilterOptions filter;
  detect::SegmentOptions segments;
  joint_fit::FitOptions fit;
  FitSkyOptions fit_sky;
  ApertureOptions aperture;
  ShapeOptions shape;
  CorrectionOptions correction;
  CatalogOptions catalog;
  InjectionOptions injection;
  void declare(param::OptionSet& options);
};

}  // namespace tessera::extraction
