#include "tessera/spectrum/local_sky.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <span>
#include <utility>

#include "tessera/core/statistics.h"

namespace tessera::spectrum {

namespace {

/// Sorts by the leading sixteen bits of what the keys span, byte by byte, as of noise comparisons are guesses; then the few that share these bits.
void sort_keys(std::vector<std::uint32_t>& keys, std::vector<std::uint32_t>& spare) {
  std::uint32_t least = keys.front(), most = least;
  for (const auto k : keys) least = std::min(least, k), most = std::max(most, k);
  const int shift = std::max(0, static_cast<int>(std::bit_width(most - least)) - 16);
  const auto byte = [&](std::uint32_t k, int b) { return (k - least) >> shift >> 8 * b & 255; };
  std::array<std::array<std::uint32_t, 256>, 2> counts{};
  for (const auto k : keys) ++counts[0][byte(k, 0)], ++counts[1][byte(k, 1)];
  spare.resize(keys.size());
  for (int b = 0; b < 2; ++b) {
    auto& place = counts[static_cast<std::size_t>(b)];
    std::uint32_t sum = 0;
    for (auto& c : place) sum += std::exchange(c, sum);
    for (const auto k : keys) spare[place[byte(k, b)]++] = k;
    std::swap(keys, spare);
  }
  for (std::size_t i = 1; i < keys.size(); ++i) {
    const auto k = keys[i];
    std::size_t at = i;
    for (; at > 0 && keys[at - 1] > k; --at) keys[at] = keys[at - 1];
    keys[at] = k;
  }
}

/// Whole numbers in the order of the floats, no NaN among them, and back.
std::uint32_t key_of(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return bits ^ (bits >> 31 ? 0xffffffffu : 0x80000000u);
}
float value_of(std::uint32_t key) { return std::bit_cast<float>(key ^ (key >> 31 ? 0x80000000u : 0xffffffffu)); }

LocalSky sky_of_sorted(const std::vector<double>& values);

}  // namespace

LocalSky sky_of(std::vector<double>& values) {
  std::sort(values.begin(), values.end());
  return sky_of_sorted(values);
}

namespace {

LocalSky sky_of_sorted(const std::vector<double>& values) {
  LocalSky sky;
  if (values.empty()) return sky;
  // Clipping takes from both ends of what is sorted, so sums up to each place give every mean and σ.
  const double pivot = values[values.size() / 2];
  thread_local std::vector<double> sum, squares;  // kept between sources; element 0 stays 0
  sum.resize(values.size() + 1), squares.resize(values.size() + 1);
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

}  // namespace

LocalSky local_sky(View<const float> image, View<const std::uint8_t> usable, int x, int y, const SkyOptions& options) {
  thread_local std::vector<std::uint32_t> keys, spare;  // kept between sources
  thread_local std::vector<double> values;
  for (int side = options.side; side <= std::max(options.side, options.widest_side); side += 2) {
    const Box square = intersection(Box{x - side / 2, y - side / 2, x + side / 2 + 1, y + side / 2 + 1}, image.box());
    keys.resize(static_cast<std::size_t>(square.area()) + 1);
    std::size_t n = 0;
    for (int row = square.y0; row < square.y1; ++row) {
      const float* value = &image(square.x0, row);
      const std::uint8_t* counts = &usable(square.x0, row);
      for (int i = 0, width = square.width(); i < width; ++i) keys[n] = key_of(value[i]), n += counts[i];
    }
    if (n < 3 || static_cast<double>(n) < options.least_fraction * static_cast<double>(square.area())) continue;
    keys.resize(n);
    sort_keys(keys, spare);
    values.resize(n);
    std::ranges::transform(keys, values.begin(), value_of);
    LocalSky sky = sky_of_sorted(values);
    sky.side = side;
    return sky;
  }
  return {};
}

}  // namespace tessera::spectrum
