#include "tessera/pipeline/star_losses.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <utility>

#include "tessera/pipeline/plane_window.h"

namespace tessera::pipeline {
namespace {

constexpr std::array<double, 6> edges{10, 30, 100, 300, 1000, INFINITY};
constexpr double sky_radius = 6;               // frame pixels
constexpr std::size_t sky_points = 16, most_stars = 500000;
constexpr double most_excess_percent = 1;      // of a bin's pixels, over what all pixels lost
constexpr std::int64_t least_rejected = 10;    // fewer say nothing

class StarFinder {
 public:
  StarFinder(const Plan& plan, const TileStore& store)
      : width_{plan.grid.width}, height_{plan.grid.height}, reach_{static_cast<int>(std::ceil(sky_radius * plan.frame_pixel))}, core_{plan.frame_pixel},
        frame_pixels_{1 / (plan.input_over_output_pixel * plan.input_over_output_pixel)}, value_{store, TileResult::mosaic, NAN, reach_},
        sigma_{store, TileResult::uncertainty, NAN, reach_}, coverage_{store, TileResult::coverage, 0, reach_} {
    for (std::size_t b = 0; b + 1 < edges.size(); ++b) losses.bins.push_back({edges[b], edges[b + 1], 0, 0, 0});
  }

  void run() {
    for (int y = 0; y < height_; ++y) {
      for (PlaneWindow* rows : {&value_, &sigma_, &coverage_}) rows->advance(y + reach_);
      if (y >= reach_ && y + reach_ < height_) search(y);
    }
    std::ranges::sort(cores_);
  }

  /// Bin of the core that an output pixel belongs to, or −1.
  int bin_at(int x, int y) const {
    const std::int64_t pixel = static_cast<std::int64_t>(y) * width_ + x;
    const auto found = std::ranges::lower_bound(cores_, pixel, {}, &std::pair<std::int64_t, int>::first);
    return found != cores_.end() && found->first == pixel ? found->second : -1;
  }

  StarLosses losses;

 private:
  void search(int y) {
    const std::vector<float>&below = value_.row(y - 1), &here = value_.row(y), &above = value_.row(y + 1), &sigma = sigma_.row(y);
    for (int x = reach_; x + reach_ < width_; ++x) {
      const auto i = static_cast<std::size_t>(x);
      const float v = here[i];
      if (!(v > here[i - 1] && v >= here[i + 1] && v > below[i] && v >= above[i])) continue;
      if (!(v > below[i - 1] && v > below[i + 1] && v >= above[i - 1] && v >= above[i + 1])) continue;
      // Most maxima are noise: the first points of the ring tell.
      if (!(v - value_(x - reach_, y) > 5 * sigma[i] && v - value_(x + reach_, y) > 5 * sigma[i])) continue;
      if (const double snr = static_cast<double>(v - sky_around(x, y)) / static_cast<double>(sigma[i]); snr >= edges.front() && cores_.size() < 20 * most_stars) take(x, y, snr);
    }
  }

  float sky_around(int x, int y) const {
    std::array<float, sky_points> ring{};
    std::size_t n = 0;
    for (std::size_t k = 0; k < sky_points; ++k) {
      const double angle = 2 * std::numbers::pi * static_cast<double>(k) / sky_points;
      const float v = value_(x + static_cast<int>(std::lround(reach_ * std::cos(angle))), y + static_cast<int>(std::lround(reach_ * std::sin(angle))));
      if (std::isfinite(v)) ring[n++] = v;
    }
    if (n == 0) return 0;
    std::nth_element(ring.begin(), ring.begin() + static_cast<std::ptrdiff_t>(n / 2), ring.begin() + static_cast<std::ptrdiff_t>(n));
    return ring[n / 2];
  }

  void take(int x, int y, double snr) {
    const auto bin = static_cast<std::size_t>(std::ranges::upper_bound(edges, snr) - edges.begin() - 1);
    ++losses.bins[bin].stars;
    for (int j = y - core_; j <= y + core_; ++j)
      for (int i = x - core_; i <= x + core_; ++i) {
        if ((i - x) * (i - x) + (j - y) * (j - y) > core_ * core_) continue;
        cores_.emplace_back(static_cast<std::int64_t>(j) * width_ + i, static_cast<int>(bin));
        losses.bins[bin].pixels += static_cast<double>(coverage_(i, j)) * frame_pixels_;
      }
  }

  int width_, height_, reach_, core_;
  double frame_pixels_;  // that an output pixel's area holds
  PlaneWindow value_, sigma_, coverage_;
  std::vector<std::pair<std::int64_t, int>> cores_;  // output pixel, bin
};

}  // namespace

StarLosses measure_star_losses(const Plan& plan, const FramePass& pass, const TileStore& store, const FrameMasks& masks, outlier::SchemeBits fatal) {
  double good = 0, rejected = 0;
  const auto counts = masks.count(fatal);
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (!pass.frames[i].usable) continue;
    good += pass.frames[i].good_fraction * static_cast<double>(plan.frames[i].box().area());
    rejected += static_cast<double>(counts[i]);
  }
  if (!(rejected > 0 && good > 0)) return {};
  StarFinder stars{plan, store};
  stars.run();
  stars.losses.percent_of_all = 100 * rejected / good;
  std::vector<double> u, v;
  for (std::size_t f = 0; f < plan.frames.size(); ++f) {
    if (!pass.frames[f].usable) continue;
    const std::int64_t width = plan.frames[f].width;
    for (const auto& run : masks.of(f)) {
      if (!(run.bits & fatal)) continue;
      for (std::int64_t at = run.start; at < run.start + run.length;) {
        const std::int64_t in_row = std::min(run.start + run.length - at, width - at % width);
        u.resize(static_cast<std::size_t>(in_row));
        v.resize(u.size());
        pass.frames[f].frame_to_output->apply_row(static_cast<double>(at % width), static_cast<double>(at / width), u, v);
        for (std::size_t k = 0; k < u.size(); ++k) {
          if (!(u[k] > -1 && u[k] < plan.grid.width && v[k] > -1 && v[k] < plan.grid.height)) continue;
          const int bin = stars.bin_at(static_cast<int>(std::floor(u[k] + 0.5)), static_cast<int>(std::floor(v[k] + 0.5)));
          if (bin >= 0) ++stars.losses.bins[static_cast<std::size_t>(bin)].rejected;
        }
        at += in_row;
      }
    }
  }
  for (auto& bin : stars.losses.bins) bin.pixels += static_cast<double>(bin.rejected);
  return std::move(stars.losses);
}

void tell_star_losses(const StarLosses& losses, Context& context) {
  for (const auto& bin : losses.bins) {
    if (bin.stars == 0) continue;
    const auto range = std::isfinite(bin.to) ? fmt::format("{:.0f} to {:.0f}", bin.from, bin.to) : fmt::format("{:.0f} and more", bin.from);
    context.log(Level::debug, fmt::format("rejection in {} stars of signal to noise {}: {:.3f} % of the frame pixels of their cores, {:.3f} % of all pixels", bin.stars, range,
                                          bin.percent(), losses.percent_of_all));
    if (bin.rejected >= least_rejected && bin.percent() - losses.percent_of_all > most_excess_percent)
      context.caveat("rejection-in-stars",
                     fmt::format("rejection took {:.1f} % of the frame pixels in the cores of {} stars of signal to noise {}, and {:.1f} % of all pixels: their fluxes suffer; raise "
                                 "rejection.gradient or rejection.threshold_high",
                                 bin.percent(), bin.stars, range, losses.percent_of_all),
                     bin.rejected);
  }
}

}  // namespace tessera::pipeline
