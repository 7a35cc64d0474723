/// discover/detections.h — planes of one sky to a list of sources.
///
/// Each plane: the sky is taken off (background/smooth_sky.h), the matched filter gives the significance S of a source on each pixel and the error e of its flux, and both are scaled by
/// the width s that S has around the pixel where that is above 1 (detect/noise_map.h): pixels of a cube share pixels of the detector, which VARIANCE does not tell. A pixel without data in a plane
/// is none of that plane's. The planes' S are combined to one normal variable (detect/combine.h): by their χ², which asks nothing of the spectrum, by their mean for a flat spectrum, or by the less likely of both.
/// A source between the middles of pixels loses significance there: so each pixel is tried at n × n places, each with the response to a source at that place, and the places make one image n times as fine,
/// less what so many chances make more likely (places.h).
/// Its peaks above a threshold are sources, at the top of parabolas. Fluxes: quick_flux.h.
#pragma once
#include <functional>
#include <vector>

#include "tessera/core/frame.h"
#include "tessera/core/image.h"
#include "tessera/detect/combine.h"
#include "tessera/discover/places.h"
#include "tessera/param/schema.h"
#include "tessera/psf/psf_model.h"

namespace tessera::discover {

enum class Combination { both, chi_square, flat };

struct DetectionOptions {
  double threshold = 5;          // σ of the combined significance
  Combination combination = Combination::both;
  int places = 3;                // tried along each side of a pixel
  int min_channels = 1;          // with data
  double channel_sigma = 3;      // from where a source counts as seen in a channel
  int sky_cell = 24, noise_cell = 32;  // pixels of the cube
  double fwhm_arcsec = 0;        // 0: the frames' own PSFs
};
void describe(param::Schema<DetectionOptions>& s);

/// A plane through its filter, for sources in one place of every pixel at a time; first in the middle. NaN without data.
struct FilteredPlane {
  FilteredPlane(const Image<float>& image, const Image<float>& variance, const psf::PsfModel& response, const DetectionOptions& options);
  /// The width that the significance had before it was scaled, where that is above 1; else 1.
  Image<float> filter(Place place);

  Frame frame;                            ///< less its sky
  const psf::PsfModel* response;
  int noise_cell;
  Image<float> significance, flux_error;  ///< at the place; flux in units of the image summed over pixels
  Image<float> noise;                     ///< filter() of the middle
  Image<float> best;                      ///< the significance where the combined one was greatest so far
};

struct PlaneValue {
  int plane = 0;  ///< index among the planes
  double significance = 0;           ///< at that place
  double flux = 0, flux_error = 0;   ///< µJy; NaN until measured
};
struct Detection {
  double x = 0, y = 0;           ///< pixels from 0
  int peak_x = 0, peak_y = 0;    ///< the pixel above all others
  double significance = 0;       ///< of the combined image, at the best place of the peak's pixel
  int with_data = 0, seen = 0;   ///< planes with data there; of these, those above channel_sigma
  int brightest = -1;            ///< index of the plane of the greatest flux among those seen, or of the greatest significance where none is
  double flux = 0, flux_error = 0;  ///< µJy: Σ (f/e²) / Σ (1/e²) over the planes
  std::vector<PlaneValue> values;
};
/// σ of a source on each pixel, all planes together at the place that they are filtered for; NaN without data. All planes of one box.
Image<float> combine(const std::vector<FilteredPlane>& planes, const DetectionOptions& options, detect::ChiScales& scales);

/// The combined σ at all places.
struct Combined {
  Combined(Box box, int n);
  /// What combine() gave for one place, and each plane's significance where that is the best one so far.
  void add(Place place, const Image<float>& combined, std::vector<FilteredPlane>& planes);

  /// The σ that one place exceeds as often as the best of so many chances exceeds what stands there now.
  void charge(double chances);

  int n;
  Image<float> fine;  ///< n × n pixels for each of the cube
  Image<float> best;  ///< the greatest of each pixel
};
/// Calls its argument once for every plane, in any order and on any threads.
using EachPlane = std::function<void(const std::function<void(std::size_t)>&)>;
/// combine() at every place, less what the many places make more likely.
Combined combine_places(std::vector<FilteredPlane>& planes, Box box, const DetectionOptions& options, const EachPlane& each_plane);

/// Peaks of the combined planes, most significant first, without fluxes.
std::vector<Detection> find_sources(const Combined& combined, const std::vector<FilteredPlane>& planes, const DetectionOptions& options);
/// Mean flux and brightest plane of a detection whose planes are measured.
void sum_up(Detection& detection, const DetectionOptions& options);

}  // namespace tessera::discover
