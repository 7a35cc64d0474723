#include "tessera/discover/detections.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tessera/background/smooth_sky.h"
#include "tessera/core/frame.h"
#include "tessera/detect/combine.h"
#include "tessera/detect/noise_map.h"
#include "tessera/detect/segments.h"

namespace tessera::discover {
namespace {

constexpr float nan = std::numeric_limits<float>::quiet_NaN();

Frame frame_of(const Image<float>& image, const Image<float>& variance) {
  Frame frame{image.box()};
  for (std::size_t i = 0; i < image.pixels().size(); ++i) {
    const float v = image.pixels()[i], var = variance.pixels()[i];
    const bool good = std::isfinite(v) && std::isfinite(var) && var > 0;
    frame.good.pixels()[i] = good;
    frame.value.pixels()[i] = good ? v : 0;
    frame.variance.pixels()[i] = good ? var : 0;
  }
  return frame;
}

/// Where the parabola through three values has its top, from the middle one.
double top(double below, double middle, double above) {
  const double bend = below - 2 * middle + above;
  if (!std::isfinite(bend) || !(bend < 0)) return 0;
  return std::clamp(0.5 * (below - above) / bend, -0.5, 0.5);
}

double at(const Image<float>& image, int x, int y) { return image.box().contains(x, y) ? static_cast<double>(image(x, y)) : static_cast<double>(nan); }

}  // namespace

void describe(param::Schema<DetectionOptions>& s) {
  using O = DetectionOptions;
  s.field(&O::threshold, "threshold", "Least significance of a source in the combined image.").unit("sigma").range(2, 1000).flag("threshold");
  s.field(&O::combination, "combination", "How channels make one image: by their chi square, which asks nothing of the spectrum; by their mean for a flat spectrum, which is deeper for continua; or by the less likely of both.")
      .choices({{"both", Combination::both}, {"chi_square", Combination::chi_square}, {"flat", Combination::flat}});
  s.field(&O::min_channels, "min_channels", "A source has data in at least so many channels.").range(1, 102);
  s.field(&O::channel_sigma, "channel_sigma", "From this significance a source counts as seen in a channel.").unit("sigma").range(0, 1000);
  s.field(&O::sky_cell, "sky_cell", "Side of the cells whose medians make the sky of a plane.").unit("pixel").range(8, 1000);
  s.field(&O::noise_cell, "noise_cell", "Half the side of the windows that tell the noise of the filtered plane.").unit("pixel").range(8, 1000);
  s.field(&O::fwhm_arcsec, "fwhm", "Take a Gaussian of this full width, with the pixels of the detector in it, for the response; 0: the PSF of the frames.").unit("arcsec").range(0, 60).flag("fwhm");
}

FilteredPlane filter_plane(const Image<float>& image, const Image<float>& variance, const psf::PsfModel& response, const DetectionOptions& options) {
  Frame frame = frame_of(image, variance);
  const Image<float> sky = background::smooth_sky(frame.view(), options.sky_cell);
  for (std::size_t i = 0; i < sky.pixels().size(); ++i)
    if (frame.good.pixels()[i]) frame.value.pixels()[i] -= sky.pixels()[i];
  FilteredPlane out{Image<float>{image.box()}, Image<float>{image.box()}, Image<float>{image.box(), 1}};
  detect::matched_filter(frame.view(), response, {}, {out.significance.view(), {}, out.flux_error.view()});
  for (std::size_t i = 0; i < sky.pixels().size(); ++i)
    if (!frame.good.pixels()[i]) out.significance.pixels()[i] = nan;
  const Image<float> noise = detect::noise_map(out.significance, {.cell_x = options.noise_cell, .cell_y = options.noise_cell});
  for (std::size_t i = 0; i < sky.pixels().size(); ++i) {
    const float n = noise.pixels()[i];
    if (!(n > 1)) continue;
    out.significance.pixels()[i] /= n;
    out.flux_error.pixels()[i] *= n;
    out.noise.pixels()[i] = n;
  }
  return out;
}

Image<float> combine(const std::vector<FilteredPlane>& planes, const DetectionOptions& options) {
  std::vector<Image<float>> significances, errors;
  for (const auto& p : planes) {
    significances.push_back(p.significance.copy());
    if (options.combination != Combination::chi_square) errors.push_back(p.flux_error.copy());
  }
  if (options.combination == Combination::chi_square) return detect::combined_significance(significances);
  auto flat = detect::flat_significance(significances, errors);
  if (options.combination == Combination::both) flat = detect::less_likely(flat, detect::combined_significance(significances));
  return flat;
}

std::vector<Detection> find_sources(const Image<float>& combined, const std::vector<FilteredPlane>& planes, const DetectionOptions& options) {
  std::vector<Detection> found;
  for (const auto& s : detect::find_segments(combined, {.threshold = options.threshold})) {
    const double peak = static_cast<double>(s.peak);
    Detection d;
    d.peak_x = s.peak_x, d.peak_y = s.peak_y;
    d.x = s.peak_x + top(at(combined, s.peak_x - 1, s.peak_y), peak, at(combined, s.peak_x + 1, s.peak_y));
    d.y = s.peak_y + top(at(combined, s.peak_x, s.peak_y - 1), peak, at(combined, s.peak_x, s.peak_y + 1));
    d.significance = peak;
    for (std::size_t i = 0; i < planes.size(); ++i)
      if (const double v = static_cast<double>(planes[i].significance(s.peak_x, s.peak_y)); std::isfinite(v))
        d.values.push_back({static_cast<int>(i), v, static_cast<double>(nan), static_cast<double>(nan)}), d.seen += v >= options.channel_sigma;
    d.with_data = static_cast<int>(d.values.size());
    if (d.with_data >= options.min_channels) found.push_back(std::move(d));
  }
  std::ranges::stable_sort(found, [](const Detection& a, const Detection& b) { return a.significance > b.significance; });
  return found;
}

void sum_up(Detection& d, const DetectionOptions& options) {
  double sum = 0, weights = 0;
  const PlaneValue *likeliest = nullptr, *brightest = nullptr;
  for (const auto& v : d.values) {
    if (!likeliest || v.significance > likeliest->significance) likeliest = &v;
    if (!std::isfinite(v.flux) || !(v.flux_error > 0)) continue;
    const double w = 1 / (v.flux_error * v.flux_error);
    sum += w * v.flux, weights += w;
    if (v.significance >= options.channel_sigma && (!brightest || v.flux > brightest->flux)) brightest = &v;
  }
  if (likeliest) d.brightest = (brightest ? brightest : likeliest)->plane;
  d.flux = weights > 0 ? sum / weights : static_cast<double>(nan);
  d.flux_error = weights > 0 ? 1 / std::sqrt(weights) : static_cast<double>(nan);
}

}  // namespace tessera::discover
