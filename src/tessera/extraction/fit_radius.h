/// extraction/fit_radius.h — how far the light of a detection exceeds the noise: MOPEX's Fit Radius (guide 6.5.15).
#pragma once
#include <utility>

#include "tessera/core/image.h"
#include "tessera/extraction/find.h"

namespace tessera::extraction {

/// Sides of the window about the pixel (x, y): from there left, right, down and up to where the row or the column meets the noise (between two pixels, by the straight line through the two differences); twice
/// the nearer of both crossings, as the whole odd number that holds it, between 3 and `most`. `value`: less its mean; `sigma` on the same box. A bad pixel (sigma 0) or the edge is a crossing.
std::pair<int, int> fit_radius(View<const float> value, View<const float> sigma, int x, int y, int most);

/// fit_x, fit_y of all detections that have none. The image is less the mean of its sky, the noise times the root of the coverage where that is known, as the guide has it.
void measure_fit_radii(Found& found, const Image<float>& coverage, int most);

}  // namespace tessera::extraction
