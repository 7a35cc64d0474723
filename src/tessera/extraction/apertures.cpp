#include "tessera/extraction/apertures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "tessera/base/error.h"
#include "tessera/base/text.h"

namespace tessera::extraction {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr std::int64_t together = 256;  // sources of one piece of work

/// 1 over the share of a point source's light that a circle has, less what the annulus takes for sky.
double point_correction(const psf::PsfModel& psf, wcs::PixelPoint p, double radius, const ApertureOptions& options) {
  if (!std::isfinite(p.x) || std::abs(p.x) > 1e8 || std::abs(p.y) > 1e8) return nan;
  psf::PointResponse workspace;
  const auto& response = psf.at(p.x, p.y, workspace);
  const int cx = static_cast<int>(std::lround(p.x)), cy = static_cast<int>(std::lround(p.y)), half = static_cast<int>(std::ceil(radius)) + 1;
  Frame alone{{cx - half, cy - half, cx + half + 1, cy + half + 1}};
  std::ranges::fill(alone.good.pixels(), std::uint8_t{1});
  response.evaluate(p.x, p.y, alone.box(), alone.value.pixels(), {}, {});
  double share = photometry::sum_circle(alone.view(), p.x, p.y, radius).flux;
  if (options.annulus_outer > 0) {
    const double inner = options.annulus_inner, outer = options.annulus_outer;
    share -= (response.fraction_within(outer) - response.fraction_within(inner)) * radius * radius / (outer * outer - inner * inner);
  }
  return share > 0 ? 1 / share : nan;
}

}  // namespace

std::vector<double> radii_of(const ApertureOptions& options) {
  std::vector<double> radii;
  for (const auto& word : options.radii) {
    if (text::trim(word).empty()) continue;
    const auto r = text::to_double(std::string{text::trim(word)});
    if (!r || !(*r > 0) || *r > 1e4) throw UsageError{fmt::format("aperture.radii: '{}' is no radius in pixels", word)};
    radii.push_back(*r);
  }
  if (options.annulus_outer > 0 && options.annulus_outer <= options.annulus_inner) throw UsageError{fmt::format("aperture.annulus_outer = {} must exceed annulus_inner = {}", options.annulus_outer, options.annulus_inner)};
  return radii;
}

std::vector<ApertureFluxes> measure_apertures(const FrameView& frame, const joint_fit::FitImage& image, std::span<const joint_fit::Source> sources, const ApertureOptions& options, run::Context& context) {
  const auto radii = radii_of(options);
  std::vector<ApertureFluxes> all(sources.size());
  if (radii.empty()) return all;
  const NoiseCorrelation none;
  const NoiseCorrelation& correlation = image.correlation ? *image.correlation : none;
  std::vector<double> factors;
  for (const double r : radii) factors.push_back(photometry::correlation_factor(correlation, r));
  const bool ring = options.annulus_outer > 0;
  const double ring_factor = ring ? photometry::annulus_correlation_factor(correlation, options.annulus_inner, options.annulus_outer) : 1;
  const auto pieces = (static_cast<std::int64_t>(sources.size()) + together - 1) / together;
  context.stage("apertures", pieces);
  context.pool().for_each(pieces, [&](std::int64_t k) {
    std::vector<float> work;
    for (std::size_t i = static_cast<std::size_t>(k * together); i < std::min(sources.size(), static_cast<std::size_t>((k + 1) * together)); ++i) {
      const auto place = options.place == AperturePlace::found ? sources[i].start : sources[i].position(image.mjd);
      const auto p = std::isfinite(place.ra_deg) && std::isfinite(place.dec_deg) ? image.file->wcs.sky_to_pixel(place) : wcs::PixelPoint{nan, nan};
      ApertureFluxes& a = all[i];
      photometry::AnnulusSky sky{0, 0, 0, 0};
      if (ring) sky = photometry::annulus_sky(frame, p.x, p.y, options.annulus_inner, options.annulus_outer, options.statistic, options.min_pixels, work);
      a.sky = sky.level;
      if (std::isnan(sky.level) && options.without_sky == WithoutSky::unsubtracted) sky.level = sky.error = 0;
      const double unit = std::isfinite(p.x) ? 1 / image.value_of_unit_flux(p.x, p.y) : nan;
      for (std::size_t r = 0; r < radii.size(); ++r) {
        const auto sum = photometry::sum_circle(frame, p.x, p.y, radii[r]);
        const double factor = options.correct ? unit * a.correction.emplace_back(point_correction(*image.psf, p, radii[r], options)) : unit;
        a.bad.push_back(sum.bad_area);
        a.flux.push_back(sum.area > 0 ? factor * (sum.flux - sum.area * sky.level) : nan);
        if (options.errors == ApertureErrors::overlap) a.error.push_back(sum.area > 0 && sum.bad_area == 0 ? factor * std::sqrt(sum.linear_variance) : nan);
        else a.error.push_back(sum.area > 0 ? factor * std::sqrt(sum.variance * factors[r] + sum.area * sum.area * sky.error * sky.error * ring_factor) : nan);
      }
    }
    context.step();
  });
  return all;
}

}  // namespace tessera::extraction
