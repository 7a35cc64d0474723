#include "tessera/pipeline/star_losses.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <optional>
#include <span>
#include <utility>

#include "tessera/core/statistics.h"
#include "tessera/instrument/units.h"
#include "tessera/pipeline/mosaic_peaks.h"

namespace tessera::pipeline {
namespace {

constexpr float least_signal_to_noise = 10;
constexpr double sky_radius = 6, aperture_radius = 3;   // frame pixels
constexpr double ab_zero_jy = 3631;                     // Oke & Gunn 1983
constexpr std::size_t most_core_pixels = 10'000'000;
constexpr double most_excess_percent = 1;      // of a bin's pixels, over what all pixels lost
constexpr std::int64_t least_rejected = 10;    // fewer say nothing

/// Stars of the mosaic with their magnitudes, and the output pixels of their cores.
class StarCores {
 public:
  StarCores(const Plan& plan, const TileStore& store)
      : core_{plan.frame_pixel}, aperture_{static_cast<int>(std::lround(aperture_radius * plan.frame_pixel))},
        frame_pixels_{1 / (plan.input_over_output_pixel * plan.input_over_output_pixel)},
        search_{plan, store, static_cast<int>(std::ceil(sky_radius * plan.frame_pixel)), least_signal_to_noise, false}, coverage_{store, TileResult::coverage, 0, search_.reach()},
        first_(static_cast<std::size_t>(plan.grid.height) + 1) {
    const double area = plan.grid.wcs().pixel_area_sr({(plan.grid.width - 1) / 2.0, (plan.grid.height - 1) / 2.0});
    losses.ab = plan.unit == "MJy/sr" && area > 0;
    losses.aperture_arcsec = aperture_ * std::sqrt(area / instrument::arcsec2_in_sr);
    zero_ = losses.ab ? -2.5 * std::log10(1e6 * area / ab_zero_jy) : 0;
  }

  void find() {
    search_.run([&](const MosaicPeak& peak) {
      coverage_.advance(peak.y + search_.reach());
      if (core_pixels_ < most_core_pixels) take(peak);
    });
    std::ranges::sort(stars_, {}, [](const Star& s) { return std::pair{s.y, s.x}; });
    for (const Star& s : stars_) ++first_[static_cast<std::size_t>(s.y) + 1];
    std::partial_sum(first_.begin(), first_.end(), first_.begin());
    for (auto& [number, bin] : bins_) {
      auto& all = snr_[number];
      bin.signal_to_noise = statistics::median_inplace(std::span<float>{all});
    }
  }

  /// Bin of the core that an output pixel belongs to, the brightest where there are several, or nullptr.
  StarLosses::Bin* bin_at(int x, int y) {
    std::optional<int> brightest;
    for (int row = std::max(0, y - core_); row <= std::min(static_cast<int>(first_.size()) - 2, y + core_); ++row) {
      const auto in_row = std::span{stars_}.subspan(first_[static_cast<std::size_t>(row)], first_[static_cast<std::size_t>(row) + 1] - first_[static_cast<std::size_t>(row)]);
      for (auto s = std::ranges::lower_bound(in_row, x - core_, {}, &Star::x); s != in_row.end() && s->x <= x + core_; ++s)
        if (in_core(x - s->x, y - row) && (!brightest || s->bin < *brightest)) brightest = s->bin;
    }
    return brightest ? &bins_[*brightest] : nullptr;
  }

  StarLosses finished() {
    for (auto& [number, bin] : bins_) {
      bin.pixels += static_cast<double>(bin.rejected);
      losses.bins.push_back(bin);
    }
    return std::move(losses);
  }

  StarLosses losses;

 private:
  /// Nothing for a peak without light around it: noise on a steep sky.
  std::optional<double> magnitude(const MosaicPeak& p) const {
    double light = 0;
    for (int j = -aperture_; j <= aperture_; ++j)
      for (int i = -aperture_; i <= aperture_; ++i)
        if (const float v = search_.value(p.x + i, p.y + j); i * i + j * j <= aperture_ * aperture_ && std::isfinite(v)) light += static_cast<double>(v - p.sky);
    if (!(light > 0)) return std::nullopt;
    return zero_ - 2.5 * std::log10(light);
  }

  void take(const MosaicPeak& p) {
    const auto m = magnitude(p);
    if (!m) return;
    const int number = static_cast<int>(std::floor(*m));
    auto& bin = bins_[number];
    bin.from = number, bin.to = number + 1;
    ++bin.stars;
    snr_[number].push_back(p.signal_to_noise);
    stars_.push_back({p.y, p.x, number});
    for (int j = p.y - core_; j <= p.y + core_; ++j)
      for (int i = p.x - core_; i <= p.x + core_; ++i) {
        if (!in_core(i - p.x, j - p.y)) continue;
        ++core_pixels_;
        bin.pixels += static_cast<double>(coverage_(i, j)) * frame_pixels_;
      }
  }

  bool in_core(int dx, int dy) const { return dx * dx + dy * dy <= core_ * core_; }

  struct Star {
    int y, x, bin;
  };
  int core_, aperture_;
  double frame_pixels_;  // that an output pixel's area holds
  double zero_ = 0;      // magnitude of a sum of 1
  PeakSearch search_;
  PlaneWindow coverage_;
  std::map<int, StarLosses::Bin> bins_;  // by magnitude
  std::map<int, std::vector<float>> snr_;
  std::vector<Star> stars_;
  std::vector<std::size_t> first_;       // star of each row of the mosaic
  std::size_t core_pixels_ = 0;
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
  StarCores stars{plan, store};
  stars.find();
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
          if (auto* bin = stars.bin_at(static_cast<int>(std::floor(u[k] + 0.5)), static_cast<int>(std::floor(v[k] + 0.5)))) ++bin->rejected;
        }
        at += in_row;
      }
    }
  }
  return stars.finished();
}

void tell_star_losses(const StarLosses& losses, run::Context& context) {
  for (const auto& bin : losses.bins) {
    const auto range = fmt::format("{} {:.0f} to {:.0f}", losses.ab ? "AB magnitude" : "instrumental magnitude", bin.from, bin.to);
    context.log(run::Level::debug, fmt::format("rejection in {} stars of {}: {:.3f} % of the frame pixels of their cores, {:.3f} % of all pixels", bin.stars, range,
                                          bin.percent(), losses.percent_of_all));
    if (bin.rejected >= least_rejected && bin.percent() - losses.percent_of_all > most_excess_percent)
      context.caveat("rejection-in-stars",
                     fmt::format("rejection took {:.1f} % of the frame pixels in the cores of {} stars of {}, and {:.1f} % of all pixels: their fluxes suffer; raise "
                                 "rejection.gradient or rejection.threshold_high",
                                 bin.percent(), bin.stars, range, losses.percent_of_all),
                     bin.rejected);
  }
}

}  // namespace tessera::pipeline
