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

/// ρ of a source at (dx, dy) from the middle of a pixel.
double part_seen(const psf::PsfModel& model, double dx, double dy) {
  psf::PointResponse workspace;
  const auto& response = model.at(0, 0, workspace);
  const int reach = static_cast<int>(response.reach_pix());
  double both = 0, square = 0;
  for (int y = -reach; y <= reach; ++y)
    for (int x = -reach; x <= reach; ++x) {
      const double p = response.at(x, y);
      both += p * response.at(x - dx, y - dy), square += p * p;
    }
  return both / square;
}

void measure(Detection& d, const std::vector<FilteredPlane>& planes, int x, int y, const DetectionOptions& options) {
  double sum = 0, weights = 0;
  int likeliest = -1, brightest = -1;
  for (std::size_t i = 0; i < planes.size(); ++i) {
    const double s = static_cast<double>(planes[i].significance(x, y));
    if (!std::isfinite(s)) continue;
    const double part = part_seen(planes[i].response, d.x - x, d.y - y);
    const PlaneValue v{static_cast<int>(i), static_cast<double>(planes[i].flux(x, y)) / part, static_cast<double>(planes[i].flux_error(x, y)) / part, s};
    const double w = 1 / (v.flux_error * v.flux_error);
    sum += w * v.flux, weights += w;
    const int k = static_cast<int>(d.values.size());
    d.values.push_back(v);
    const auto& values = d.values;
    if (likeliest < 0 || s > values[static_cast<std::size_t>(likeliest)].significance) likeliest = k;
    if (s < options.channel_sigma) continue;
    ++d.seen;
    if (brightest < 0 || v.flux > values[static_cast<std::size_t>(brightest)].flux) brightest = k;
  }
  d.with_data = static_cast<int>(d.values.size());
  if (d.with_data == 0) return;
  d.brightest = d.values[static_cast<std::size_t>(brightest < 0 ? likeliest : brightest)].plane;
  d.flux = sum / weights, d.flux_error = 1 / std::sqrt(weights);
}

}  // namespace

void describe(param::Schema<DetectionOptions>& s) {
  using O = DetectionOptions;
  s.field(&O::threshold, "threshold", "Least significance of a source in the combined image.").unit("sigma").range(2, 1000).flag("threshold");
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
  FilteredPlane out{Image<float>{image.box()}, Image<float>{image.box()}, Image<float>{image.box()}, response};
  detect::matched_filter(frame.view(), response, {}, {out.significance.view(), out.flux.view(), out.flux_error.view()});
  for (std::size_t i = 0; i < sky.pixels().size(); ++i)
    if (!frame.good.pixels()[i]) out.significance.pixels()[i] = nan;
  const Image<float> noise = detect::noise_map(out.significance, options.noise_cell);
  for (std::size_t i = 0; i < sky.pixels().size(); ++i) {
    const float n = noise.pixels()[i];
    if (!(n > 1)) continue;
    out.significance.pixels()[i] /= n;
    out.flux_error.pixels()[i] *= n;
  }
  return out;
}

std::vector<Detection> find_sources(const std::vector<FilteredPlane>& planes, const DetectionOptions& options) {
  if (planes.empty()) return {};
  std::vector<Image<float>> significances;
  for (const auto& p : planes) significances.push_back(p.significance.copy());
  const Image<float> combined = detect::combined_significance(significances);
  std::vector<Detection> found;
  for (const auto& s : detect::find_segments(combined, {.threshold = options.threshold})) {
    const double peak = static_cast<double>(s.peak);
    Detection d;
    d.x = s.peak_x + top(at(combined, s.peak_x - 1, s.peak_y), peak, at(combined, s.peak_x + 1, s.peak_y));
    d.y = s.peak_y + top(at(combined, s.peak_x, s.peak_y - 1), peak, at(combined, s.peak_x, s.peak_y + 1));
    d.significance = peak;
    measure(d, planes, s.peak_x, s.peak_y, options);
    if (d.with_data >= options.min_channels) found.push_back(std::move(d));
  }
  std::ranges::stable_sort(found, [](const Detection& a, const Detection& b) { return a.significance > b.significance; });
  return found;
}

}  // namespace tessera::discover
