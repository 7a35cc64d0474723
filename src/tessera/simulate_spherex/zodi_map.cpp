#include "tessera/simulate_spherex/zodi_map.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "tessera/simulate_spherex/survey.h"
#include "tessera/simulate_spherex/zodiacal_light.h"

namespace tessera::simulate_spherex {

Image<float> zodi_map(const Detector& detector, const wcs::SkyWcs& sky, double mjd, View<const float> centre_um) {
  constexpr double radian = std::numbers::pi / 180;
  const auto place = earth_at(mjd);
  const Vector3 earth{place.distance_au * std::cos(place.longitude_deg * radian), place.distance_au * std::sin(place.longitude_deg * radian), 0};
  const int n = std::max(3, 1 + static_cast<int>(std::ceil(detector.size() * pixel_scale_arcsec / 3600 / .45)));
  const double step = (detector.size() - 1.0) / (n - 1);
  std::vector<ZodiacalBands> nodes;
  for (int j = 0; j < n; ++j)
    for (int i = 0; i < n; ++i) {
      const auto e = ecliptic(sky.pixel_to_sky(wcs::PixelPoint{i * step, j * step}));
      const double l = e.longitude_deg * radian, b = e.latitude_deg * radian;
      nodes.push_back(zodiacal_bands(earth, {std::cos(b) * std::cos(l), std::cos(b) * std::sin(l), std::sin(b)}));
    }
  auto map = Image<float>::unfilled(detector.box());
  for (int y = 0; y < detector.size(); ++y) {
    const int j = std::min(static_cast<int>(y / step), n - 2);
    for (int x = 0; x < detector.size(); ++x) {
      const int i = std::min(static_cast<int>(x / step), n - 2);
      const auto* corner = &nodes[static_cast<std::size_t>(j * n + i)];
      const double u = x / step - i, v = y / step - j;
      const ZodiacalBands here = mixed(corner[0], (1 - u) * (1 - v), corner[1], u * (1 - v), corner[n], (1 - u) * v, corner[n + 1], u * v);
      map(x, y) = static_cast<float>(here.at(centre_um(x, y)));
    }
  }
  return map;
}

}  // namespace tessera::simulate_spherex
