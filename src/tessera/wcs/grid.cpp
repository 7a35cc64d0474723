#include "tessera/wcs/grid.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>

#include "tessera/base/error.h"
#include "tessera/base/text.h"
#include "tessera/core/statistics.h"
#include "tessera/wcs/frames.h"
#include "tessera/wcs/position_text.h"

namespace tessera::wcs {
namespace {

constexpr double degree = std::numbers::pi / 180;
using Vector = std::array<double, 3>;

Vector direction(SkyPoint p) {
  const double a = p.ra_deg * degree, d = p.dec_deg * degree;
  return {std::cos(d) * std::cos(a), std::cos(d) * std::sin(a), std::sin(d)};
}
SkyPoint position(const Vector& v) { return {wrap_degrees(std::atan2(v[1], v[0]) / degree), std::atan2(v[2], std::hypot(v[0], v[1])) / degree}; }

FrameChange change_of(SkyFrame frame) {
  const SkySystem system = frame == SkyFrame::galactic ? SkySystem::galactic : frame == SkyFrame::ecliptic ? SkySystem::ecliptic : SkySystem::icrs;
  return {system, 2000, 2000};
}

/// What a projection needs beside its name when it is centred on `lat` degrees: Paper II's PVi_m of the latitude axis.
enum class Parameters { none, latitude, unit, unit_pair, pole, refused };
struct Offered {
  std::string_view code;
  Parameters parameters;
};
constexpr std::array offered{
    Offered{"TAN", Parameters::none},     Offered{"SIN", Parameters::none},     Offered{"STG", Parameters::none},     Offered{"ARC", Parameters::none},
    Offered{"ZEA", Parameters::none},     Offered{"AIR", Parameters::pole},     Offered{"CAR", Parameters::none},     Offered{"MER", Parameters::none},
    Offered{"CEA", Parameters::unit},     Offered{"CYP", Parameters::unit_pair}, Offered{"SFL", Parameters::none},    Offered{"PAR", Parameters::none},
    Offered{"MOL", Parameters::none},     Offered{"AIT", Parameters::none},     Offered{"COP", Parameters::latitude}, Offered{"COE", Parameters::latitude},
    Offered{"COD", Parameters::latitude}, Offered{"COO", Parameters::latitude}, Offered{"BON", Parameters::latitude}, Offered{"PCO", Parameters::none}};

std::vector<std::pair<int, double>> standard_parameters(const std::string& projection, double lat_deg) {
  const auto found = std::find_if(offered.begin(), offered.end(), [&](const Offered& o) { return o.code == projection; });
  const Parameters what = found == offered.end() ? Parameters::refused : found->parameters;
  switch (what) {
    case Parameters::none: return {};
    case Parameters::unit: return {{1, 1}};
    case Parameters::unit_pair: return {{1, 1}, {2, 1}};
    case Parameters::pole: return {{1, 90}};
    case Parameters::latitude:
      if (std::abs(lat_deg) < 1) throw UsageError{fmt::format("grid.projection {}: a cone touching at latitude {:.3f} is none; use CAR or SFL", projection, lat_deg)};
      return {{1, lat_deg}};
    case Parameters::refused: break;
  }
  std::vector<std::string> names;
  for (const auto& o : offered) names.emplace_back(o.code);
  throw UsageError{fmt::format("grid.projection '{}': expected one of {}", projection, text::join(names, ", "))};
}

std::vector<std::string> words(std::string_view s) {
  std::vector<std::string> list;
  std::string copy{s};
  std::replace(copy.begin(), copy.end(), ',', ' ');
  for (auto& w : text::split(copy, ' '))
    if (!w.empty()) list.push_back(std::move(w));
  return list;
}

SkyPoint parse_center(const std::string& s) {
  if (const auto p = parse_position(s)) return {wrap_degrees(p->ra_deg), p->dec_deg};
  throw UsageError{fmt::format("grid.center '{}': expected \"RA Dec\" in degrees or as 12:34:56.7 -01:02:03", s)};
}

std::array<int, 2> parse_size(const std::string& s) {
  const auto w = words(s);
  if (w.size() == 2) {
    const auto a = text::to_integer(w[0]), b = text::to_integer(w[1]);
    if (a && b && *a >= 1 && *b >= 1 && *a <= std::numeric_limits<int>::max() && *b <= std::numeric_limits<int>::max())
      return {static_cast<int>(*a), static_cast<int>(*b)};
  }
  throw UsageError{fmt::format("grid.size '{}': expected \"WIDTH HEIGHT\" in output pixels", s)};
}

/// The middle of all borders as directions; the first frame's centre when they cancel.
SkyPoint mean_position(const std::vector<Footprint>& frames) {
  Vector sum{};
  for (const auto& f : frames) {
    const Vector v = direction(f.center);
    for (std::size_t k = 0; k < 3; ++k) sum[k] += v[k];
  }
  return std::hypot(sum[0], sum[1], sum[2]) < 1e-6 * static_cast<double>(frames.size()) ? frames.front().center : position(sum);
}

/// The grid's extent about its reference point, output pixels.
struct Extent {
  double x0 = std::numeric_limits<double>::infinity(), x1 = -x0, y0 = x0, y1 = -x0;
  void add(PixelPoint p) {
    x0 = std::min(x0, p.x);
    x1 = std::max(x1, p.x);
    y0 = std::min(y0, p.y);
    y1 = std::max(y1, p.y);
  }
};

/// `grid` with its reference point in pixel 0, so that positions are offsets from it.
SkyWcs centred(Grid grid) {
  grid.crpix1 = grid.crpix2 = 1;
  grid.width = grid.height = 1;
  return grid.wcs();
}

Extent extent(const std::vector<Footprint>& frames, const Grid& grid) {
  const SkyWcs wcs = centred(grid);
  Extent box;
  for (std::size_t k = 0; k < frames.size(); ++k) {
    std::vector<SkyPoint> points = frames[k].border;
    points.push_back(frames[k].center);
    for (const SkyPoint& s : points) {
      if (std::isnan(s.ra_deg)) continue;
      const PixelPoint p = wcs.sky_to_pixel(s);
      if (std::isnan(p.x))
        throw DataError{fmt::format("frame {} of the list (near RA {:.4f} Dec {:.4f}) has no image in projection {} centred at {:.4f} {:.4f}: it is too far "
                                    "away; use grid.projection CAR, AIT or ZEA, or mosaic fewer frames at a time",
                                    k + 1, frames[k].center.ra_deg, frames[k].center.dec_deg, grid.projection, grid.crval1_deg, grid.crval2_deg)};
      box.add(p);
    }
  }
  return box;
}

void set_center(Grid& grid, SkyPoint icrs) {
  const SkyPoint c = change_of(grid.frame).from_icrs(icrs);
  grid.crval1_deg = c.ra_deg;
  grid.crval2_deg = c.dec_deg;
  grid.parameters = standard_parameters(grid.projection, grid.crval2_deg);
}

/// A point a little "up" (+y) from the middle of a frame.
SkyPoint above(const Footprint& f) {
  const double step = 1e-3 * degree, position_angle = -f.north_angle_deg * degree;
  const double d = f.center.dec_deg * degree;
  const double dec = std::asin(std::clamp(std::sin(d) * std::cos(step) + std::cos(d) * std::sin(step) * std::cos(position_angle), -1.0, 1.0));
  const double ra = std::atan2(std::sin(position_angle) * std::sin(step), std::cos(d) * std::cos(step) - std::sin(d) * std::sin(step) * std::cos(position_angle));
  return {wrap_degrees(f.center.ra_deg + ra / degree), dec / degree};
}

/// CROTA2 that sets the frames upright on average: the circular mean over frames of the angle that would do so for each.
double mean_rotation(const std::vector<Footprint>& frames, Grid grid) {
  grid.crota2_deg = 0;
  grid.cdelt2_deg = std::copysign(grid.cdelt1_deg, grid.cdelt2_deg);  // angles want square pixels
  const SkyWcs wcs = centred(grid);
  double c = 0, s = 0, first = std::numeric_limits<double>::quiet_NaN();
  int used = 0;
  for (const auto& f : frames) {
    const PixelPoint a = wcs.sky_to_pixel(f.center), b = wcs.sky_to_pixel(above(f));
    const double turn = std::atan2(b.x - a.x, b.y - a.y);
    if (!std::isfinite(turn)) continue;
    if (used++ == 0) first = turn;
    c += std::cos(turn);
    s += std::sin(turn);
  }
  if (used == 0) return 0;
  // Opposite rolls leave no mean direction; any of them sets all frames upright or on their heads.
  return (std::hypot(c, s) < 0.05 * used ? first : std::atan2(s, c)) / degree;
}

double rotation(const std::vector<Footprint>& frames, const GridOptions& options, const Grid& grid) {
  const std::string word = text::lower(text::trim(options.rotation));
  if (word == "mean" || word == "a") return frames.empty() ? 0 : mean_rotation(frames, grid);
  const auto value = text::to_double(word);
  if (!value || !std::isfinite(*value)) throw UsageError{fmt::format("grid.rotation '{}': expected \"mean\" or degrees", options.rotation)};
  return *value;
}

struct PixelSize {
  double x_arcsec = 0, y_arcsec = 0;
};

/// A size given wins over a ratio, on each axis (MOPEX guide 5.6.1); y is as x where nothing is said of it.
PixelSize pixel_size(const std::vector<Footprint>& frames, const GridOptions& options) {
  for (const double v : {options.pixel_scale_arcsec, options.pixel_scale_y_arcsec, options.oversample_y})
    if (!(v >= 0) || !std::isfinite(v)) throw UsageError{"grid.pixel_scale, pixel_scale_y and oversample_y must not be negative"};
  if (!(options.oversample > 0) || !std::isfinite(options.oversample)) throw UsageError{"grid.oversample must be positive"};
  std::vector<double> scales;
  for (const auto& f : frames) scales.push_back(f.pixel_scale_arcsec);
  const double frame = statistics::median_inplace(scales);
  PixelSize size;
  size.x_arcsec = options.pixel_scale_arcsec > 0 ? options.pixel_scale_arcsec : frame / options.oversample;
  size.y_arcsec = options.pixel_scale_y_arcsec > 0 ? options.pixel_scale_y_arcsec : options.pixel_scale_arcsec > 0 || options.oversample_y == 0 ? size.x_arcsec : frame / options.oversample_y;
  for (const double v : {size.x_arcsec, size.y_arcsec})
    if (!(v > 0) || !std::isfinite(v)) throw DataError{"the frames' pixel scale cannot be measured; give grid.pixel_scale"};
  return size;
}

int pixels(double count) {
  if (!(count <= static_cast<double>(std::numeric_limits<int>::max())))
    throw UsageError{fmt::format("the output grid would be {:.3g} pixels wide or high; choose a larger grid.pixel_scale or fewer frames", count)};
  return std::max(1, static_cast<int>(count));
}

}  // namespace

void describe(param::Schema<GridOptions>& s) {
  s.field(&GridOptions::projection, "projection", "Projection of the output grid, by its FITS code.").flag("projection").placeholder("CODE")
      .namelist("FIDUCIALIMAGEFRAMEIN", "Projection_Type").swarp("PROJECTION_TYPE");
  s.field(&GridOptions::frame, "frame", "Sky frame of the output grid's axes.")
      .choices({{"icrs", SkyFrame::icrs}, {"galactic", SkyFrame::galactic}, {"ecliptic", SkyFrame::ecliptic}, {"j2000", SkyFrame::icrs}})
      .flag("frame").namelist("FIDUCIALIMAGEFRAMEIN", "Coordinate_System").swarp("CELESTIAL_TYPE");
  s.field(&GridOptions::pixel_scale_arcsec, "pixel_scale", "Side of an output pixel; 0: the median input pixel divided by grid.oversample.")
      .unit("arcsec").at_least(0).flag("pixel-scale").namelist("", "MOSAIC_PIXEL_SIZE_X").swarp("PIXEL_SCALE");
  s.field(&GridOptions::pixel_scale_y_arcsec, "pixel_scale_y", "Height of an output pixel; 0: as grid.pixel_scale.").unit("arcsec").at_least(0).namelist("", "MOSAIC_PIXEL_SIZE_Y");
  s.field(&GridOptions::oversample, "oversample", "Input pixel over output pixel in linear size; used when grid.pixel_scale is 0.").range(0.01, 100).flag("oversample")
      .namelist("", "MOSAIC_PIXEL_RATIO_X");
  s.field(&GridOptions::oversample_y, "oversample_y", "Input pixel over the height of an output pixel; used when grid.pixel_scale is 0; 0: as grid.oversample.").range(0, 100).namelist("", "MOSAIC_PIXEL_RATIO_Y");
  s.field(&GridOptions::rotation, "rotation", "CROTA2 of the output grid, or \"mean\" (MOPEX: A) for the mean orientation of the frames.")
      .unit("deg").flag("rotation").placeholder("DEG|mean").namelist("FIDUCIALIMAGEFRAMEIN", "CROTA2");
  s.field(&GridOptions::padding_arcsec, "padding", "Empty margin around the footprints of the frames, on each side.").unit("arcsec").range(0, 360000).flag("padding")
      .namelist("FIDUCIALIMAGEFRAMEIN", "Edge_Padding");
  s.field(&GridOptions::center, "center", "Centre of the grid as \"RA Dec\" (ICRS), in degrees or sexagesimal; empty: of all footprints.")
      .flag("center").placeholder("\"RA DEC\"").swarp("CENTER");
  s.field(&GridOptions::size, "size", "Size of the grid as \"WIDTH HEIGHT\" in output pixels; empty: from the footprints.")
      .flag("size").placeholder("\"W H\"").swarp("IMAGE_SIZE");
  s.field(&GridOptions::file, "file", "FIF.tbl or FITS image whose grid is taken as it is; the other grid options then have no effect, but see file_pixels.").flag("grid").placeholder("FILE")
      .namelist("", "FIF_FILE_NAME");
  s.field(&GridOptions::file_pixels, "file_pixels", "Pixels of grid.file: keep = they are those of the mosaic; resize = only the area counts, and pixel_scale or oversample say how large the pixels are, as in MOPEX.")
      .choices({{"keep", FilePixels::keep}, {"resize", FilePixels::resize}});
}

Footprint footprint(const SkyWcs& wcs, int width, int height) {
  if (width < 1 || height < 1) throw UsageError{fmt::format("a frame of {} x {} pixels has no outline", width, height)};
  constexpr int steps = 32;  // per side: distortion between two samples bends the border by far less than a pixel
  Footprint f;
  const double right = width - 0.5, top = height - 0.5;
  const auto along = [&](double x0, double y0, double x1, double y1) {
    for (int k = 0; k < steps; ++k) {
      const double t = static_cast<double>(k) / steps;
      f.border.push_back(wcs.pixel_to_sky(PixelPoint{x0 + t * (x1 - x0), y0 + t * (y1 - y0)}));
    }
  };
  along(-0.5, -0.5, right, -0.5);
  along(right, -0.5, right, top);
  along(right, top, -0.5, top);
  along(-0.5, top, -0.5, -0.5);
  std::erase_if(f.border, [](const SkyPoint& p) { return std::isnan(p.ra_deg); });
  const PixelPoint middle{(width - 1) / 2.0, (height - 1) / 2.0};
  f.center = wcs.pixel_to_sky(middle);
  if (std::isnan(f.center.ra_deg)) {
    if (f.border.empty()) throw DataError{"the frame lies outside the sky of its own projection"};
    f.center = f.border.front();
    return f;
  }
  const auto j = wcs.jacobian(middle);
  f.pixel_scale_arcsec = wcs.pixel_scale_arcsec(middle);
  // Minus the position angle of the frame's +y: CROTA2 of a grid of usual parity that sets the frame upright.
  f.north_angle_deg = -std::atan2(j[1], j[3]) / degree;
  return f;
}

Grid fiducial_grid(const std::vector<Footprint>& frames, const GridOptions& options) {
  const bool fixed = !options.center.empty() && !options.size.empty() && options.pixel_scale_arcsec > 0;
  if (frames.empty() && !fixed) throw UsageError{"a grid needs frames, or center, size and pixel_scale"};
  if (!(options.padding_arcsec >= 0) || !std::isfinite(options.padding_arcsec)) throw UsageError{"grid.padding must not be negative"};
  Grid grid;
  grid.projection = text::upper(text::trim(options.projection));
  grid.frame = options.frame;
  const PixelSize pixel = pixel_size(frames, options);
  grid.cdelt1_deg = -pixel.x_arcsec / 3600;
  grid.cdelt2_deg = pixel.y_arcsec / 3600;
  set_center(grid, options.center.empty() ? mean_position(frames) : parse_center(options.center));
  grid.crota2_deg = rotation(frames, options, grid);
  // Re-centre on the bounding box; the box itself changes a little as the projection moves.
  for (int round = 0; round < 4 && options.center.empty(); ++round) {
    const Extent box = extent(frames, grid);
    const SkyPoint middle = centred(grid).pixel_to_sky(PixelPoint{(box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2});
    if (std::isnan(middle.ra_deg)) break;
    set_center(grid, middle);
    grid.crota2_deg = rotation(frames, options, grid);
  }
  if (options.size.empty()) {
    const Extent box = extent(frames, grid);
    // Footprints a rounding error wider than n pixels need no pixel more.
    grid.width = pixels(std::ceil(2 * (std::max(-box.x0, box.x1) + options.padding_arcsec / pixel.x_arcsec) - 1e-6));
    grid.height = pixels(std::ceil(2 * (std::max(-box.y0, box.y1) + options.padding_arcsec / pixel.y_arcsec) - 1e-6));
  } else {
    const auto size = parse_size(options.size);
    grid.width = size[0];
    grid.height = size[1];
  }
  grid.crpix1 = (grid.width + 1) / 2.0;
  grid.crpix2 = (grid.height + 1) / 2.0;
  return grid;
}

Grid resized(const Grid& grid, const std::vector<Footprint>& frames, const GridOptions& options) {
  if (!grid.extra.empty()) throw UsageError{"grid.file_pixels = resize needs a grid of CDELT and CROTA2 (FIF.tbl); this file's WCS is of another kind"};
  const PixelSize pixel = pixel_size(frames, options);
  Grid g = grid;
  const auto axis = [](double arcsec, double& cdelt, double& crpix, int& count) {
    const double ratio = std::abs(cdelt) * 3600 / arcsec;
    if (std::abs(ratio - 1) < 1e-6) return;
    cdelt = std::copysign(arcsec / 3600, cdelt);
    crpix = 0.5 + (crpix - 0.5) * ratio;
    count = pixels(std::ceil(count * ratio - 1e-6));
  };
  axis(pixel.x_arcsec, g.cdelt1_deg, g.crpix1, g.width);
  axis(pixel.y_arcsec, g.cdelt2_deg, g.crpix2, g.height);
  return g;
}

Grid grown(Grid grid, int more) {
  grid.width = pixels(static_cast<double>(grid.width) + 2.0 * more);
  grid.height = pixels(static_cast<double>(grid.height) + 2.0 * more);
  grid.crpix1 += more;
  grid.crpix2 += more;
  return grid;
}

}  // namespace tessera::wcs
