/// extraction/threshold_image.h — the image that a detection threshold applies to, and the unit the threshold is counted in. MOPEX guide 6.5.9 to 6.5.12, 8.3.2 to 8.3.4.
#pragma once
#include "tessera/core/frame.h"
#include "tessera/detect/noise_map.h"
#include "tessera/extraction/extract_options.h"
#include "tessera/psf/psf_model.h"
#include "tessera/run/context.h"

namespace tessera::extraction {

detect::NoiseWindows noise_windows(const DetectionOptions& options);
/// Divides by the noise of the image in windows (detect/noise_map.h), whose pixels may be correlated; returns that noise, 1 everywhere for cell_x = 0.
Image<float> normalise(Image<float>& image, detect::NoiseWindows windows);

/// (value − M)/s of the whole image: M, s the mean and standard deviation of the finite pixels that do not exceed M + `threshold` · s, found again until no pixel changes sides
/// (guide 8.3.2). Pixels above `limit` count in neither. 0 everywhere where s is 0. Returns the threshold
/// in the image's own unit, M + `threshold` · s.
double standardise(Image<float>& image, double threshold, double limit);

/// `frame`: less the background, with the variance of the sky around; `significance`: its matched filter in units of the noise around. `coverage` (empty: none known): under a threshold
/// for the whole image, values of options.detection.image = filtered and pixels are multiplied by its root first (guide 8.3.3). Where that
/// threshold of the probability comes out at 1, which nothing exceeds, the significance is searched in its stead, with a caveat. NaN where no source is looked for.
Image<float> threshold_image(const Frame& frame, Image<float> significance, const Image<float>& coverage, const psf::PsfModel& psf, const ExtractOptions& options, run::Context& context);

}  // namespace tessera::extraction
