#include "tessera/spectrum/frame_sources.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <span>

namespace tessera::spectrum {
namespace {

constexpr double radians = std::numbers::pi / 180;
constexpr double band_rows = 16;  // sources are looked for in bands of so many rows

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
    placed_.push_back({chosen[k], {ra[k], dec[k]}, x[k], y[k]});
  }
  lowest_ = -.5 - margin;
  first_.assign(static_cast<std::size_t>(band_of(y1 + .5 + margin)) + 2, 0);
  for (const auto& p : placed_) ++first_[static_cast<std::size_t>(band_of(p.y)) + 1];
  for (std::size_t b = 1; b < first_.size(); ++b) first_[b] += first_[b - 1];
  along_x_.resize(placed_.size());
  auto next = first_;
  for (std::size_t i = 0; i < placed_.size(); ++i) along_x_[next[static_cast<std::size_t>(band_of(placed_[i].y))]++] = {placed_[i].x, placed_[i].y, i};
  for (std::size_t b = 0; b + 1 < first_.size(); ++b) std::ranges::sort(std::span{along_x_}.subspan(first_[b], first_[b + 1] - first_[b]), {}, &Place::x);
}

int FrameSources::band_of(double y) const { return static_cast<int>((y - lowest_) / band_rows); }

void FrameSources::near(double x, double y, double reach, std::vector<std::size_t>& found) const {
  found.clear();
  const int bands = static_cast<int>(first_.size()) - 1;
  const double wide = reach + .01;  // the distances themselves decide, not how these sums are rounded
  for (int band = std::max(0, band_of(y - wide)), last = std::min(bands - 1, band_of(y + wide)); band <= last; ++band) {
    const auto b = static_cast<std::size_t>(band);
    const std::span row{along_x_.data() + first_[b], first_[b + 1] - first_[b]};
    for (auto at = std::ranges::lower_bound(row, x - wide, {}, &Place::x); at != row.end() && at->x <= x + wide; ++at)
      if (std::abs(at->x - x) <= reach && std::abs(at->y - y) <= reach) found.push_back(at->index);
  }
  std::ranges::sort(found);
}

}  // namespace tessera::spectrum
