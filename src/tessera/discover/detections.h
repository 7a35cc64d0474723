/// discover/detections.h — planes of one sky to a list of sources.
///
/// Each plane: the sky is taken off (background/smooth_sky.h), the matched filter gives the significance S of a source on each pixel and the error e of its flux, and both are scaled by
/// the width s that S has around the pixel where that is above 1 (detect/noise_map.h): pixels of a cube share pixels of the detector, which VARIANCE does not tell. A pixel without data in a plane
/// is none of that plane's. The planes' S are combined to one normal variable (detect/combine.h): by their χ², which asks nothing of the spectrum, by their mean for a flat spectrum, or by the less likely of both.
/// Its peaks above a threshold are sources, at the top of parabolas. Fluxes: quick_flux.h.
#pragma once
#include <vector>

#include "tessera/core/image.h"
#include "tessera/detect/matched_filter.h"
#include "tessera/param/schema.h"
#include "tessera/psf/psf_model.h"

namespace tessera::discover {

enum class Combination { both, chi_square, flat };

struct DetectionOptions {
  double threshold = 5;          // σ of the combined significance
  Combination combination = Combination::both;
  int min_channels = 1;          // with data
  double channel_sigma = 3;      // from where a source counts as seen in a channel
  int sky_cell = 24, noise_cell = 32;  // pixels of the cube
  double fwhm_arcsec = 0;        // 0: the frames' own PSFs
};
void describe(param::Schema<DetectionOptions>& s);

/// A plane through its filter. NaN without data.
struct FilteredPlane {
  Image<float> significance, flux_error;  ///< flux in units of the image summed over pixels
  Image<float> noise;                     ///< width of the significance before it was scaled, where that was above 1; else 1
};
FilteredPlane filter_plane(const Image<float>& image, const Image<float>& variance, const psf::PsfModel& response, const DetectionOptions& options);

struct PlaneValue {
  int plane = 0;  ///< index among the planes
  double significance = 0;           ///< at the peak's pixel
  double flux = 0, flux_error = 0;   ///< µJy; NaN until measured
};
struct Detection {
  double x = 0, y = 0;           ///< pixels from 0
  int peak_x = 0, peak_y = 0;    ///< the pixel above all others
  double significance = 0;       ///< of the combined image, at the peak's pixel
  int with_data = 0, seen = 0;   ///< planes with data there; of these, those above channel_sigma
  int brightest = -1;            ///< index of the plane of the greatest flux among those seen, or of the greatest significance where none is
  double flux = 0, flux_error = 0;  ///< µJy: Σ (f/e²) / Σ (1/e²) over the planes
  std::vector<PlaneValue> values;
};
/// σ of a source on each pixel, all planes together; NaN without data. All planes of one box.
Image<float> combine(const std::vector<FilteredPlane>& planes, const DetectionOptions& options);
/// Peaks of the combined planes, most significant first, without fluxes.
std::vector<Detection> find_sources(const Image<float>& combined, const std::vector<FilteredPlane>& planes, const DetectionOptions& options);
/// Mean flux and brightest plane of a detection whose planes are measured.
void sum_up(Detection& detection, const DetectionOptions& options);

}  // namespace tessera::discover
