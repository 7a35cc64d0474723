/// cube/region.h — a part of the sky on a cube's pixels: the exact part of each pixel that lies in it.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "tessera/core/image.h"
#include "tessera/wcs/sky_wcs.h"

namespace tessera::cube {

struct Region {
  Image<float> part;     ///< of each pixel, 0 to 1, on the smallest box that holds the region
  double centre_x = 0, centre_y = 0;
  bool cut = false;      ///< some of it lies off the image
};

/// Area of a polygon (corners in order, not crossing itself) inside [x0, x1] × [y0, y1].
double polygon_overlap(std::span<const double> x, std::span<const double> y, double x0, double x1, double y0, double y1);

/// The pixel that holds a position. Throws UsageError when it lies off `image`; so do the others when nothing of them lies on it.
Region pixel_region(const wcs::SkyWcs& sky, Box image, wcs::SkyPoint at);
/// A circle in the plane of the image, its radius by the pixels' size at its centre.
Region circle_region(const wcs::SkyWcs& sky, Box image, wcs::SkyPoint centre, double radius_arcsec);
/// Edges are straight in the plane of the image, so in the tangent plane great circles.
Region polygon_region(const wcs::SkyWcs& sky, Box image, const std::vector<wcs::SkyPoint>& corners);

/// "RA,DEC RA,DEC RA,DEC …", three corners at least. Throws UsageError that starts with `where`.
std::vector<wcs::SkyPoint> parse_polygon(const std::string& text, const std::string& where);

}  // namespace tessera::cube
