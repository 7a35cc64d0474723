/// extraction/find.h — sources on one image: background, matched filter, noise of the filtered image, threshold, and touching ones taken apart.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "tessera/core/frame.h"
#include "tessera/detect/segments.h"
#include "tessera/extraction/extract_options.h"
#include "tessera/joint_fit/groups.h"
#include "tessera/run/context.h"

namespace tessera::extraction {

struct Detection {
  double x = 0, y = 0;           ///< of the peak of the filtered image, to a part of a pixel
  double centroid_x = 0, centroid_y = 0;  ///< of the light above the background
  double flux = 0;               ///< of that light, pixel values summed
  double major = 0, minor = 0, angle_deg = 0;
  double peak = 0;               ///< of the image that the threshold applies to, in its unit
  double brightest = 0;          ///< pixel value, less the background
  long area = 0;
  int fit_x = 0, fit_y = 0;      ///< sides of its fit's window, pixels of this image; 0: those of all
  int blend = 0, blend_size = 1; ///< number of the group of detections that touched (0: none)
};

struct Found {
  Frame frame;                   ///< less the background; variance as stated
  Image<float> background;
  Image<float> filtered;         ///< what the threshold applied to
  Image<float> noise;            ///< width of the matched filter's signal to noise over what uncertainties say
  Image<float> variance;         ///< of the sky around, without photons of sources
  Image<float> photons;          ///< with injection: variance per value of a source
  Image<std::uint8_t> sources;   ///< 1 on pixels taken for sources when the background was measured
  std::vector<detect::Segment> segments;
  std::vector<Detection> detections;
  double median_noise = 1;
};

/// Takes the frame. The background is measured twice, the second time without what was found on the first. Without `find` it ends there: no segments.
Found find_sources(Frame frame, const Image<float>& coverage, const psf::PsfModel& psf, const ExtractOptions& options, bool find, run::Context& context);

/// Detections of another image of signal to noise in the place of found.filtered, which it becomes.
void detect_on(Found& found, Image<float> significance, const ExtractOptions& options);

/// A fitted source on that image: nothing else is looked for within `apart` pixels.
struct Taken {
  joint_fit::Place place;
  double apart = 0;
};

/// What a fit left: peaks of `residual` (found.frame.value less all fitted sources) above the threshold, none nearer to a fitted source (`taken`) than its `apart`, and of those
/// within `around` of the same source the strongest alone: the two sides of what one response leaves of a pair are not two more sources, and three so near would not be told apart. `model_error`: share of the
/// sources' light on each pixel that their models may be wrong by, which counts as noise; `scatter`: further variance of stars that differ from their response, or empty.
std::vector<Detection> find_more(const Found& found, Image<float> residual, std::span<const Taken> taken, double around, Image<float> model_error, const Image<float>& scatter,
                                 const psf::PsfModel& psf, const ExtractOptions& options, run::Context& context);

/// How much of the light of bright isolated detections lies in the brightest of 9 × 9 pixels, over what the response says: 1 for a response of the right width. NaN with fewer than 5 of them.
double concentration_ratio(const Found& found, const psf::PsfModel& psf);

}  // namespace tessera::extraction
