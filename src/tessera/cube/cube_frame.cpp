#include "tessera/cube/cube_frame.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "tessera/core/statistics.h"

namespace tessera::cube {
namespace {

constexpr int sampled_rows = 8, sampled_from = 512;  // every eighth row of frames of so many rows
constexpr int points_per_edge = 33;

/// Output pixels under a box of frame pixels, by its outline; bent edges between the points lie within the margin.
Box on_grid(Box in_frame, const wcs::PixelMap& to_output, Box grid, int margin) {
  std::vector<double> x, y;
  const double x0 = in_frame.x0 - .5, x1 = in_frame.x1 - .5, y0 = in_frame.y0 - .5, y1 = in_frame.y1 - .5;
  for (int i = 0; i < points_per_edge; ++i) {
    const double t = i / (points_per_edge - 1.0), along_x = x0 + t * (x1 - x0), along_y = y0 + t * (y1 - y0);
    x.insert(x.end(), {along_x, along_x, x0, x1});
    y.insert(y.end(), {y0, y1, along_y, along_y});
  }
  std::vector<double> u(x.size()), v(x.size());
  to_output.apply(x, y, u, v);
  double low_u = INFINITY, high_u = -INFINITY, low_v = INFINITY, high_v = -INFINITY;
  for (std::size_t i = 0; i < u.size(); ++i) {
    if (!std::isfinite(u[i]) || !std::isfinite(v[i])) continue;
    low_u = std::min(low_u, u[i]), high_u = std::max(high_u, u[i]);
    low_v = std::min(low_v, v[i]), high_v = std::max(high_v, v[i]);
  }
  if (!(low_u <= high_u)) return {};
  const auto pixel = [&](double w) { return static_cast<int>(std::lround(std::clamp(w, -1e6, 1e6))); };
  return intersection(Box{pixel(low_u), pixel(low_v), pixel(high_u) + 1, pixel(high_v) + 1}.grown(margin), grid);
}

/// Output pixels beyond an outline that still take from within it.
int reach(const wcs::SkyWcs& sky, const CubeSetting& setting, Box box) {
  const double side = sky.pixel_scale_arcsec({(box.x0 + box.x1) / 2.0, (box.y0 + box.y1) / 2.0}) / (3600 * setting.grid.cdelt2_deg);
  return 2 + reproject::output_margin(setting.interpolation) + static_cast<int>(std::ceil(side * (1 + reproject::kernel_radius(setting.interpolation))));
}

/// Boxes of the strips in a window, by strip; empty for those that are not there.
std::array<Box, spherex::strips + 1> strip_boxes(const Image<std::uint8_t>& strips) {
  std::array<Box, spherex::strips + 1> boxes;
  const Box box = strips.box();
  for (int y = box.y0; y < box.y1; ++y) {
    const auto row = strips.row(y);
    for (std::size_t i = 0; i < row.size();) {
      std::size_t end = i + 1;
      while (end < row.size() && row[end] == row[i]) ++end;
      if (row[i] > 0) boxes[row[i]] = hull(boxes[row[i]], Box{box.x0 + static_cast<int>(i), y, box.x0 + static_cast<int>(end), y + 1});
      i = end;
    }
  }
  return boxes;
}

/// Median VARIANCE of wanted strips over the whole frame: what lies on the target would be small, and noisy, for a small one. NaN where no pixel tells.
std::array<double, spherex::strips + 1> strip_variances(const spherex::SpectralFrame& frame, const std::vector<StripUse>& uses, const StripMaps& maps) {
  std::array<std::vector<float>, spherex::strips + 1> values;
  std::array<bool, spherex::strips + 1> wanted{};
  for (const auto& use : uses) wanted[static_cast<std::size_t>(use.strip)] = true;
  const io::FitsFile file{frame.path()};
  const int hdu = *file.find("VARIANCE");
  const Box box = frame.box();
  const int step = box.height() >= sampled_from ? sampled_rows : 1;
  for (int y = step / 2; y < box.y1; y += step) {
    const Box row{box.x0, y, box.x1, y + 1};
    const auto strips = maps.strips(frame, row);
    if (std::ranges::none_of(strips.pixels(), [&](std::uint8_t s) { return wanted[s]; })) continue;
    const auto variance = file.read_float(hdu, row);
    for (std::size_t i = 0; i < strips.pixels().size(); ++i)
      if (const float v = variance.pixels()[i]; wanted[strips.pixels()[i]] && std::isfinite(v) && v > 0) values[strips.pixels()[i]].push_back(v);
  }
  std::array<double, spherex::strips + 1> medians;
  for (std::size_t s = 0; s < medians.size(); ++s) medians[s] = values[s].empty() ? NAN : statistics::median_inplace(std::span{values[s]});
  return medians;
}

/// From 1/2 of a step at pixels that border on another strip or on the array's edge up to 1 at `feather` pixels from there.
Image<float> taper_of(const spherex::SpectralFrame& frame, int strip, Box window, const StripMaps& maps, int feather) {
  const auto strips = maps.strips(frame, intersection(window.grown(feather), frame.box()));
  const auto within = [&](int x, int y) { return strips.box().contains(x, y) && strips(x, y) == strip; };
  Image<float> taper{window, 1.f};
  for (int y = window.y0; y < window.y1; ++y)
    for (int x = window.x0; x < window.x1; ++x)
      for (int k = 1; k <= feather; ++k)
        if (!within(x, y - k) || !within(x, y + k) || !within(x - k, y) || !within(x + k, y)) {
          taper(x, y) = (static_cast<float>(k) - .5f) / static_cast<float>(feather);
          break;
        }
  return taper;
}

}  // namespace

CubeFrame place_frame(spherex::SpectralFrame frame, const CubeSetting& setting, const StripMaps& maps) {
  CubeFrame placed{std::move(frame), nullptr, nullptr, {}, 0};
  const auto& f = placed.frame;
  placed.to_output = wcs::plane_to_plane(f.sky(), setting.sky);
  const int margin = reach(f.sky(), setting, f.box());
  const Box seen = on_grid(f.box(), *placed.to_output, setting.box(), margin);
  if (seen.empty()) return placed;
  placed.to_frame = wcs::approximate(wcs::plane_to_plane(setting.sky, f.sky()), seen);
  const Box window = reproject::window_to_resample(*placed.to_frame, seen, f.box(), setting.interpolation);
  if (window.empty()) return placed;
  const auto boxes = strip_boxes(maps.strips(f, window));
  for (int strip = 1; strip <= spherex::strips; ++strip) {
    const int channel = spherex::strips * (f.detector() - 1) + strip;
    const Box box = boxes[static_cast<std::size_t>(strip)];
    if (box.empty() || !std::ranges::binary_search(setting.channels, channel)) continue;
    if (const Box out = on_grid(box, *placed.to_output, setting.box(), margin); !out.empty()) placed.strips.push_back({channel, strip, box, out, 0});
  }
  if (placed.strips.empty()) return placed;
  const auto variances = strip_variances(f, placed.strips, maps);
  for (auto& use : placed.strips) use.weight = 1 / variances[static_cast<std::size_t>(use.strip)];
  placed.blind = static_cast<int>(std::erase_if(placed.strips, [](const StripUse& use) { return std::isnan(use.weight); }));
  if (setting.maps_every_pixel) placed.to_output = wcs::approximate(placed.to_output, f.box());
  return placed;
}

StripPixels read_strip(const CubeFrame& placed, const StripUse& use, Box window, const StripMaps& maps, const spherex::CalibrationSet& calibration, const CoaddOptions& options) {
  const auto& f = placed.frame;
  const auto pixels = f.read_window(window);
  const auto strips = maps.strips(f, window);
  const auto offset = static_cast<float>(use.offset);
  const bool subtract = options.zodi == Zodi::subtract && !pixels.zodi.empty();
  StripPixels out;
  out.frame.reshape(window);
  out.reported = Image<std::uint32_t>{window};
  if (options.wave_eff) out.wave = calibration.of(f.detector()).wavelengths(f, window).centre_um;
  if (options.feather > 0) out.taper = taper_of(f, use.strip, window, maps, options.feather);
  const double centre_um = calibration.of(f.detector()).channels().channel(use.channel).centre_um;  // for a pixel whose wavelength the map leaves out
  const auto dropped = spherex::mosaic_dropped(), reported = spherex::mosaic_reported();
  for (std::size_t i = 0; i < strips.pixels().size(); ++i) {
    const float value = (subtract ? pixels.image.pixels()[i] - pixels.zodi.pixels()[i] : pixels.image.pixels()[i]) - offset, variance = pixels.variance.pixels()[i];
    const auto flags = pixels.flags.pixels()[i];
    const bool good = strips.pixels()[i] == use.strip && !(flags & dropped) && std::isfinite(value) && std::isfinite(variance) && variance > 0;
    out.frame.good.pixels()[i] = good;
    out.frame.value.pixels()[i] = good ? value : 0.f;
    out.frame.variance.pixels()[i] = good ? variance : 0.f;
    if (options.wave_eff && !(good && std::isfinite(out.wave.pixels()[i]))) out.wave.pixels()[i] = good ? static_cast<float>(centre_um) : 0.f;
    if (!good && options.feather > 0) out.taper.pixels()[i] = 0;  // the kernels take planes to be 0 there
    if (!good) continue;
    out.any = true;
    out.reported.pixels()[i] = static_cast<std::uint32_t>(flags & reported);
    out.any_reported |= out.reported.pixels()[i] != 0;
  }
  return out;
}

}  // namespace tessera::cube
