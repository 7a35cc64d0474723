#include "tessera/spectrum/frame_sources.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace tessera::spectrum {
namespace {

constexpr double radians = std::numbers::pi / 180;

std::array<double, 3> direction(wcs::SkyPoint p) {
  const double a = p.ra_deg * radians, d = p.dec_deg * radians;
  return {std::cos(d) * std::cos(a), std::cos(d) * std::sin(a), std::sin(d)};
}

double cosine(const std::array<double, 3>& a, const std::array<double, 3>& b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

}  // namespace

Field::Field(std::span<const Source> sources) : sources_{sources} {
  for (const auto& s : sources) {
    directions_.push_back(direction(s.sky));
    if (s.refusal.empty()) slack_deg_ = std::max(slack_deg_, std::hypot(s.pm_ra, s.pm_dec) * std::max(std::abs(2000 - s.epoch), std::abs(2040 - s.epoch)) / 3.6e6);
  }
}

std::vector<std::int32_t> Field::near(wcs::SkyPoint centre, double radius_deg) const {
  const auto middle = direction(centre);
  const double least = std::cos(std::min(180., radius_deg + slack_deg_) * radians);
  std::vector<std::int32_t> found;
  for (std::size_t i = 0; i < directions_.size(); ++i)
    if (sources_[i].refusal.empty() && cosine(directions_[i], middle) >= least) found.push_back(static_cast<std::int32_t>(i));
  return found;
}

FrameSources::FrameSources(const spherex::SpectralFrame& frame, const Field& field, double margin) {
  const Box box = frame.box();
  const double x1 = box.width() - 1., y1 = box.height() - 1.;
  const auto centre = frame.sky().pixel_to_sky({x1 / 2, y1 / 2});
  double radius = 0;
  for (const auto& corner : {wcs::PixelPoint{0, 0}, {x1, 0}, {0, y1}, {x1, y1}})
    radius = std::max(radius, std::acos(std::clamp(cosine(direction(frame.sky().pixel_to_sky(corner)), direction(centre)), -1., 1.)) / radians);
  const double pixel_deg = frame.sky().pixel_scale_arcsec({x1 / 2, y1 / 2}) / 3600;
  const auto chosen = field.near(centre, 1.02 * radius + (2 * margin + 2) * pixel_deg);
  const double year = julian_year(frame.mjd());
  std::vector<double> ra, dec;
  for (const auto i : chosen) {
    const Source& s = field.sources()[static_cast<std::size_t>(i)];
    const auto sky = std::isfinite(year) ? s.at(year) : s.sky;
    ra.push_back(sky.ra_deg), dec.push_back(sky.dec_deg);
  }
  std::vector<double> x(ra.size()), y(ra.size());
  frame.sky().sky_to_pixel(ra, dec, x, y);
  for (std::size_t k = 0; k < chosen.size(); ++k) {
    if (!(x[k] >= -.5 - margin && x[k] < x1 + .5 + margin && y[k] >= -.5 - margin && y[k] < y1 + .5 + margin)) continue;
    const int cx = static_cast<int>(std::floor(x[k] / cell_)), cy = static_cast<int>(std::floor(y[k] / cell_));
    cells_[key(cx, cy)].push_back(placed_.size());
    placed_.push_back({chosen[k], {ra[k], dec[k]}, x[k], y[k]});
  }
}

void FrameSources::near(double x, double y, double reach, std::vector<std::size_t>& found) const {
  found.clear();
  const auto cell = [](double v) { return static_cast<int>(std::floor(v / cell_)); };
  for (int cy = cell(y - reach); cy <= cell(y + reach); ++cy)
    for (int cx = cell(x - reach); cx <= cell(x + reach); ++cx)
      if (const auto at = cells_.find(key(cx, cy)); at != cells_.end())
        for (const auto i : at->second)
          if (std::abs(placed_[i].x - x) <= reach && std::abs(placed_[i].y - y) <= reach) found.push_back(i);
  std::ranges::sort(found);
}

}  // namespace tessera::spectrum
