/// picture/marked.h — a picture with circles about what was found.
#pragma once
#include <span>

#include "tessera/picture/picture.h"

namespace tessera::picture {

/// Pixels of the whole image, centres at integers from 0.
struct Circle {
  double x = 0, y = 0, radius = 0;
};

/// As write_png(), with circles; none is smaller than a few pixels of the picture.
void write_marked_png(const Preview& preview, const wcs::Grid& grid, const PictureOptions& options, std::span<const Circle> circles, const std::filesystem::path& path);

}  // namespace tessera::picture
