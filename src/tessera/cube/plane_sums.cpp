#include "tessera/cube/plane_sums.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "tessera/core/statistics.h"
#include "tessera/geometry/quad_overlap.h"

namespace tessera::cube {
namespace {

constexpr double least_overlap = 1e-6;  // frame pixels: below it is rounding
constexpr std::size_t least_to_clip = 5;

/// The union over pixels of `box`; `mixed` tells whether they differ.
std::uint32_t all_of(View<const std::uint32_t> flags, Box box, bool& mixed) {
  std::uint32_t any = 0, every = ~std::uint32_t{0};
  for (int y = box.y0; y < box.y1; ++y)
    for (int x = box.x0; x < box.x1; ++x) any |= flags(x, y), every &= flags(x, y);
  mixed = any != every;
  return any;
}

}  // namespace

void flags_under(View<const std::uint32_t> flags, const wcs::PixelMap& to_frame, View<const float> coverage, View<std::int32_t> out) {
  const Box box = out.box();
  const auto corners = static_cast<std::size_t>(box.width()) + 1;
  std::vector<double> u0(corners), v0(corners), u1(corners), v1(corners);
  geometry::OverlapTable overlap;
  to_frame.apply_row(box.x0 - .5, box.y0 - .5, u1, v1);
  for (int y = box.y0; y < box.y1; ++y) {
    u0.swap(u1), v0.swap(v1);
    to_frame.apply_row(box.x0 - .5, y + .5, u1, v1);
    for (int x = box.x0; x < box.x1; ++x) {
      out(x, y) = 0;
      if (!(coverage(x, y) > 0)) continue;
      const auto i = static_cast<std::size_t>(x - box.x0);
      const geometry::Quad quad{{u0[i], u0[i + 1], u1[i + 1], u1[i]}, {v0[i], v0[i + 1], v1[i + 1], v1[i]}};
      const Box under = intersection(geometry::pixels_under(quad), flags.box());
      if (under.empty()) continue;
      bool mixed = false;
      std::uint32_t bits = all_of(flags, under, mixed);
      if (mixed) {
        overlap.compute(quad, under);
        bits = 0;
        const Box met = intersection(overlap.box(), under);
        for (int fy = met.y0; fy < met.y1; ++fy)
          for (int fx = met.x0; fx < met.x1; ++fx)
            if (overlap(fx, fy) > least_overlap) bits |= flags(fx, fy);
      }
      out(x, y) = static_cast<std::int32_t>(bits);
    }
  }
}

PlaneSums::PlaneSums(Box rows, const CoaddOptions& options) : box_{rows}, options_{options}, weight_{rows}, value_{rows}, variance_{rows}, hits_{rows}, flags_{rows} {
  if (options.wave_eff) wavelength_ = Image<double>{rows};
}

void PlaneSums::add(const CubeFrame& placed, const StripUse& use, const CubeSetting& setting, const StripMaps& maps, const spherex::CalibrationSet& calibration) {
  const Box part = intersection(use.on_grid, box_);
  if (part.empty()) return;
  const Box window = intersection(reproject::window_to_resample(*placed.to_frame, part, placed.frame.box(), setting.interpolation), use.in_frame);
  if (window.empty()) return;
  const auto pixels = read_strip(placed, use, window, maps, calibration, options_);
  if (pixels.any) add(placed, use, pixels, setting);
}

void PlaneSums::add(const CubeFrame& placed, const StripUse& use, const StripPixels& pixels, const CubeSetting& setting) {
  const Box part = intersection(use.on_grid, box_);
  if (part.empty()) return;
  const reproject::FrameMaps both{*placed.to_frame, *placed.to_output};
  Layer layer{Resampled{part}, {}, {}, {}, use.weight};
  reproject::resample(pixels.frame.view(), both, setting.interpolation, layer.resampled.view());
  const auto resampled = [&](const Image<float>& map) {
    Resampled r{part};
    reproject::resample({map, pixels.frame.variance, pixels.frame.good}, both, setting.interpolation, r.view());
    return std::move(r.value);
  };
  if (options_.wave_eff) layer.wave = resampled(pixels.wave);
  if (options_.feather > 0) layer.taper = resampled(pixels.taper);
  if (pixels.any_reported) {
    layer.flags.reshape(part);
    flags_under(std::as_const(pixels.reported).view(), *placed.to_frame, layer.resampled.coverage, layer.flags);
  }
  if (options_.clip > 0) layers_.push_back(std::move(layer));
  else take(layer);
}

void PlaneSums::take(const Layer& layer) {
  const Box part = layer.resampled.box();
  for (int y = part.y0; y < part.y1; ++y)
    for (int x = part.x0; x < part.x1; ++x) {
      const double coverage = layer.resampled.coverage(x, y);
      if (!(coverage > 0)) continue;
      const double w = coverage * layer.weight * (layer.taper.empty() ? 1. : static_cast<double>(layer.taper(x, y)));
      if (!(w > 0)) continue;
      weight_(x, y) += w;
      value_(x, y) += w * layer.resampled.value(x, y);
      variance_(x, y) += w * w * layer.resampled.variance(x, y);
      if (options_.wave_eff) wavelength_(x, y) += w * layer.wave(x, y);
      hits_(x, y) += coverage > options_.hit_fraction;
      if (!layer.flags.empty()) flags_(x, y) |= layer.flags(x, y);
    }
}

void PlaneSums::clip() {
  std::vector<Layer*> here;
  std::vector<double> values, deviations;
  for (int y = box_.y0; y < box_.y1; ++y)
    for (int x = box_.x0; x < box_.x1; ++x) {
      here.clear(), values.clear(), deviations.clear();
      for (auto& l : layers_)
        if (l.resampled.box().contains(x, y) && l.resampled.coverage(x, y) > 0) here.push_back(&l), values.push_back(l.resampled.value(x, y));
      if (here.size() < least_to_clip) continue;
      const double median = statistics::median(std::span<const double>{values});
      for (const double v : values) deviations.push_back(std::abs(v - median));
      const double scatter = 1.4826 * statistics::median_inplace(std::span{deviations});
      for (std::size_t i = 0; i < here.size(); ++i) {
        auto& l = here[i]->resampled;
        const double sigma = std::max(scatter, std::sqrt(static_cast<double>(l.variance(x, y))));
        if (std::abs(values[i] - median) > std::max(options_.clip * sigma, options_.clip_floor * std::abs(median))) l.coverage(x, y) = 0, ++clipped_;
      }
    }
}

PlaneRows PlaneSums::finish() && {
  if (!layers_.empty()) {
    clip();
    for (const auto& l : layers_) take(l);
  }
  const bool wave = options_.wave_eff;
  PlaneRows rows{Image<float>::unfilled(box_), Image<float>::unfilled(box_), Image<float>::unfilled(box_), wave ? Image<float>::unfilled(box_) : Image<float>{}, std::move(hits_), std::move(flags_)};
  for (std::size_t i = 0; i < weight_.pixels().size(); ++i) {
    const double w = weight_.pixels()[i];
    const bool data = w > 0;
    rows.weight.pixels()[i] = static_cast<float>(w);
    rows.image.pixels()[i] = data ? static_cast<float>(value_.pixels()[i] / w) : NAN;
    rows.variance.pixels()[i] = data ? static_cast<float>(variance_.pixels()[i] / (w * w)) : NAN;
    if (wave) rows.wave.pixels()[i] = data ? static_cast<float>(wavelength_.pixels()[i] / w) : NAN;
  }
  return rows;
}

BandSums::BandSums(Box rows, bool wave) : box_{rows}, sum_{rows}, value_{rows}, variance_{rows}, inverse_weight_{rows}, hits_{rows}, flags_{rows} {
  if (wave) wavelength_ = Image<double>{rows};
}

void BandSums::add(const PlaneRows& channel, double weight) {
  for (std::size_t i = 0; i < sum_.pixels().size(); ++i) {
    const double w = channel.weight.pixels()[i];
    if (!(w > 0)) continue;
    sum_.pixels()[i] += weight;
    value_.pixels()[i] += weight * channel.image.pixels()[i];
    variance_.pixels()[i] += weight * weight * channel.variance.pixels()[i];
    inverse_weight_.pixels()[i] += weight * weight / w;
    if (!wavelength_.empty()) wavelength_.pixels()[i] += weight * channel.wave.pixels()[i];
    hits_.pixels()[i] += channel.hits.pixels()[i];
    flags_.pixels()[i] |= channel.flags.pixels()[i];
  }
}

PlaneRows BandSums::finish(double coverage) && {
  const bool wave = !wavelength_.empty();
  PlaneRows rows{Image<float>::unfilled(box_), Image<float>::unfilled(box_), Image<float>::unfilled(box_), wave ? Image<float>::unfilled(box_) : Image<float>{}, std::move(hits_), std::move(flags_)};
  for (std::size_t i = 0; i < sum_.pixels().size(); ++i) {
    const double s = sum_.pixels()[i];
    const bool data = s > 0 && s >= coverage - 1e-9;  // the weights' sum is 1 to rounding
    rows.image.pixels()[i] = data ? static_cast<float>(value_.pixels()[i] / s) : NAN;
    rows.variance.pixels()[i] = data ? static_cast<float>(variance_.pixels()[i] / (s * s)) : NAN;
    rows.weight.pixels()[i] = data ? static_cast<float>(s * s / inverse_weight_.pixels()[i]) : 0.f;
    if (wave) rows.wave.pixels()[i] = data ? static_cast<float>(wavelength_.pixels()[i] / s) : NAN;
    if (!data) rows.hits.pixels()[i] = 0, rows.flags.pixels()[i] = 0;
  }
  return rows;
}

}  // namespace tessera::cube
