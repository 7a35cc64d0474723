#include "tessera/instrument/measurements.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tessera/core/statistics.h"

namespace tessera::instrument {

AreaLattice::AreaLattice(const wcs::SkyWcs& wcs, int width, int height, int nodes_across)
    : nodes_x_{std::min(nodes_across, std::max(2, width))}, nodes_y_{std::min(nodes_across, std::max(2, height))},
      step_x_{std::max(1, width - 1) / static_cast<double>(nodes_x_ - 1)}, step_y_{std::max(1, height - 1) / static_cast<double>(nodes_y_ - 1)} {
  area_sr_.reserve(static_cast<std::size_t>(nodes_x_) * static_cast<std::size_t>(nodes_y_));
  for (int j = 0; j < nodes_y_; ++j)
    for (int i = 0; i < nodes_x_; ++i) area_sr_.push_back(wcs.pixel_area_sr({i * step_x_, j * step_y_}));
}

double AreaLattice::at(int x, int y) const {
  const double u = x / step_x_, v = y / step_y_;
  const int i = std::clamp(static_cast<int>(u), 0, nodes_x_ - 2), j = std::clamp(static_cast<int>(v), 0, nodes_y_ - 2);
  const auto node = [&](int a, int b) { return area_sr_[static_cast<std::size_t>(b) * static_cast<std::size_t>(nodes_x_) + static_cast<std::size_t>(a)]; };
  const double fx = u - i, fy = v - j;
  return (1 - fy) * ((1 - fx) * node(i, j) + fx * node(i + 1, j)) + fy * ((1 - fx) * node(i, j + 1) + fx * node(i + 1, j + 1));
}

double AreaLattice::median() const { return statistics::median(std::span<const double>{area_sr_}); }

double neighbour_noise(View<const float> value, View<const float> weight, View<const std::uint8_t> bad) {
  const Box box = value.box();
  // Whole frames of any size: rows are thinned to about four million pairs, always the same ones.
  const int every = static_cast<int>(std::max<std::int64_t>(1, box.area() / 4'000'000));
  std::vector<float> differences;
  for (int y = box.y0; y < box.y1; y += every) {
    const auto v = value.row(y), w = weight.row(y);
    const auto b = bad.row(y);
    for (std::size_t i = 0; i + 1 < v.size(); ++i)
      if (!b[i] && !b[i + 1]) differences.push_back(static_cast<float>((static_cast<double>(v[i + 1]) - v[i]) / std::sqrt(1.0 / w[i] + 1.0 / w[i + 1])));
  }
  if (differences.size() < 10) return std::numeric_limits<double>::quiet_NaN();
  const double robust = statistics::mad_sigma(std::span<const float>{differences});
  if (robust > 0) return robust;
  double sum = 0;
  for (const float d : differences) sum += static_cast<double>(d) * d;
  return sum > 0 ? std::sqrt(sum / static_cast<double>(differences.size())) : 1;
}

}  // namespace tessera::instrument
