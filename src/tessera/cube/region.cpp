#include "tessera/cube/region.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tessera/base/error.h"
#include "tessera/base/text.h"
#include "tessera/photometry/overlap.h"
#include "tessera/wcs/position_text.h"

namespace tessera::cube {
namespace {

struct Point {
  double x, y;
};

/// The part of a polygon with f ≥ 0 (Sutherland and Hodgman 1974, CACM 17, 32).
template <class F>
void clip(std::vector<Point>& polygon, std::vector<Point>& scratch, F f) {
  scratch.clear();
  for (std::size_t i = 0; i < polygon.size(); ++i) {
    const Point a = polygon[i], b = polygon[(i + 1) % polygon.size()];
    const double fa = f(a), fb = f(b);
    if (fa >= 0) scratch.push_back(a);
    if ((fa < 0) != (fb < 0)) {
      const double t = fa / (fa - fb);
      scratch.push_back({a.x + t * (b.x - a.x), a.y + t * (b.y - a.y)});
    }
  }
  polygon.swap(scratch);
}

Box pixels_of(double low_x, double low_y, double high_x, double high_y) {
  const auto pixel = [](double v) { return static_cast<int>(std::floor(std::clamp(v, -1e8, 1e8) + .5)); };
  return {pixel(low_x), pixel(low_y), pixel(high_x) + 1, pixel(high_y) + 1};
}

wcs::PixelPoint on_image(const wcs::SkyWcs& sky, wcs::SkyPoint at) {
  const auto p = sky.sky_to_pixel(at);
  if (!std::isfinite(p.x) || !std::isfinite(p.y)) throw UsageError{fmt::format("{:.5f} {:+.5f} lies on the other side of the sky", at.ra_deg, at.dec_deg)};
  return p;
}

Region begin(Box wanted, Box image, double x, double y) {
  const Box box = intersection(wanted, image);
  if (box.empty()) throw UsageError{fmt::format("the region about pixel {:.1f}, {:.1f} lies off the cube of {} × {} pixels", x + 1, y + 1, image.width(), image.height())};
  return {Image<float>{box}, x, y, box != wanted};
}

}  // namespace

double polygon_overlap(std::span<const double> x, std::span<const double> y, double x0, double x1, double y0, double y1) {
  std::vector<Point> polygon, scratch;
  for (std::size_t i = 0; i < x.size(); ++i) polygon.push_back({x[i], y[i]});
  clip(polygon, scratch, [&](Point p) { return p.x - x0; });
  clip(polygon, scratch, [&](Point p) { return x1 - p.x; });
  clip(polygon, scratch, [&](Point p) { return p.y - y0; });
  clip(polygon, scratch, [&](Point p) { return y1 - p.y; });
  double twice = 0;
  for (std::size_t i = 0; i < polygon.size(); ++i) {
    const Point a = polygon[i], b = polygon[(i + 1) % polygon.size()];
    twice += (a.x - x0) * (b.y - y0) - (b.x - x0) * (a.y - y0);
  }
  return std::abs(twice) / 2;
}

Region pixel_region(const wcs::SkyWcs& sky, Box image, wcs::SkyPoint at) {
  const auto p = on_image(sky, at);
  auto region = begin(pixels_of(p.x, p.y, p.x, p.y), image, p.x, p.y);
  std::ranges::fill(region.part.pixels(), 1.f);
  return region;
}

Region circle_region(const wcs::SkyWcs& sky, Box image, wcs::SkyPoint centre, double radius_arcsec) {
  const auto p = on_image(sky, centre);
  const double r = radius_arcsec / sky.pixel_scale_arcsec(p);
  auto region = begin(pixels_of(p.x - r, p.y - r, p.x + r, p.y + r), image, p.x, p.y);
  const Box box = region.part.box();
  for (int y = box.y0; y < box.y1; ++y)
    for (int x = box.x0; x < box.x1; ++x) region.part(x, y) = static_cast<float>(photometry::circle_overlap(x - .5 - p.x, x + .5 - p.x, y - .5 - p.y, y + .5 - p.y, r));
  return region;
}

Region polygon_region(const wcs::SkyWcs& sky, Box image, const std::vector<wcs::SkyPoint>& corners) {
  std::vector<double> x, y;
  for (const auto& c : corners) {
    const auto p = on_image(sky, c);
    x.push_back(p.x), y.push_back(p.y);
  }
  const auto [low_x, high_x] = std::ranges::minmax(x);
  const auto [low_y, high_y] = std::ranges::minmax(y);
  auto region = begin(pixels_of(low_x, low_y, high_x, high_y), image, (low_x + high_x) / 2, (low_y + high_y) / 2);
  const Box box = region.part.box();
  for (int py = box.y0; py < box.y1; ++py)
    for (int px = box.x0; px < box.x1; ++px) region.part(px, py) = static_cast<float>(polygon_overlap(x, y, px - .5, px + .5, py - .5, py + .5));
  return region;
}

std::vector<wcs::SkyPoint> parse_polygon(const std::string& text, const std::string& where) {
  std::vector<wcs::SkyPoint> corners;
  for (const auto& word : text::split(text, ' ')) {
    if (text::trim(word).empty()) continue;
    const auto p = wcs::parse_position(word);
    if (!p) throw UsageError{fmt::format("{} '{}': '{}' is no position; expected \"RA,DEC RA,DEC RA,DEC ...\"", where, text, word)};
    corners.push_back(*p);
  }
  if (corners.size() < 3) throw UsageError{fmt::format("{} '{}': {} corners; a polygon has three or more, \"RA,DEC RA,DEC RA,DEC ...\"", where, text, corners.size())};
  return corners;
}

}  // namespace tessera::cube
