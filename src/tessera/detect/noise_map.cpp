#include "tessera/detect/noise_map.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "tessera/base/error.h"

namespace tessera::detect {
namespace {

constexpr double lower = 0.158655253931457;  // Φ(−1)

/// The place of a quantile among n sorted values.
std::ptrdiff_t place_of(double q, std::size_t n) { return static_cast<std::ptrdiff_t>(std::lround(q * static_cast<double>(n - 1))); }

/// Middles of windows along one axis of `length` pixels.
int windows_along(int length, int cell) { return std::max(1, (length + cell / 2) / cell); }

float half_width(View<const float> image, Box window, int least_pixels, std::vector<float>& values) {
  values.clear();
  for (int y = window.y0; y < window.y1; ++y)
    for (int x = window.x0; x < window.x1; ++x)
      if (const float v = image(x, y); std::isfinite(v)) values.push_back(v);
  if (values.empty() || values.size() < static_cast<std::size_t>(least_pixels)) return std::numeric_limits<float>::quiet_NaN();
  const auto first = values.begin();
  const auto low = first + place_of(lower, values.size()), middle = first + place_of(0.5, values.size()), high = first + place_of(1 - lower, values.size());
  std::nth_element(first, middle, values.end());
  std::nth_element(first, low, middle);  // either side of the middle holds the other
  std::nth_element(middle + 1, high, values.end());
  return std::min(0.5F * (*high - *low), *middle - *low);
}

/// Nodes without a value take the nearest one's.
void fill(Image<float>& nodes) {
  const Image<float> before = nodes.copy();
  const Box box = nodes.box();
  for (int j = 0; j < box.y1; ++j)
    for (int i = 0; i < box.x1; ++i) {
      if (std::isfinite(before(i, j))) continue;
      long best = std::numeric_limits<long>::max();
      for (int b = 0; b < box.y1; ++b)
        for (int a = 0; a < box.x1; ++a) {
          const long d = static_cast<long>(a - i) * (a - i) + static_cast<long>(b - j) * (b - j);
          if (std::isfinite(before(a, b)) && d < best) best = d, nodes(i, j) = before(a, b);
        }
    }
}

}  // namespace

Image<float> noise_map(View<const float> image, const NoiseWindows& windows) {
  const int cell_x = windows.cell_x, cell_y = windows.cell_y;
  if (std::min(cell_x, cell_y) < 8) throw UsageError{"a noise map needs cells of at least 8 pixels"};
  const Box box = image.box();
  Image<float> map{box, std::numeric_limits<float>::quiet_NaN()};
  if (box.empty()) return map;
  Image<float> nodes{windows_along(box.width(), cell_x), windows_along(box.height(), cell_y)};
  std::vector<float> values;
  for (int j = 0; j < nodes.box().y1; ++j)
    for (int i = 0; i < nodes.box().x1; ++i) {
      const int x = box.x0 + i * cell_x - cell_x / 2, y = box.y0 + j * cell_y - cell_y / 2;
      nodes(i, j) = half_width(image, intersection(box, Box{x, y, x + 2 * cell_x, y + 2 * cell_y}), windows.least_pixels, values);
    }
  fill(nodes);
  const auto place = [](int pixel, int cell, int first, int count, int& below, float& share) {
    const double at = std::clamp((pixel - first - 0.5 * (cell - 1)) / cell, 0.0, count - 1.0);
    below = std::min(static_cast<int>(at), std::max(0, count - 2));
    share = static_cast<float>(at - below);
  };
  for (int y = box.y0; y < box.y1; ++y) {
    int j, i;
    float v, u;
    place(y, cell_y, box.y0, nodes.box().y1, j, v);
    const int j1 = std::min(j + 1, nodes.box().y1 - 1);
    for (int x = box.x0; x < box.x1; ++x) {
      place(x, cell_x, box.x0, nodes.box().x1, i, u);
      const int i1 = std::min(i + 1, nodes.box().x1 - 1);
      map(x, y) = (1 - v) * ((1 - u) * nodes(i, j) + u * nodes(i1, j)) + v * ((1 - u) * nodes(i, j1) + u * nodes(i1, j1));
    }
  }
  return map;
}

}  // namespace tessera::detect
