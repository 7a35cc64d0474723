#include "tessera/pipeline/mosaic_stars.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <optional>
#include <tuple>

#include "tessera/core/statistics.h"
#include "tessera/parallel/pool.h"
#include "tessera/pipeline/plane_window.h"

namespace tessera::pipeline {
namespace {

constexpr float least_signal_to_noise = 30, brightest_neighbour = 0.15F;
constexpr double stars_per_frame_area = 20, fewest_wanted = 40, most_wanted = 20000, width_range = 1.6;
constexpr int reach_frame_pixels = 14, least_reach = 6, most_reach = 80;  // of the search around a maximum
constexpr std::size_t kept_per_cell = 40;

struct RowWindow {
  PlaneWindow value, sigma;
  RowWindow(const TileStore& store, int reach) : value{store, TileResult::mosaic, NAN, reach}, sigma{store, TileResult::uncertainty, NAN, reach} {}
  void advance(int y) {
    value.advance(y);
    sigma.advance(y);
  }
};

class Finder {
 public:
  Finder(const Plan& plan, const RowWindow& rows, int reach) : rows_{rows}, reach_{reach}, frame_pixel_{std::max(1.0, plan.input_over_output_pixel)} {
    for (int k = 0; k < 16; ++k) {
      const double angle = 2 * std::numbers::pi * k / 16;
      ring_.push_back({static_cast<int>(std::lround(reach * std::cos(angle))), static_cast<int>(std::lround(reach * std::sin(angle)))});
    }
  }

  /// The star whose brightest pixel (x, y) is, if it is one.
  std::optional<MosaicStar> at(int x, int y) const {
    const float v = rows_.value(x, y), noise = rows_.sigma(x, y);
    if (!(noise > 0) || !local_maximum(x, y, v)) return {};
    const float sky = ring_median(x, y), peak = v - sky;
    if (!(peak > least_signal_to_noise * noise)) return {};
    const double half_width = std::sqrt(above_half(x, y, sky + 0.5F * peak) / std::numbers::pi);
    const int around = static_cast<int>(std::ceil(6 * half_width + 3 * frame_pixel_));
    if (around > reach_ + 2 || !isolated(x, y, sky, peak, std::min(around, reach_), 3 * half_width + frame_pixel_)) return {};
    return MosaicStar{x, y, peak, peak / noise, static_cast<float>(2 * half_width)};
  }

 private:
  /// Of equal pixels the first counts. NaN compares as not lower.
  bool local_maximum(int x, int y, float v) const {
    const float *below = rows_.value.row(y - 1).data() + x, *here = rows_.value.row(y).data() + x, *above = rows_.value.row(y + 1).data() + x;
    return v > here[-1] && v >= here[1] && v > below[0] && v >= above[0] && v > below[-1] && v > below[1] && v >= above[-1] && v >= above[1];
  }
  /// NaN when a pixel of the ring has no data.
  float ring_median(int x, int y) const {
    std::array<float, 16> values{};
    for (std::size_t k = 0; k < 16; ++k) {
      values[k] = rows_.value(x + ring_[k].first, y + ring_[k].second);
      if (!std::isfinite(values[k])) return NAN;
    }
    std::ranges::sort(values);
    return 0.5F * (values[7] + values[8]);
  }
  int above_half(int x, int y, float half) const {
    int count = 0;
    const int r = reach_ / 2;
    for (int dy = -r; dy <= r; ++dy)
      for (int dx = -r; dx <= r; ++dx)
        if (rows_.value(x + dx, y + dy) > half) ++count;
    return count;
  }
  bool isolated(int x, int y, float sky, float peak, int around, double core) const {
    for (int dy = -around; dy <= around; ++dy)
      for (int dx = -around; dx <= around; ++dx) {
        const int r2 = dx * dx + dy * dy;
        if (r2 == 0 || r2 > around * around) continue;
        const float excess = rows_.value(x + dx, y + dy) - sky;
        if (!(excess <= (r2 > core * core ? brightest_neighbour * peak : peak))) return false;
      }
    return true;
  }

  const RowWindow& rows_;
  int reach_;
  double frame_pixel_;
  std::vector<std::pair<int, int>> ring_;
};

/// The brightest of every cell, so that memory does not grow with the number of stars.
class Cells {
 public:
  Cells(const Plan& plan, double wanted) : wanted_{static_cast<std::size_t>(wanted)} {
    const double area = static_cast<double>(plan.grid.width) * plan.grid.height;
    side_ = std::max(1, static_cast<int>(std::ceil(std::sqrt(area / wanted))));
    columns_ = (plan.grid.width + side_ - 1) / side_;
    cells_.resize(static_cast<std::size_t>(columns_) * static_cast<std::size_t>((plan.grid.height + side_ - 1) / side_));
  }
  void add(const MosaicStar& star) {
    auto& cell = cells_[static_cast<std::size_t>(star.y / side_) * static_cast<std::size_t>(columns_) + static_cast<std::size_t>(star.x / side_)];
    const auto place = std::ranges::upper_bound(cell, order(star), {}, order);
    cell.insert(place, star);
    if (cell.size() > kept_per_cell) cell.pop_back();
  }
  /// Those of ordinary width, in turn from all cells.
  std::vector<MosaicStar> chosen() const {
    std::vector<float> widths;
    for (const auto& cell : cells_)
      for (const auto& star : cell) widths.push_back(star.fwhm);
    const double ordinary = statistics::median_inplace(std::span<float>{widths});
    std::vector<MosaicStar> all;
    for (std::size_t rank = 0; rank < kept_per_cell && all.size() < wanted_; ++rank)
      for (const auto& cell : cells_)
        if (rank < cell.size() && all.size() < wanted_ && cell[rank].fwhm < ordinary * width_range && cell[rank].fwhm > ordinary / width_range) all.push_back(cell[rank]);
    std::ranges::sort(all, {}, [](const MosaicStar& s) { return std::pair{s.y, s.x}; });
    return all;
  }

 private:
  static std::tuple<float, int, int> order(const MosaicStar& s) { return {-s.signal_to_noise, s.y, s.x}; }
  std::size_t wanted_;
  int side_ = 1, columns_ = 1;
  std::vector<std::vector<MosaicStar>> cells_;
};

double stars_wanted(const Plan& plan) {
  double frame_area = 0;
  for (const auto& f : plan.frames) frame_area += static_cast<double>(f.box().area()) / static_cast<double>(plan.frames.size());
  frame_area *= plan.input_over_output_pixel * plan.input_over_output_pixel;
  return std::clamp(std::ceil(stars_per_frame_area * plan.grid.width * plan.grid.height / std::max(1.0, frame_area)), fewest_wanted, most_wanted);
}

}  // namespace

std::vector<MosaicStar> find_mosaic_stars(const Plan& plan, const TileStore& store) {
  const int reach = std::clamp(static_cast<int>(std::lround(reach_frame_pixels * plan.input_over_output_pixel)), least_reach, most_reach);
  RowWindow rows{store, reach};
  const Finder finder{plan, rows, reach};
  Cells cells{plan, stars_wanted(plan)};
  for (int y = reach; y < plan.grid.height - reach; ++y) {
    if (y % 256 == 0) parallel::check_interrupt();
    rows.advance(y + reach);
    const float *value = rows.value.row(y).data(), *sigma = rows.sigma.row(y).data();
    for (int x = reach; x < plan.grid.width - reach; ++x)  // nearly all pixels end at the first test
      if (value[x] - std::min(value[x - reach], value[x + reach]) > least_signal_to_noise * sigma[x])
        if (const auto star = finder.at(x, y)) cells.add(*star);
  }
  return cells.chosen();
}

}  // namespace tessera::pipeline
