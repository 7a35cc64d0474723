/// discover/detections.h — planes of one sky to a list of sources.
///
/// Each plane: the sky is taken off (background/smooth_sky.h), the matched filter gives the flux f ± e and the significance S of a source on each pixel, and both errors are scaled by
/// the width s that S has around the pixel where that is above 1 (detect/noise_map.h): pixels of a cube share pixels of the detector, which VARIANCE does not tell. A pixel without data in a plane
/// is none of that plane's. The planes' S are combined to one normal variable (detect/combine.h), and its peaks above a threshold are sources, at the top of parabolas. The filter asks for a source in
/// the middle of the peak's pixel; with one at δ from there it gives ρ f, ρ = Σ P(i) P(i − δ) / Σ P(i)², by which f and e of each plane are divided. A source's flux is Σ (f/e²) / Σ (1/e²) over the planes.
#pragma once
#include <vector>

#include "tessera/core/image.h"
#include "tessera/detect/matched_filter.h"
#include "tessera/param/schema.h"
#include "tessera/psf/psf_model.h"

namespace tessera::discover {

struct DetectionOptions {
  double threshold = 5.5;        // σ of the combined significance
  int min_channels = 1;          // with data
  double channel_sigma = 3;      // from where a source counts as seen in a channel
  int sky_cell = 24, noise_cell = 32;  // pixels of the cube
  double fwhm_arcsec = 0;        // 0: the frames' own PSFs
};
void describe(param::Schema<DetectionOptions>& s);

/// A plane through its filter. NaN without data.
struct FilteredPlane {
  Image<float> significance, flux, flux_error;  ///< flux in units of the image summed over pixels
  psf::PsfModel response;
};
FilteredPlane filter_plane(const Image<float>& image, const Image<float>& variance, const psf::PsfModel& response, const DetectionOptions& options);

struct PlaneValue {
  int plane = 0;  ///< index among the planes
  double flux = 0, flux_error = 0, significance = 0;
};
struct Detection {
  double x = 0, y = 0;           ///< pixels from 0
  double significance = 0;       ///< of the combined image, at the peak's pixel
  int with_data = 0, seen = 0;   ///< planes with data there; of these, those above channel_sigma
  int brightest = -1;            ///< index of the plane of the greatest flux among those seen, or of the greatest significance where none is
  double flux = 0, flux_error = 0;
  std::vector<PlaneValue> values;
};
/// Peaks of the combined planes, brightest first. All planes of one box.
std::vector<Detection> find_sources(const std::vector<FilteredPlane>& planes, const DetectionOptions& options);

}  // namespace tessera::discover
