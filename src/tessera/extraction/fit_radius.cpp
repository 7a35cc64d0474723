#include "tessera/extraction/fit_radius.h"

#include <algorithm>
#include <cmath>
#include <tuple>

namespace tessera::extraction {
namespace {

constexpr int least_side = 3;

/// Pixels from (x, y) in steps of (dx, dy) to where value = sigma; `far` at most.
double crossing(View<const float> value, View<const float> sigma, int x, int y, int dx, int dy, int far) {
  double before = static_cast<double>(value(x, y)) - static_cast<double>(sigma(x, y));
  if (!(before > 0)) return 0;
  for (int k = 1; k <= far; ++k) {
    const int i = x + k * dx, j = y + k * dy;
    if (!value.box().contains(i, j) || !(sigma(i, j) > 0)) return k - 0.5;
    const double here = static_cast<double>(value(i, j)) - static_cast<double>(sigma(i, j));
    if (!(here > 0)) return k - 1 + before / (before - here);
    before = here;
  }
  return far;
}

int side(double nearer, int most) {
  const int whole = static_cast<int>(std::ceil(2 * nearer));
  return std::clamp(whole % 2 == 1 ? whole : whole + 1, least_side, std::max(least_side, most));
}

}  // namespace

std::pair<int, int> fit_radius(View<const float> value, View<const float> sigma, int x, int y, int most) {
  if (!value.box().contains(x, y)) return {least_side, least_side};
  const int far = most / 2 + 1;
  const auto nearer = [&](int dx, int dy) { return std::min(crossing(value, sigma, x, y, dx, dy, far), crossing(value, sigma, x, y, -dx, -dy, far)); };
  return {side(nearer(1, 0), most), side(nearer(0, 1), most)};
}

void measure_fit_radii(Found& found, const Image<float>& coverage, int most) {
  const Box box = found.frame.box();
  double sum = 0;
  long n = 0;
  for (std::size_t i = 0; i < found.frame.value.pixels().size(); ++i)
    if (found.frame.good.pixels()[i] && !found.sources.pixels()[i]) sum += static_cast<double>(found.frame.value.pixels()[i]), ++n;
  const auto mean = static_cast<float>(n > 0 ? sum / static_cast<double>(n) : 0);
  Image<float> value{box}, sigma{box};
  for (std::size_t i = 0; i < value.pixels().size(); ++i) {
    if (!found.frame.good.pixels()[i]) continue;
    value.pixels()[i] = found.frame.value.pixels()[i] - mean;
    sigma.pixels()[i] = std::sqrt(found.frame.variance.pixels()[i] * (coverage.empty() ? 1.0F : std::max(0.0F, coverage.pixels()[i])));
  }
  for (Detection& d : found.detections)
    if (d.fit_x == 0 || d.fit_y == 0) std::tie(d.fit_x, d.fit_y) = fit_radius(value, sigma, static_cast<int>(std::lround(d.x)), static_cast<int>(std::lround(d.y)), most);
}

}  // namespace tessera::extraction
