#include "tessera/extraction/snr.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tessera::extraction {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double core_edge = 0.1;  // of the peak

/// Pixels from the middle to where the response falls to a tenth of its peak, along the axis that reaches further.
int core_half_width(const psf::PointResponse& response) {
  const double least = core_edge * response.at(0, 0);
  int half = 0;
  for (int k = 1; k <= static_cast<int>(response.reach_pix()); ++k)
    if (std::max(response.at(k, 0), response.at(0, k)) >= least) half = k;
  return half;
}

}  // namespace

std::vector<double> snr_by_rule(const Found& found, const Image<float>& coverage, const joint_fit::FitImage& image, std::span<const joint_fit::Source> sources, const joint_fit::FitOptions& options) {
  const bool stated = options.snr_noise == joint_fit::SnrNoise::stated || (options.snr_noise == joint_fit::SnrNoise::rule && options.snr == joint_fit::SnrRule::core);
  const Box whole = found.frame.box();
  const auto variance = [&](int x, int y) {
    if (!found.frame.good(x, y)) return nan;
    if (stated) return static_cast<double>(found.frame.variance(x, y));
    const double widened = static_cast<double>(found.noise(x, y));
    return static_cast<double>(found.variance(x, y)) * (widened > 0 ? widened * widened : 1.0);
  };
  std::vector<double> snr(sources.size(), nan);
  psf::PointResponse blended;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const auto place = sources[i].position(image.mjd);
    if (!joint_fit::measured(sources[i]) || !std::isfinite(place.ra_deg) || !std::isfinite(place.dec_deg)) continue;
    const auto p = image.file->wcs.sky_to_pixel(place);
    if (!(p.x > whole.x0 - 0.5 && p.x < whole.x1 - 0.5 && p.y > whole.y0 - 0.5 && p.y < whole.y1 - 0.5)) continue;
    const int x = static_cast<int>(std::lround(p.x)), y = static_cast<int>(std::lround(p.y));
    const auto& response = image.psf->at(p.x, p.y, blended);
    const double light = sources[i].flux * image.value_of_unit_flux(p.x, p.y);
    if (options.snr == joint_fit::SnrRule::peak) {
      snr[i] = light / (std::sqrt(variance(x, y)) * response.flux() / response.at(0, 0));
      continue;
    }
    const int half = core_half_width(response);
    double sum = 0;
    for (int v = y - half; v <= y + half; ++v)
      for (int u = x - half; u <= x + half; ++u) sum += whole.contains(u, v) ? variance(u, v) : nan;
    if (options.snr == joint_fit::SnrRule::gain) sum += std::max(0.0, light) / (options.snr_gain * (coverage.empty() ? 1.0 : static_cast<double>(coverage(x, y))));
    snr[i] = light / std::sqrt(sum);
  }
  return snr;
}

}  // namespace tessera::extraction
