/// cube/cube_frame.h — one spectral image as a cube takes it: cut to the strips that lie on the target, one weight for each.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tessera/core/frame.h"
#include "tessera/cube/cube_options.h"
#include "tessera/cube/strip_maps.h"
#include "tessera/spherex/spectral_frame.h"
#include "tessera/wcs/grid.h"
#include "tessera/wcs/pixel_map.h"

namespace tessera::cube {

/// A strip of a frame where the target is.
struct StripUse {
  int channel = 0;    ///< 1 to 102
  int strip = 0;      ///< 1 to 17
  Box in_frame;       ///< pixels of the frame that hold the strip's on the target
  Box on_grid;        ///< output pixels it can reach
  double weight = 0;  ///< 1 / median VARIANCE over the whole strip of this exposure; per-pixel weights would make bright sources too faint
  double offset = 0;  ///< MJy/sr, subtracted
};

struct CubeFrame {
  spherex::SpectralFrame frame;
  wcs::PixelMapPtr to_frame, to_output;
  std::vector<StripUse> strips;  ///< ascending channels
  int blind = 0;                 ///< strips on the target without one pixel of finite VARIANCE above 0: left out
};

struct CubeSetting {
  wcs::Grid grid;
  wcs::SkyWcs sky;                     ///< of the grid
  std::vector<int> channels;           ///< wanted numbers, ascending
  reproject::InterpolationOptions interpolation;
  bool maps_every_pixel = false;       ///< of a frame to the grid: worth a quick map
  Box box() const { return {0, 0, grid.width, grid.height}; }
};

/// The frame's strips on the target; none when they do not meet. Reads headers, and every eighth row of VARIANCE where a wanted strip lies.
CubeFrame place_frame(spherex::SpectralFrame frame, const CubeSetting& setting, const StripMaps& maps);

/// Pixels of a strip, ready to be resampled. Good: of the strip, without a flag that mosaics drop, IMAGE (and ZODI where it is subtracted) finite, VARIANCE finite and above 0.
struct StripPixels {
  Frame frame;                     ///< IMAGE − ZODI
  Image<std::uint32_t> reported;   ///< flags that are kept and told of, of good pixels
  Image<float> wave;               ///< µm; empty unless asked for
  Image<float> taper;              ///< what of its weight a pixel keeps near an end of the strip; empty unless asked for
  bool any = false, any_reported = false;
};
StripPixels read_strip(const CubeFrame& frame, const StripUse& use, Box window, const StripMaps& maps, const spherex::CalibrationSet& calibration, const CoaddOptions& options);

}  // namespace tessera::cube
