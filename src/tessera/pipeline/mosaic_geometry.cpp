#include "tessera/pipeline/mosaic_geometry.h"

#include <cmath>
#include <string>

namespace tessera::pipeline {
namespace {

constexpr double least_area = 1e-3;  // output pixels: less is rounding of borders that touch

using Polygon = std::vector<wcs::PixelPoint>;

/// What of the polygon lies where `inside` (a linear function of the place) is not negative. Sutherland & Hodgman 1974.
template <class Inside>
Polygon cut(const Polygon& polygon, Inside inside) {
  Polygon kept;
  for (std::size_t i = 0; i < polygon.size(); ++i) {
    const auto a = polygon[i], b = polygon[(i + 1) % polygon.size()];
    const double at_a = inside(a), at_b = inside(b);
    if (at_a >= 0) kept.push_back(a);
    if ((at_a >= 0) == (at_b >= 0)) continue;
    const double t = at_a / (at_a - at_b);
    kept.push_back({a.x + t * (b.x - a.x), a.y + t * (b.y - a.y)});
  }
  return kept;
}

double area(const Polygon& p) {
  double twice = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    const auto a = p[i], b = p[(i + 1) % p.size()];
    twice += (a.x - p[0].x) * (b.y - p[0].y) - (b.x - p[0].x) * (a.y - p[0].y);
  }
  return std::abs(twice) / 2;
}

}  // namespace

void describe(param::Schema<GeometryOptions>& s) {
  s.field(&GeometryOptions::margin, "margin",
          "Pixels around the grid that is made from the frames. Negative: frames that reach less than this many pixels into the grid are left out; -20 asks for 20 pixels.")
      .unit("output pixel")
      .range(-100000, 100000)
      .namelist("", "MARGIN");
}

bool meets(const wcs::Footprint& outline, const wcs::SkyWcs& grid, int width, int height, int margin) {
  const double low = -0.5 - margin, right = width - 0.5 + margin, top = height - 0.5 + margin;
  if (right <= low || top <= low) return false;
  Polygon p;
  for (const auto& s : outline.border) {
    p.push_back(grid.sky_to_pixel(s));
    if (!std::isfinite(p.back().x) || !std::isfinite(p.back().y)) return true;
  }
  p = cut(p, [&](wcs::PixelPoint q) { return q.x - low; });
  p = cut(p, [&](wcs::PixelPoint q) { return right - q.x; });
  p = cut(p, [&](wcs::PixelPoint q) { return q.y - low; });
  p = cut(p, [&](wcs::PixelPoint q) { return top - q.y; });
  return p.size() > 2 && area(p) > least_area;
}

Table geometry_table(std::span<const instrument::FrameFile> frames, const std::vector<Box>& on_grid, const std::vector<bool>& used) {
  Table t;
  t.name = "geometry";
  t.comments = {"Where the frames lie on the output grid (FIF.tbl): the first pixel of each frame's box, from 0, and its size."};
  std::vector<std::int32_t> id, is_used, x0, y0, nx, ny;
  std::vector<std::string> name;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const Box box = on_grid[i];
    id.push_back(static_cast<std::int32_t>(i + 1)), is_used.push_back(used[i]);
    x0.push_back(box.empty() ? 0 : box.x0), y0.push_back(box.empty() ? 0 : box.y0);
    nx.push_back(box.width()), ny.push_back(box.height());
    name.push_back(frames[i].image.path.filename().string());
  }
  t.add("Image_id", id, "", "number of the frame in header_list.tbl");
  t.add("used", is_used, "", "1: the frame counts; 0: it is off the grid or has no good pixel");
  t.add("x0", x0, "pixel", "first column of the grid that the frame can touch");
  t.add("y0", y0, "pixel", "first row of the grid that the frame can touch");
  t.add("nx", nx, "pixel");
  t.add("ny", ny, "pixel");
  t.add("filename", name, "", "image");
  return t;
}

std::vector<FileList> geometry_lists(std::span<const instrument::FrameFile> frames, const std::vector<bool>& used) {
  std::vector<FileList> lists{{"geom_ImageList.txt", ""}, {"geom_SigmaList.txt", ""}, {"geom_DmaskList.txt", ""}, {"geom_rmask_ImageList.txt", ""}};
  std::vector<bool> complete(lists.size(), true);
  for (std::size_t i = 0; i < frames.size(); ++i) {
    if (!used[i]) continue;
    const auto& f = frames[i];
    const instrument::PlaneLocation* planes[] = {&f.image, f.uncertainty ? &*f.uncertainty : nullptr, f.mask ? &*f.mask : nullptr, f.rmask ? &f.rmask->plane : nullptr};
    for (std::size_t k = 0; k < lists.size(); ++k) {
      const bool own = planes[k] && (k == 0 || planes[k]->path != f.image.path);
      if (own) lists[k].content += planes[k]->path.string() + "\n";
      else complete[k] = false;
    }
  }
  std::vector<FileList> kept;
  for (std::size_t k = 0; k < lists.size(); ++k)
    if (complete[k] && (k == 0 || !lists[k].content.empty())) kept.push_back(lists[k]);
  return kept;
}

}  // namespace tessera::pipeline
