#include "tessera/cube/plane_sums.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "tessera/geometry/quad_overlap.h"

namespace tessera::cube {
namespace {

constexpr double least_overlap = 1e-6;  // frame pixels: below it is rounding

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

PlaneSums::PlaneSums(Box rows, bool wave) : box_{rows}, wave_{wave}, weight_{rows}, value_{rows}, variance_{rows}, hits_{rows}, flags_{rows} {
  if (wave) wavelength_ = Image<double>{rows};
}

void PlaneSums::add(const CubeFrame& placed, const StripUse& use, const CubeSetting& setting, const StripMaps& maps, const spherex::CalibrationSet& calibration, const CoaddOptions& options) {
  const Box part = intersection(use.on_grid, box_);
  if (part.empty()) return;
  const Box window = intersection(reproject::window_to_resample(*placed.to_frame, part, placed.frame.box(), setting.interpolation), use.in_frame);
  if (window.empty()) return;
  const auto pixels = read_strip(placed, use, window, maps, calibration, options);
  if (!pixels.any) return;
  const reproject::FrameMaps both{*placed.to_frame, *placed.to_output};
  Resampled resampled{part}, wave;
  reproject::resample(pixels.frame.view(), both, setting.interpolation, resampled.view());
  if (wave_) {
    wave.reshape(part);
    reproject::resample({pixels.wave, pixels.frame.variance, pixels.frame.good}, both, setting.interpolation, wave.view());
  }
  Image<std::int32_t> flags;
  if (pixels.any_reported) {
    flags.reshape(part);
    flags_under(std::as_const(pixels.reported).view(), *placed.to_frame, resampled.coverage, flags);
  }
  for (int y = part.y0; y < part.y1; ++y)
    for (int x = part.x0; x < part.x1; ++x) {
      const double coverage = resampled.coverage(x, y);
      if (!(coverage > 0)) continue;
      const double w = coverage * use.weight;
      weight_(x, y) += w;
      value_(x, y) += w * resampled.value(x, y);
      variance_(x, y) += w * w * resampled.variance(x, y);
      if (wave_) wavelength_(x, y) += w * wave.value(x, y);
      hits_(x, y) += coverage > options.hit_fraction;
      if (pixels.any_reported) flags_(x, y) |= flags(x, y);
    }
}

PlaneRows PlaneSums::finish() && {
  PlaneRows rows{Image<float>::unfilled(box_), Image<float>::unfilled(box_), Image<float>::unfilled(box_), wave_ ? Image<float>::unfilled(box_) : Image<float>{}, std::move(hits_), std::move(flags_)};
  for (std::size_t i = 0; i < weight_.pixels().size(); ++i) {
    const double w = weight_.pixels()[i];
    const bool data = w > 0;
    rows.weight.pixels()[i] = static_cast<float>(w);
    rows.image.pixels()[i] = data ? static_cast<float>(value_.pixels()[i] / w) : NAN;
    rows.variance.pixels()[i] = data ? static_cast<float>(variance_.pixels()[i] / (w * w)) : NAN;
    if (wave_) rows.wave.pixels()[i] = data ? static_cast<float>(wavelength_.pixels()[i] / w) : NAN;
  }
  return rows;
}

}  // namespace tessera::cube
