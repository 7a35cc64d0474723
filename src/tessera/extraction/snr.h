/// extraction/snr.h — signal to noise by MOPEX's three rules (guide 8.9.2).
#pragma once
#include <span>
#include <vector>

#include "tessera/extraction/find.h"
#include "tessera/joint_fit/fit_image.h"
#include "tessera/joint_fit/source.h"

namespace tessera::extraction {

/// On the image that sources are found on. peak: F / (σ of the nearest pixel × volume of the response over that under its peak); core: F / √Σσ² over a box that reaches to where the response falls to a
/// tenth of its peak; gain: F / √(Σσ² + F/(g n)), n: the coverage. NaN off the image, or with a bad pixel in the box. `coverage`: empty for one frame.
std::vector<double> snr_by_rule(const Found& found, const Image<float>& coverage, const joint_fit::FitImage& image, std::span<const joint_fit::Source> sources, const joint_fit::FitOptions& options);

}  // namespace tessera::extraction
