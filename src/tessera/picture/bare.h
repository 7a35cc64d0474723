/// picture/bare.h — the pixels of a picture alone, for pages that put title, colour bar and sky marks around them themselves.
#pragma once
#include <array>
#include <string>
#include <vector>

#include "tessera/picture/palette.h"
#include "tessera/picture/picture.h"

namespace tessera::picture {

struct BarePicture {
  int width = 0, height = 0;     ///< of the PNG: one pixel per pixel of the preview
  std::string png;               ///< indexed colours, y upwards, no data transparent
  ColourTable colours{};         ///< of the bar, from its lower to its upper end
  struct Mark {
    double position = 0;         ///< along the bar, 0 to 1
    std::string label;
  };
  std::vector<Mark> ticks;       ///< of the bar, increasing
};

/// Title and unit of the options are not drawn. Throws UsageError when there is no pixel, SystemError when it cannot be compressed.
BarePicture draw_bare(const Preview& preview, const PictureOptions& options, int wanted_ticks = 5);

}  // namespace tessera::picture
