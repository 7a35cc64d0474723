#include "tessera/spectrum/local_sky.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "tessera/core/statistics.h"

namespace tessera::spectrum {

LocalSky sky_of(std::vector<double>& values) {
  LocalSky sky;
  if (values.empty()) return sky;
  std::sort(values.begin(), values.end());
  // Clipping takes from both ends of what is sorted, so sums up to each place give every mean and σ.
  const double pivot = values[values.size() / 2];
  std::vector<double> sum(values.size() + 1), squares(values.size() + 1);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double d = values[i] - pivot;
    sum[i + 1] = sum[i] + d, squares[i + 1] = squares[i] + d * d;
  }
  std::size_t low = 0, high = values.size();
  double median = 0, mean = 0, sigma = 0;
  const auto measure = [&] {
    const auto n = static_cast<double>(high - low);
    median = statistics::sorted_median(std::span<const double>{values}.subspan(low, high - low));
    const double d = (sum[high] - sum[low]) / n;
    mean = pivot + d;
    sigma = std::sqrt(std::max(0., (squares[high] - squares[low]) / n - d * d));
  };
  measure();
  for (int round = 0; round < 10; ++round) {
    const std::size_t from = low, to = high;
    while (low < high && values[low] < median - 3 * sigma) ++low;
    while (high > low && values[high - 1] > median + 3 * sigma) --high;
    if ((low == from && high == to) || low == high) break;
    measure();
  }
  const bool skewed = sigma > 0 && std::abs(mean - median) >= 0.3 * sigma;
  sky.level = skewed || sigma == 0 ? median : 2.5 * median - 1.5 * mean;
  sky.sigma = sigma;
  sky.used = static_cast<int>(high - low);
  // Of a normal sample: var(median) = π/2, var(mean) = cov(median, mean) = 1, in units of σ²/n.
  const double factor = skewed ? 1.5707963267948966 : 6.25 * 1.5707963267948966 + 2.25 - 7.5;
  sky.error = sigma * std::sqrt(factor / sky.used);
  return sky;
}

LocalSky local_sky(View<const float> image, View<const std::uint8_t> usable, int x, int y, const SkyOptions& options) {
  std::vector<double> values;
  for (int side = options.side; side <= std::max(options.side, options.widest_side); side += 2) {
    const Box square = intersection(Box{x - side / 2, y - side / 2, x + side / 2 + 1, y + side / 2 + 1}, image.box());
    values.clear();
    for (int row = square.y0; row < square.y1; ++row)
      for (int column = square.x0; column < square.x1; ++column)
        if (usable(column, row)) values.push_back(image(column, row));
    if (values.size() < 3 || static_cast<double>(values.size()) < options.least_fraction * static_cast<double>(square.area())) continue;
    LocalSky sky = sky_of(values);
    sky.side = side;
    return sky;
  }
  return {};
}

}  // namespace tessera::spectrum
