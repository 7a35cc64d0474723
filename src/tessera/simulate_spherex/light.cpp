#include "tessera/simulate_spherex/light.h"

#include <algorithm>
#include <cmath>

#include "tessera/simulate/stack.h"
#include "tessera/simulate_spherex/electronics.h"
#include "tessera/simulate_spherex/galaxy.h"
#include "tessera/spherex/calibration.h"
#include "tessera/wcs/separation.h"

namespace tessera::simulate_spherex {
namespace {

constexpr double helium_um = 1.083;

bool near_frame(const Frame& f, wcs::SkyPoint p) {
  // Far ones never reach the WCS: a distortion polynomial run far outside its frame may fold them back in.
  return wcs::separation_deg(p, f.exposure.attitude.centre) <= .75 * f.state.detector.size() * pixel_scale_arcsec / 3600;
}

void add_star(const Frame& f, View<double> flux, const Source& s, wcs::PixelPoint at) {
  f.state.psfs.at(at.x, at.y).add_to(flux, at.x, at.y, [&](int x, int y) { return s.spectrum.through(f.state.centre_um(x, y), f.state.width_um(x, y)); });
}

/// The shape first, so that the spectrum is evaluated once per pixel.
void add_galaxy(const Frame& f, View<double> flux, const Source& s, wcs::PixelPoint at) {
  const auto points = light_points({s.sersic_n, s.effective_radius_arcsec, s.axis_ratio, s.position_angle_deg}, f.sky.jacobian(at));
  double reach = 0;
  for (const auto& p : points) reach = std::max({reach, std::fabs(p.x), std::fabs(p.y)});
  const int half = static_cast<int>(std::ceil(reach)) + psf_cells / psf_oversample, cx = static_cast<int>(std::floor(at.x)), cy = static_cast<int>(std::floor(at.y));
  const Box part = intersection(f.box(), {cx - half, cy - half, cx + half + 2, cy + half + 2});
  if (part.empty()) return;
  Image<double> shape{part};
  const ZonePsf& psf = f.state.psfs.at(at.x, at.y);
  for (const auto& p : points) psf.add_to(shape, at.x + p.x, at.y + p.y, [&](int, int) { return p.share; });
  for (int y = part.y0; y < part.y1; ++y)
    for (int x = part.x0; x < part.x1; ++x)
      if (shape(x, y) > 0) flux(x, y) += shape(x, y) * s.spectrum.through(f.state.centre_um(x, y), f.state.width_um(x, y));
}

void to_brightness(const Frame& f, Image<double>& flux) {
  const auto omega = f.state.detector.solid_angle().pixels();
  for (std::size_t i = 0; i < omega.size(); ++i) flux.pixels()[i] /= spherex::ujy_per_arcsec2 * omega[i];
}

double middle_mjd(const Scene& scene) {
  double last = scene.exposures.front().mjd;
  for (const auto& e : scene.exposures)
    if (e.survey == 0) last = e.mjd;
  return (scene.exposures.front().mjd + last) / 2;
}

wcs::SkyPoint mover_at(const Scene& scene, double mjd) {
  simulate::StackOptions stack;
  stack.ra_deg = scene.options.field.ra_deg, stack.dec_deg = scene.options.field.dec_deg;
  return simulate::mover_position(scene.options.mover, stack, mjd - middle_mjd(scene));
}

}  // namespace

Frame::Frame(const Scene& of, FrameKey key) : scene{of}, exposure{of.exposures[key.exposure]}, state{*of.detectors[key.detector]}, sky{state.detector.sky(exposure.attitude)} {}

Image<double> source_light(const Frame& f, double faintest_ujy, std::vector<MeasuredTruth>* truth) {
  Image<double> flux{f.box()};
  for (const Source& s : f.scene.sources) {
    if (s.spectrum.flux_ujy < faintest_ujy || !near_frame(f, s.position)) continue;
    const auto at = f.sky.sky_to_pixel(s.position);
    if (!std::isfinite(at.x) || !std::isfinite(at.y)) continue;
    if (s.sersic_n > 0) add_galaxy(f, flux, s, at);
    else add_star(f, flux, s, at);
    if (!truth || !f.box().contains(static_cast<int>(std::lround(at.x)), static_cast<int>(std::lround(at.y)))) continue;
    const auto wave = f.state.detector.wavelength(at.x, at.y);
    truth->push_back({s.id, at.x, at.y, wave.centre_um, wave.width_um, s.spectrum.through(wave.centre_um, wave.width_um)});
  }
  to_brightness(f, flux);
  return flux;
}

wcs::SkyPoint mover_in(const Scene& scene, const Exposure& exposure) { return mover_at(scene, exposure.mjd); }

Image<double> moving_light(const Frame& f) {
  const double flux_ujy = f.scene.options.mover.mover_flux_ujy;
  if (!(flux_ujy > 0) || !near_frame(f, mover_at(f.scene, f.exposure.mjd))) return {};
  constexpr int pieces = 9;
  Source sunlit;
  sunlit.spectrum = {flux_ujy / pieces, 0, 5770};
  Image<double> flux{f.box()};
  for (int i = 0; i < pieces; ++i) {
    const auto at = f.sky.sky_to_pixel(mover_at(f.scene, f.exposure.mjd + exposure_s / 86400 * ((i + .5) / pieces - .5)));
    if (std::isfinite(at.x) && std::isfinite(at.y)) add_star(f, flux, sunlit, at);
  }
  to_brightness(f, flux);
  return flux;
}

void add_sky(const Frame& f, View<double> brightness) {
  const SkyOptions& o = f.scene.options.sky;
  const bool nebula = o.nebula_peak != 0 || o.nebula_line != 0;
  const auto n = static_cast<std::size_t>(f.box().width());
  std::vector<double> x(n), y(n), ra(n), dec(n);
  for (std::size_t i = 0; i < n; ++i) x[i] = static_cast<double>(i);
  for (int row = 0; row < f.box().y1; ++row) {
    std::ranges::fill(y, row);
    if (nebula) f.sky.pixel_to_sky(x, y, ra, dec);
    for (std::size_t i = 0; i < n; ++i) {
      const int px = static_cast<int>(i);
      const double um = f.state.centre_um(px, row), width = f.state.width_um(px, row);
      double& value = brightness(px, row);
      value += o.level;
      if (o.helium > 0) value += o.helium * line_response(helium_um, um, width);
      if (!nebula) continue;
      const double r = 3600 * wcs::separation_deg({ra[i], dec[i]}, f.scene.options.field) / o.nebula_fwhm_arcsec;
      value += std::exp2(-4 * r * r) * (o.nebula_peak + o.nebula_line * line_response(o.nebula_line_um, um, width));
    }
  }
}

}  // namespace tessera::simulate_spherex
