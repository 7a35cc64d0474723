#include "tessera/discover/detections.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tessera/background/smooth_sky.h"
#include "tessera/detect/matched_filter.h"
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
  s.field(&O::places, "places", "Places along each side of a pixel at which a source is tried: between them it loses significance.").range(1, 7);
  s.field(&O::min_channels, "min_channels", "A source has data in at least so many channels.").range(1, 102);
  s.field(&O::channel_sigma, "channel_sigma", "From this significance a source counts as seen in a channel.").unit("sigma").range(0, 1000);
  s.field(&O::sky_cell, "sky_cell", "Side of the cells whose medians make the sky of a plane.").unit("pixel").range(8, 1000);
  s.field(&O::noise_cell, "noise_cell", "Half the side of the windows that tell the noise of the filtered plane.").unit("pixel").range(8, 1000);
  s.field(&O::fwhm_arcsec, "fwhm", "Take a Gaussian of this full width, with the pixels of the detector in it, for the response; 0: the PSF of the frames.").unit("arcsec").range(0, 60).flag("fwhm");
}

FilteredPlane::FilteredPlane(const Image<float>& image, const Image<float>& variance, const psf::PsfModel& of, const DetectionOptions& options)
    : frame{frame_of(image, variance)}, response{&of}, noise_cell{options.noise_cell}, significance{image.box()}, flux_error{image.box()}, best{image.box(), nan} {
  const Image<float> sky = background::smooth_sky(frame.view(), options.sky_cell);
  for (std::size_t i = 0; i < sky.pixels().size(); ++i)
    if (frame.good.pixels()[i]) frame.value.pixels()[i] -= sky.pixels()[i];
  noise = filter({});
}

Image<float> FilteredPlane::filter(Place place) {
  detect::FilterOptions options;
  options.offset_x = place.offset_x(), options.offset_y = place.offset_y();
  detect::matched_filter(frame.view(), *response, options, {significance.view(), {}, flux_error.view()});
  for (std::size_t i = 0; i < significance.pixels().size(); ++i)
    if (!frame.good.pixels()[i]) significance.pixels()[i] = nan;
  // Of each place anew: the response to a source between pixels is wider and takes in more of the noise that neighbours share.
  Image<float> width = detect::noise_map(significance, {.cell_x = noise_cell, .cell_y = noise_cell});
  for (std::size_t i = 0; i < width.pixels().size(); ++i) {
    float& w = width.pixels()[i];
    if (!(w > 1)) w = 1;
    significance.pixels()[i] /= w, flux_error.pixels()[i] *= w;
  }
  return width;
}

Image<float> combine(const std::vector<FilteredPlane>& planes, const DetectionOptions& options, detect::ChiScales& scales) {
  std::vector<View<const float>> significances, errors;
  for (const auto& p : planes) significances.push_back(p.significance.view()), errors.push_back(p.flux_error.view());
  if (options.combination == Combination::chi_square) return detect::combined_significance(significances, scales);
  auto flat = detect::flat_significance(significances, errors);
  if (options.combination == Combination::both) flat = detect::less_likely(flat, detect::combined_significance(significances, scales));
  return flat;
}

Combined::Combined(Box box, int places) : n{places}, fine{Box{n * box.x0, n * box.y0, n * box.x1, n * box.y1}, nan}, best{box, nan} {}

void Combined::add(Place place, const Image<float>& combined, std::vector<FilteredPlane>& planes) {
  const Box box = combined.box();
  for (int y = box.y0; y < box.y1; ++y)
    for (int x = box.x0; x < box.x1; ++x) {
      const float v = combined(x, y);
      fine(n * x + place.x, n * y + place.y) = v;
      if (!(v > best(x, y)) && !std::isnan(best(x, y))) continue;
      best(x, y) = v;
      for (auto& p : planes) p.best(x, y) = p.significance(x, y);
    }
}

void Combined::charge(double chances) {
  if (!(chances > 1)) return;
  for (auto* image : {&fine, &best})
    for (float& v : image->pixels())
      if (!std::isnan(v)) v = static_cast<float>(detect::largest_of(static_cast<double>(v), chances));
}

Combined combine_places(std::vector<FilteredPlane>& planes, Box box, const DetectionOptions& options, const EachPlane& each_plane) {
  Combined all{box, options.places};
  if (planes.empty()) return all;
  detect::ChiScales scales;
  for (int y = 0; y < all.n; ++y)
    for (int x = 0; x < all.n; ++x) {
      const Place place{x, y, all.n};
      each_plane([&](std::size_t k) { planes[k].filter(place); });
      all.add(place, combine(planes, options, scales), planes);
    }
  std::vector<const psf::PsfModel*> responses;
  for (const auto& p : planes) responses.push_back(p.response);
  all.charge(chances_of_places(responses, all.n, options.threshold, options.combination != Combination::flat));
  return all;
}

std::vector<Detection> find_sources(const Combined& combined, const std::vector<FilteredPlane>& planes, const DetectionOptions& options) {
  std::vector<Detection> found;
  const auto& fine = combined.fine;
  const int n = combined.n;
  const auto in_pixels = [n](double at) { return (at + 0.5) / n - 0.5; };
  for (const auto& s : detect::find_segments(fine, {.threshold = options.threshold})) {
    const double peak = static_cast<double>(s.peak);
    Detection d;
    d.peak_x = s.peak_x / n, d.peak_y = s.peak_y / n;
    d.x = in_pixels(s.peak_x + top(at(fine, s.peak_x - 1, s.peak_y), peak, at(fine, s.peak_x + 1, s.peak_y)));
    d.y = in_pixels(s.peak_y + top(at(fine, s.peak_x, s.peak_y - 1), peak, at(fine, s.peak_x, s.peak_y + 1)));
    d.significance = peak;
    for (std::size_t i = 0; i < planes.size(); ++i)
      if (const double v = static_cast<double>(planes[i].best(d.peak_x, d.peak_y)); std::isfinite(v))
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
