#include "tessera/joint_fit/source_model.h"

#include <algorithm>
#include <cmath>
#include <tuple>

namespace tessera::joint_fit {

std::array<double, 4> pixels_per_arcsec(const wcs::SkyWcs& sky, wcs::PixelPoint at) {
  const auto j = sky.jacobian(at);  // degrees per pixel
  const double det = j[0] * j[3] - j[1] * j[2];
  if (!std::isfinite(det) || det == 0) return {NAN, NAN, NAN, NAN};
  return {j[3] / det / 3600, -j[1] / det / 3600, -j[2] / det / 3600, j[0] / det / 3600};
}

double direction_of_x(const wcs::SkyWcs& sky, wcs::PixelPoint at) {
  const auto j = sky.jacobian(at);
  const double angle = std::atan2(j[2], j[0]);
  return std::isfinite(angle) ? angle : 0;
}

std::pair<double, double> turned(double u, double v, double angle) {
  const double c = std::cos(angle), s = std::sin(angle);
  return {c * u + s * v, c * v - s * u};
}

photometry::Sight turned(const photometry::Sight& sight, double angle) {
  photometry::Sight now = sight;
  std::tie(now.x_u, now.x_v) = turned(sight.x_u, sight.x_v, angle);
  std::tie(now.y_u, now.y_v) = turned(sight.y_u, sight.y_v, angle);
  return now;
}

photometry::Sight moved(const photometry::Sight& sight, double u, double v) {
  photometry::Sight now = sight;
  now.x += sight.x_u * u + sight.x_v * v;
  now.y += sight.y_u * u + sight.y_v * v;
  return now;
}

void add_source(const FitImage& image, const photometry::Sight& now, double flux, psf::PointResponse& workspace, std::vector<float>& stamp, View<float> to) {
  if (flux == 0 || !std::isfinite(flux)) return;
  const auto& response = image.psf->at(now.x, now.y, workspace);
  const Box part = intersection(to.box(), response.footprint(now.x, now.y));
  if (part.empty()) return;
  stamp.resize(static_cast<std::size_t>(part.area()));
  response.evaluate(now.x, now.y, part, stamp, {}, {});
  if (image.cut_response.any())
    for (std::size_t i = 0; i < stamp.size(); ++i)
      if (const auto width = static_cast<std::size_t>(part.width()); !image.cut_response.keeps(part.x0 + static_cast<double>(i % width) - now.x, part.y0 + static_cast<double>(i / width) - now.y)) stamp[i] = 0;
  const auto amplitude = static_cast<float>(flux * now.scale);
  const float* from = stamp.data();
  for (int y = part.y0; y < part.y1; ++y) {
    float* row = &to(part.x0, y);
    for (int x = 0; x < part.width(); ++x) row[x] += amplitude * *from++;
  }
}

void add_scatter(const FitImage& image, const photometry::Sight& now, double flux, psf::PointResponse& workspace, std::vector<float>& stamp, View<float> to) {
  const auto& response = image.psf->at(now.x, now.y, workspace);
  const double scatter = response.scatter();
  if (scatter > 0) add_source(image, now, scatter * scatter * flux * flux * now.scale * response.peak(), workspace, stamp, to);
}

SourceLists::SourceLists(std::size_t images, std::span<const Source> sources) : seen_(images) {
  for (const Source& s : sources)
    for (const auto& sight : s.sights) seen_[static_cast<std::size_t>(sight.frame)].push_back({&s, &sight});
  for (auto& list : seen_) std::stable_sort(list.begin(), list.end(), [](const Seen& a, const Seen& b) { return a.sight->y < b.sight->y; });
}

template <class F>
void SourceLists::add(const FitImage& image, std::size_t number, View<float> to, F light_of) const {
  const auto& seen = seen_[number];
  const Box box = to.box();
  const double margin = image.psf->reach_pix() + 100;  // sights are where sources began
  psf::PointResponse workspace;
  std::vector<float> stamp;
  auto from = std::lower_bound(seen.begin(), seen.end(), box.y0 - margin, [](const Seen& a, double y) { return a.sight->y < y; });
  for (; from != seen.end() && from->sight->y < box.y1 + margin; ++from) {
    if (from->sight->x < box.x0 - margin || from->sight->x > box.x1 + margin) continue;
    const Light light = light_of(*from->source);
    add_source(image, moved(*from->sight, light.u, light.v), light.flux, workspace, stamp, to);
  }
}

void SourceLists::add_to(const FitImage& image, std::size_t number, View<float> to) const {
  add(image, number, to, [](const Source& s) { return Light{s.u, s.v, s.flux}; });
}

Image<float> SourceLists::model(const FitImage& image, std::size_t number) const {
  Image<float> all{image.box()};
  add_to(image, number, all);
  return all;
}

Image<float> SourceLists::scatter(const FitImage& image, std::size_t number) const {
  const auto& tables = image.psf->tables();
  if (std::none_of(tables.begin(), tables.end(), [](const psf::PointResponse& t) { return t.scatter() > 0; })) return {};
  Image<float> all{image.box()};
  psf::PointResponse workspace;
  std::vector<float> stamp;
  for (const Seen& s : seen_[number]) add_scatter(image, moved(*s.sight, s.source->u, s.source->v), s.source->flux, workspace, stamp, all);
  return all;
}

Image<float> SourceLists::light(const FitImage& image, std::size_t number) const {
  const auto& seen = seen_[number];
  if (image.photons.empty() || std::none_of(seen.begin(), seen.end(), [](const Seen& s) { return s.source->light.has_value(); })) return {};
  Image<float> all{image.box()};
  add(image, number, all, [](const Source& s) { return s.light.value_or(Light{s.u, s.v, s.flux}); });
  return all;
}

}  // namespace tessera::joint_fit
