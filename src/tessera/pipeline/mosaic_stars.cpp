#include "tessera/pipeline/mosaic_stars.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>
#include <tuple>

#include "tessera/core/statistics.h"
#include "tessera/pipeline/mosaic_peaks.h"

namespace tessera::pipeline {
namespace {

constexpr float least_signal_to_noise = 30, brightest_neighbour = 0.15F;
constexpr double stars_per_frame_area = 20, fewest_wanted = 40, most_wanted = 20000, width_range = 1.6;
constexpr int reach_frame_pixels = 14, least_reach = 6, most_reach = 80;  // of the search around a maximum
constexpr std::size_t kept_per_cell = 40;

/// Tells stars from other peaks.
class Shape {
 public:
  Shape(const Plan& plan, const PeakSearch& search) : search_{search}, frame_pixel_{std::max(1.0, plan.input_over_output_pixel)} {}

  /// The star whose brightest pixel this is, if it is one.
  std::optional<MosaicStar> of(const MosaicPeak& p) const {
    const double half_width = std::sqrt(above_half(p) / std::numbers::pi);
    const int around = static_cast<int>(std::ceil(6 * half_width + 3 * frame_pixel_));
    if (around > search_.reach() + 2 || !isolated(p, std::min(around, search_.reach()), 3 * half_width + frame_pixel_)) return {};
    return MosaicStar{p.x, p.y, p.height, p.signal_to_noise, static_cast<float>(2 * half_width)};
  }

 private:
  int above_half(const MosaicPeak& p) const {
    int count = 0;
    const int r = search_.reach() / 2;
    for (int dy = -r; dy <= r; ++dy)
      for (int dx = -r; dx <= r; ++dx)
        if (search_.value(p.x + dx, p.y + dy) > p.sky + 0.5F * p.height) ++count;
    return count;
  }
  bool isolated(const MosaicPeak& p, int around, double core) const {
    for (int dy = -around; dy <= around; ++dy)
      for (int dx = -around; dx <= around; ++dx) {
        const int r2 = dx * dx + dy * dy;
        if (r2 == 0 || r2 > around * around) continue;
        const float excess = search_.value(p.x + dx, p.y + dy) - p.sky;
        if (!(excess <= (r2 > core * core ? brightest_neighbour * p.height : p.height))) return false;
      }
    return true;
  }

  const PeakSearch& search_;
  double frame_pixel_;
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
  PeakSearch search{plan, store, reach, least_signal_to_noise, true};
  const Shape shape{plan, search};
  Cells cells{plan, stars_wanted(plan)};
  search.run([&](const MosaicPeak& peak) {
    if (const auto star = shape.of(peak)) cells.add(*star);
  });
  return cells.chosen();
}

}  // namespace tessera::pipeline
