/// simulate/stack.h — where the frames of a stack point: map grid, dithers, roll, pointing errors, additive offsets.
#pragma once
#include <cstdint>
#include <vector>

#include "tessera/param/schema.h"
#include "tessera/simulate/camera.h"

namespace tessera::simulate {

enum class Dither { none, random, cycling };
enum class DitherScale { small, medium, large };

struct StackOptions {
  int frames = 16;
  std::int64_t seed = 1;
  double ra_deg = 120.036, dec_deg = -9.064;
  int map_columns = 1, map_rows = 1;
  double map_step_arcsec = 0;          // 0: 0.9 of the field
  Dither dither = Dither::cycling;
  DitherScale dither_scale = DitherScale::medium;
  double dither_size_pix = 0;          // 0: from dither_scale
  double position_angle_deg = -76.75;
  double roll_step_deg = 0, roll_scatter_deg = 0;
  double pointing_error_arcsec = 0;
  double offset_rms = 0.02;
  double mjd_start = 56293.78;
};
void describe(param::Schema<StackOptions>& s);

struct Pointing {
  int frame = 0;                        ///< from 0
  wcs::SkyPoint header, actual;         ///< what the header says; where the camera really pointed
  double position_angle_deg = 0;        ///< y axis, east of north
  double offset = 0;                    ///< MJy/sr added to every pixel
  double mjd = 0;                       ///< start
};
/// Frame i stands at map position i mod (columns · rows), rows first, with dither number i / (columns · rows).
std::vector<Pointing> plan_pointings(const StackOptions& options, const Camera& camera);

/// The point `distance_deg` away from `from` along the great circle that leaves it at `position_angle_deg` (east of north).
wcs::SkyPoint displaced(wcs::SkyPoint from, double distance_deg, double position_angle_deg);

}  // namespace tessera::simulate
