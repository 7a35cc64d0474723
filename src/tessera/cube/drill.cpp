#include "tessera/cube/drill.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "tessera/base/error.h"
#include "tessera/base/text.h"
#include "tessera/core/statistics.h"
#include "tessera/cube/target.h"
#include "tessera/spherex/calibration.h"
#include "tessera/wcs/position_text.h"

namespace tessera::cube {
namespace {

constexpr double detector_pixel_arcsec = 6.15;
constexpr double arcsec2_per_sr = 206264.80624709636 * 206264.80624709636;

wcs::SkyPoint position(const std::string& text, const char* where) {
  if (const auto p = wcs::parse_position(text)) return *p;
  throw UsageError{fmt::format("{} '{}': expected a position as 187.7059,12.3911 or 12:30:49.4,+12:23:28", where, text)};
}

Region circle(const CubeFile& cube, const std::string& text) {
  const auto comma = text.rfind(',');
  if (comma == std::string::npos) throw UsageError{fmt::format("drill.circle '{}': expected RA,DEC,RADIUS, the radius in minutes of arc or with a unit as in 12s", text)};
  const auto centre = position(text.substr(0, comma), "drill.circle");
  return circle_region(cube.sky(), cube.box(), centre, 3600 * parse_angle_deg(text.substr(comma + 1), "drill.circle"));
}

/// What the sums need of each pixel.
struct Weights {
  std::vector<double> weight;  // f Ω, 0 without data
  double good = 0, all = 0;
};

Weights weigh(const wcs::SkyWcs& sky, const Region& region, const Image<float>& image) {
  Weights w;
  const Box box = region.part.box();
  for (int y = box.y0; y < box.y1; ++y)
    for (int x = box.x0; x < box.x1; ++x) {
      const float f = region.part(x, y);
      const double value = f > 0 ? f * sky.pixel_area_sr({static_cast<double>(x), static_cast<double>(y)}) * arcsec2_per_sr : 0;
      const bool data = std::isfinite(image(x, y));
      w.weight.push_back(data ? value : 0);
      w.all += value, w.good += data ? value : 0;
    }
  return w;
}

double variance_of_sum(Box box, const std::vector<double>& weight, const Image<float>& variance, double rho) {
  std::vector<double> s(weight.size());
  for (std::size_t i = 0; i < s.size(); ++i) s[i] = weight[i] > 0 ? weight[i] * std::sqrt(static_cast<double>(variance.pixels()[i])) : 0;
  const int w = box.width(), h = box.height();
  double sum = 0;
  for (int y = 0; y < h; ++y)
    for (int x = 0; x < w; ++x) {
      const auto at = [&](int dx, int dy) { return x + dx >= 0 && x + dx < w && y + dy < h ? s[static_cast<std::size_t>((y + dy) * w + x + dx)] : 0; };
      const double own = at(0, 0);
      sum += own * (own + 2 * rho * (at(1, 0) + at(0, 1)) + 2 * rho * rho * (at(1, 1) + at(-1, 1)));
    }
  return sum;
}

}  // namespace

void describe(param::Schema<DrillOptions>& s) {
  using O = DrillOptions;
  s.field(&O::at, "at", "The pixel that holds this position.").flag("at").placeholder("RA,DEC");
  s.field(&O::circle, "circle", "A circle; the radius in minutes of arc, or with a unit as in 12s.").flag("circle").placeholder("RA,DEC,RADIUS");
  s.field(&O::polygon, "polygon", "A polygon by its corners in order.").flag("polygon").placeholder("\"RA,DEC ...\"");
  s.field(&O::background, "background", "Radii of a ring about the circle or position whose clipped mean is taken off, as in 30s,60s; empty: none.").flag("background").placeholder("INNER,OUTER");
  s.field(&O::min_coverage, "min_coverage", "Part of the region that must have data; what is missing up to there is taken as the mean of the rest.").range(0, 1);
  s.field(&O::picture, "picture", "Also draw the spectrum: a PNG beside the table.");
}

Region drill_region(const CubeFile& cube, const DrillOptions& options) {
  const int asked = !options.at.empty() + !options.circle.empty() + !options.polygon.empty();
  if (asked != 1) throw UsageError{fmt::format("drill takes one of --at, --circle and --polygon; {} were given", asked)};
  if (!options.polygon.empty() && !options.background.empty()) throw UsageError{"drill.background: a ring lies about a position or a circle; a polygon has none"};
  if (!options.at.empty()) return pixel_region(cube.sky(), cube.box(), position(options.at, "drill.at"));
  if (!options.circle.empty()) return circle(cube, options.circle);
  return polygon_region(cube.sky(), cube.box(), parse_polygon(options.polygon, "drill.polygon"));
}

Region background_ring(const CubeFile& cube, const Region& region, const DrillOptions& options) {
  if (options.background.empty()) return {};
  const auto radii = text::split(options.background, ',');
  if (radii.size() != 2) throw UsageError{fmt::format("drill.background '{}': expected INNER,OUTER, as in 30s,60s", options.background)};
  const double inner = 3600 * parse_angle_deg(radii[0], "drill.background"), outer = 3600 * parse_angle_deg(radii[1], "drill.background");
  if (!(inner < outer)) throw UsageError{fmt::format("drill.background '{}': the inner radius must be below the outer one", options.background)};
  const wcs::PixelPoint centre{region.centre_x, region.centre_y};
  auto ring = circle_region(cube.sky(), cube.box(), cube.sky().pixel_to_sky(centre), outer);
  const double r0 = inner / cube.sky().pixel_scale_arcsec(centre), r1 = outer / cube.sky().pixel_scale_arcsec(centre);
  const Box box = ring.part.box();
  for (int y = box.y0; y < box.y1; ++y)
    for (int x = box.x0; x < box.x1; ++x) {
      const double r = std::hypot(x - centre.x, y - centre.y);
      ring.part(x, y) = r >= r0 && r <= r1 ? 1.f : 0.f;  // whole pixels: a clipped mean knows no parts
    }
  return ring;
}

double neighbour_correlation(const CubeFile& cube) {
  if (cube.resampling() != "area") return 0;
  const Box b = cube.box();
  const double r = std::min(1.0, detector_pixel_arcsec / cube.sky().pixel_scale_arcsec({(b.x1 - 1) / 2.0, (b.y1 - 1) / 2.0}));
  return r / 6 / (1 - r / 3);
}

DrillPoint drill_plane(const CubeFile& cube, int plane, const Region& region, const Region* ring, double min_coverage) {
  const Box box = region.part.box();
  const auto image = cube.image(plane, box);
  const auto w = weigh(cube.sky(), region, image);
  const double rho = neighbour_correlation(cube);
  DrillPoint p;
  p.coverage = w.all > 0 && !region.cut ? w.good / w.all : 0;
  double background_variance = 0;
  if (ring && !ring->part.empty()) {
    const auto around = cube.image(plane, ring->part.box());
    std::vector<double> values;
    for (std::size_t i = 0; i < around.pixels().size(); ++i)
      if (ring->part.pixels()[i] > 0 && std::isfinite(around.pixels()[i])) values.push_back(around.pixels()[i]);
    const auto level = statistics::clipped(values, 3, 10);
    p.background = values.empty() ? NAN : level.mean;
    if (level.used > 1) background_variance = level.sigma * level.sigma / static_cast<double>(level.used) * (1 + 2 * rho) * (1 + 2 * rho);
  }
  double sum = 0;
  for (std::size_t i = 0; i < w.weight.size(); ++i)
    if (w.weight[i] > 0) sum += w.weight[i] * (image.pixels()[i] - p.background);
  double variance = NAN;
  if (cube.has_variance()) variance = variance_of_sum(box, w.weight, cube.variance(plane, box), rho) + background_variance * w.good * w.good;
  const bool enough = w.good > 0 && p.coverage >= min_coverage;
  const double scale = enough ? w.all / w.good : NAN;
  p.flux_ujy = spherex::ujy_per_arcsec2 * sum * scale;
  p.flux_err_ujy = spherex::ujy_per_arcsec2 * std::sqrt(variance) * scale;
  p.brightness = p.flux_ujy / (spherex::ujy_per_arcsec2 * w.all);
  p.brightness_err = p.flux_err_ujy / (spherex::ujy_per_arcsec2 * w.all);
  p.hits = NAN;
  if (const auto hits = cube.hits(plane, box)) {
    double total = 0, area = 0;
    for (std::size_t i = 0; i < w.weight.size(); ++i) total += static_cast<double>(region.part.pixels()[i]) * hits->pixels()[i], area += region.part.pixels()[i];
    p.hits = total / area;
  }
  if (const auto flags = cube.flags(plane, box))
    for (std::size_t i = 0; i < w.weight.size(); ++i)
      if (region.part.pixels()[i] > 0) p.flags |= flags->pixels()[i];
  return p;
}

Table drill_table(const CubeFile& cube, const std::vector<DrillPoint>& points) {
  Table t;
  t.name = "spectrum";
  std::vector<std::int32_t> plane, flags;
  std::vector<std::string> name;
  std::vector<double> wavelength, width;
  for (const auto& p : cube.planes()) plane.push_back(p.number), name.push_back(p.name), wavelength.push_back(p.wavelength_um), width.push_back(p.bandwidth_um);
  for (const auto& p : points) flags.push_back(static_cast<std::int32_t>(p.flags));
  const auto column = [&](double DrillPoint::*member) {
    std::vector<double> values;
    for (const auto& p : points) values.push_back(p.*member);
    return values;
  };
  t.add("plane", plane, "", "plane of the cube, from 1");
  t.add("name", name);
  t.add("wavelength", wavelength, "um", "nominal wavelength of the plane", "em.wl");
  t.add("lambda_width", width, "um", "width of the channel");
  t.add("flux", column(&DrillPoint::flux_ujy), "uJy", "sum over the region less the background", "phot.flux.density");
  t.add("flux_err", column(&DrillPoint::flux_err_ujy), "uJy", "with the correlation of neighbouring pixels where the cube was made by area overlap", "stat.error;phot.flux.density");
  t.add("brightness", column(&DrillPoint::brightness), "MJy/sr", "mean over the region less the background", "phot.flux.density.sb");
  t.add("brightness_err", column(&DrillPoint::brightness_err), "MJy/sr", "", "stat.error;phot.flux.density.sb");
  t.add("background", column(&DrillPoint::background), "MJy/sr", "taken off");
  t.add("coverage", column(&DrillPoint::coverage), "", "part of the region with data");
  t.add("nhits", column(&DrillPoint::hits), "", "exposures, mean over the region");
  t.add("flags", flags, "", "union over the region: bits 1 OVERFLOW, 19 OUTLIER, 21 SOURCE", "meta.code");
  return t;
}

}  // namespace tessera::cube
