#include "tessera/simulate/stack.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "tessera/simulate/random.h"

namespace tessera::simulate {

namespace {

constexpr double deg = std::numbers::pi / 180;

struct Shift {
  double x = 0, y = 0;  // frame pixels
};

/// Median displacement in IRAC pixels of the cycling dither patterns (IRAC Instrument Handbook), for a field of 256.
double median_shift_pix(const StackOptions& o, const Camera& c) {
  if (o.dither_size_pix > 0) return o.dither_size_pix;
  const double irac = o.dither_scale == DitherScale::small ? 10.5 : o.dither_scale == DitherScale::medium ? 53 : 97;
  return irac * std::max(c.width, c.height) / 256;
}

/// A Gaussian cloud: `u` in (0, 1) gives the radius, `turn` the direction. Cut at 1.5 times the median as the real patterns are.
Shift cloud(double u, double turn, double median) {
  const double sigma = median / std::sqrt(2 * std::numbers::ln2);
  const double r = std::min(sigma * std::sqrt(-2 * std::log(u)), 1.5 * median);
  return {r * std::cos(2 * std::numbers::pi * turn), r * std::sin(2 * std::numbers::pi * turn)};
}

Shift dither(const StackOptions& o, const Camera& c, int number) {
  const double median = median_shift_pix(o, c);
  if (o.dither == Dither::none) return {};
  if (o.dither == Dither::random) {
    Random random{static_cast<std::uint64_t>(o.seed), Purpose::dither, static_cast<std::uint64_t>(number)};
    const double u = random.uniform(), turn = random.uniform();
    return cloud(u, turn, median);
  }
  // Fixed table: a two-dimensional golden-ratio sequence fills the cloud and the pixel phases evenly, whatever the seed.
  constexpr double g1 = 0.7548776662466927, g2 = 0.5698402909980532;
  const double u = std::fmod(0.5 + g1 * (number + 1), 1.0), turn = std::fmod(0.5 + g2 * (number + 1), 1.0);
  return cloud(u, turn, median);
}

Shift map_position(const StackOptions& o, const Camera& c, int cell) {
  const int column = cell % o.map_columns, row = cell / o.map_columns;
  const double step_x = o.map_step_arcsec > 0 ? o.map_step_arcsec / c.pixel_scale_arcsec : 0.9 * c.width;
  const double step_y = o.map_step_arcsec > 0 ? o.map_step_arcsec / c.pixel_scale_arcsec : 0.9 * c.height;
  return {(column - (o.map_columns - 1) / 2.0) * step_x, (row - (o.map_rows - 1) / 2.0) * step_y};
}

/// A shift along the axes of a frame whose y axis points `pa_deg` east of north and whose x axis points west of that.
wcs::SkyPoint shifted(wcs::SkyPoint centre, Shift s, double pa_deg, double scale_arcsec) {
  const double distance = std::hypot(s.x, s.y) * scale_arcsec / 3600;
  if (distance == 0) return centre;
  return displaced(centre, distance, pa_deg + std::atan2(-s.x, s.y) / deg);
}

}  // namespace

void describe(param::Schema<StackOptions>& s) {
  s.field(&StackOptions::frames, "frames", "Number of frames.").range(1, 100000).flag("frames", 'n');
  s.field(&StackOptions::seed, "seed", "Seed of all random numbers: the same seed and options give the same files.")
      .range(0, 9007199254740992.0).flag("seed");
  s.field(&StackOptions::ra_deg, "ra_deg", "Right ascension of the middle of the field.").unit("deg").range(0, 360);
  s.field(&StackOptions::dec_deg, "dec_deg", "Declination of the middle of the field.").unit("deg").range(-90, 90);
  s.field(&StackOptions::map_columns, "map_columns", "Columns of the mapping grid.").range(1, 1000);
  s.field(&StackOptions::map_rows, "map_rows", "Rows of the mapping grid.").range(1, 1000);
  s.field(&StackOptions::map_step_arcsec, "map_step_arcsec", "Step of the mapping grid; 0 for 0.9 of the field.").unit("arcsec").at_least(0);
  s.field(&StackOptions::dither, "dither", "Dither on top of the mapping grid: random, or cycling through a fixed table.")
      .choices({{"none", Dither::none}, {"random", Dither::random}, {"cycling", Dither::cycling}});
  s.field(&StackOptions::dither_scale, "dither_scale", "Median displacement: 10.5, 53 or 97 pixels of a field of 256.")
      .choices({{"small", DitherScale::small}, {"medium", DitherScale::medium}, {"large", DitherScale::large}});
  s.field(&StackOptions::dither_size_pix, "dither_size_pix", "Median displacement; 0 takes dither_scale's.").unit("pixel").at_least(0);
  s.field(&StackOptions::position_angle_deg, "position_angle_deg", "Direction of the y axis of the first frame, east of north.")
      .unit("deg").range(-360, 360);
  s.field(&StackOptions::roll_step_deg, "roll_step_deg", "Change of the position angle from frame to frame.").unit("deg").range(-360, 360);
  s.field(&StackOptions::roll_scatter_deg, "roll_scatter_deg", "Normal scatter of the position angle (the header has the true angle).")
      .unit("deg").range(0, 180);
  s.field(&StackOptions::pointing_error_arcsec, "pointing_error_arcsec", "Normal error per axis of the position in the header.")
      .unit("arcsec").at_least(0);
  s.field(&StackOptions::offset_rms, "offset_rms", "Width of the normal distribution of additive offsets of the frames.").unit("MJy/sr").at_least(0);
  s.field(&StackOptions::mjd_start, "mjd_start", "Start of the first exposure.").unit("d").range(0, 200000);
}

wcs::SkyPoint displaced(wcs::SkyPoint from, double distance_deg, double position_angle_deg) {
  const double d = distance_deg * deg, pa = position_angle_deg * deg, dec = from.dec_deg * deg;
  const double sin_dec = std::sin(dec) * std::cos(d) + std::cos(dec) * std::sin(d) * std::cos(pa);
  const double east = std::sin(d) * std::sin(pa), away = std::cos(dec) * std::cos(d) - std::sin(dec) * std::sin(d) * std::cos(pa);
  double ra = from.ra_deg + std::atan2(east, away) / deg;
  ra -= 360 * std::floor(ra / 360);
  return {ra, std::atan2(sin_dec, std::hypot(east, away)) / deg};
}

std::vector<Pointing> plan_pointings(const StackOptions& o, const Camera& c) {
  const auto seed = static_cast<std::uint64_t>(o.seed);
  const int cells = o.map_columns * o.map_rows;
  const wcs::SkyPoint centre{o.ra_deg, o.dec_deg};
  constexpr double overhead_s = 17.96;  // between exposures, as in an IRAC AOR
  std::vector<Pointing> plan(static_cast<std::size_t>(o.frames));
  for (int i = 0; i < o.frames; ++i) {
    Pointing& p = plan[static_cast<std::size_t>(i)];
    const auto id = static_cast<std::uint64_t>(i);
    p.frame = i;
    p.position_angle_deg = std::remainder(o.position_angle_deg + i * o.roll_step_deg +
                                              o.roll_scatter_deg * Random{seed, Purpose::roll, id}.normal(), 360.0);
    // The map and its dithers keep the first frame's axes, as an observation does: the roll turns about each frame's own centre.
    const Shift cell = map_position(o, c, i % cells), move = dither(o, c, i / cells);
    p.header = shifted(centre, {cell.x + move.x, cell.y + move.y}, o.position_angle_deg, c.pixel_scale_arcsec);
    p.actual = p.header;
    if (o.pointing_error_arcsec > 0) {
      Random random{seed, Purpose::pointing, id};
      const double east = random.normal(), north = random.normal();
      p.actual = displaced(p.header, o.pointing_error_arcsec / 3600 * std::hypot(east, north), std::atan2(east, north) / deg);
    }
    p.offset = o.offset_rms * Random{seed, Purpose::offset, id}.normal();
    p.mjd = o.mjd_start + i * (c.frame_time_s + overhead_s) / 86400;
  }
  return plan;
}

}  // namespace tessera::simulate
