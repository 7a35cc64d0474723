#include "tessera/simulate/exposure.h"

#include <cmath>
#include <numbers>

#include <fmt/format.h>

#include "tessera/simulate/cosmic.h"
#include "tessera/simulate/random.h"
#include "tessera/simulate/transients.h"
#include "tessera/wcs/pixel_map.h"
#include "tessera/wcs/separation.h"

namespace tessera::simulate {

namespace {

constexpr double deg = std::numbers::pi / 180;
constexpr double mjy_per_ujy = 1e-12;

/// Adds every star near the frame, as µJy per pixel. Far ones never reach the WCS: a distortion polynomial run far outside its frame
/// may fold them back in.
void add_stars(const Scene& scene, std::size_t index, View<double> flux) {
  const Camera& c = scene.camera;
  const wcs::SkyWcs& sky = scene.actual_wcs[index];
  const wcs::SkyPoint middle = sky.pixel_to_sky(wcs::PixelPoint{c.width / 2.0, c.height / 2.0});
  const double reach_deg = (0.52 * std::hypot(c.width, c.height) + std::min(scene.psf.reach_pix(), std::max(c.width, c.height))) *
                           c.pixel_scale_arcsec / 3600;
  std::vector<double> ra, dec, near_flux;
  for (const Source& s : scene.sources)
    if (separation_deg(s.position, middle) <= reach_deg) {
      ra.push_back(s.position.ra_deg);
      dec.push_back(s.position.dec_deg);
      near_flux.push_back(s.flux_ujy);
    }
  std::vector<double> x(ra.size()), y(ra.size());
  sky.sky_to_pixel(ra, dec, x, y);
  for (std::size_t i = 0; i < x.size(); ++i) add_star(flux, {x[i], y[i]}, near_flux[i], scene.psf);
}

/// Turns µJy per pixel into MJy/sr and adds the sky.
void to_surface_brightness(const Scene& scene, std::size_t index, View<double> image) {
  const SkyOptions& sky = scene.options.sky;
  const bool structured = sky.gradient != 0 || sky.nebula_peak != 0;
  wcs::PixelMapPtr to_field;
  if (structured) to_field = wcs::approximate(wcs::plane_to_plane(scene.actual_wcs[index], scene.field.plane), image.box(), 1e-3);
  const auto width = static_cast<std::size_t>(image.box().width());
  std::vector<double> x(width), y(width);
  for (int row = image.box().y0; row < image.box().y1; ++row) {
    const auto pixels = image.row(row);
    const auto omega = scene.solid_angle.row(row);
    if (structured) to_field->apply_row(0, row, x, y);
    for (std::size_t i = 0; i < width; ++i)
      pixels[i] = pixels[i] * mjy_per_ujy / omega[i] + (structured ? sky_brightness(sky, x[i], y[i]) : sky.level);
  }
}

/// Electrons of what is there in this frame only; empty when nothing is.
Image<double> passing_light(const Scene& scene, std::size_t index, Exposure& e) {
  const TransientOptions& o = scene.options.transients;
  const double g = scene.camera.electrons_per_mjysr();
  Image<double> electrons;
  if (o.mover_flux_ujy > 0) {
    electrons.reset(e.value.box());
    const wcs::PixelPoint at = scene.actual_wcs[index].sky_to_pixel(mover_in(scene, index));
    if (std::isfinite(at.x) && std::isfinite(at.y)) add_star(electrons, at, o.mover_flux_ujy, scene.psf);
    for (std::size_t i = 0; i < electrons.pixels().size(); ++i) electrons.pixels()[i] *= g * mjy_per_ujy / scene.solid_angle.pixels()[i];
  }
  Trail trail;
  if (!draw_trail(o, e.value.box(), Random{static_cast<std::uint64_t>(scene.options.stack.seed), Purpose::trail, index}, trail)) return electrons;
  if (electrons.empty()) electrons.reset(e.value.box());
  add_trail(electrons, trail, o.trail_e, scene.psf.fwhm_pix());
  e.trails = 1;
  return electrons;
}

/// From the surface brightness that falls on the detector to what a calibrated frame says, pixel by pixel in one fixed order.
void read_out(const Scene& scene, std::size_t index, View<const double> model, const Image<double>& passing, Exposure& e) {
  const NoiseOptions& noise = scene.options.noise;
  const DefectOptions& defects = scene.options.defects;
  const auto seed = static_cast<std::uint64_t>(scene.options.stack.seed);
  const CosmicRays rays = cosmic_rays(defects, e.value.box(), Random{seed, Purpose::cosmic_ray, index});
  e.cosmic_rays = rays.tracks;
  e.cosmic_pixels = static_cast<std::int64_t>(rays.hits.size());

  Random random{seed, Purpose::noise, index};
  const double g = scene.camera.electrons_per_mjysr(), offset = scene.pointings[index].offset;
  const double read_variance = scene.camera.read_noise_e * scene.camera.read_noise_e;
  const std::span<std::uint8_t> flags = e.flags.pixels();
  auto hit = rays.hits.begin();
  std::int64_t i = 0;
  for (int y = 0; y < scene.camera.height; ++y)
    for (const double brightness : model.row(y)) {
      const auto at = static_cast<std::size_t>(i);
      double expected = g * (brightness + noise.subtracted_sky);
      if (flags[at] & Flag::hot) expected += defects.hot_e;
      const double more = passing.empty() ? 0.0 : passing.pixels()[at], light = expected + more;
      double electrons = noise.photon && light > 0 ? random.poisson(light) : light;
      if (more * more > 0.25 * (std::max(0.0, expected) + read_variance)) flags[at] |= Flag::passing;
      if (!e.added.empty()) e.added.pixels()[at] = static_cast<float>(more / g);
      if (noise.read) electrons += scene.camera.read_noise_e * random.normal();
      if (hit != rays.hits.end() && hit->first == i) {
        electrons += hit->second;
        flags[at] |= Flag::cosmic;
        if (!e.added.empty()) e.added.pixels()[at] += static_cast<float>(hit->second / g);
        ++hit;
      }
      if (defects.full_well_e > 0 && electrons > defects.full_well_e) {
        electrons = defects.full_well_e;
        flags[at] |= Flag::saturated;
      }
      const double counted = noise.uncertainty_from == UncertaintyFrom::expected ? expected : electrons;
      float value = static_cast<float>(electrons / g - noise.subtracted_sky + offset);
      if (flags[at] & Flag::dead) value = defects.dead_value == DeadPixels::nan ? std::nanf("") : 0.0f;
      e.value.pixels()[at] = value;
      e.sigma.pixels()[at] = static_cast<float>(noise.uncertainty_scale * std::sqrt(std::max(0.0, counted) + read_variance) / g);
      ++i;
    }
}

}  // namespace

double sky_brightness(const SkyOptions& sky, double x, double y) {
  const double east = -x, north = y, pa = sky.gradient_pa_deg * deg;
  double value = sky.level + sky.gradient * (east * std::sin(pa) + north * std::cos(pa)) / 3600;
  if (sky.nebula_peak != 0) {
    const double r = std::hypot(east - sky.nebula_east_arcsec, north - sky.nebula_north_arcsec) / sky.nebula_fwhm_arcsec;
    value += sky.nebula_peak * std::exp2(-4 * r * r);
  }
  return value;
}

Scene make_scene(const SceneOptions& options, const std::vector<Source>* catalog) {
  const DefectOptions& d = options.defects;
  if (d.cosmic_min_e > d.cosmic_max_e)
    throw UsageError{fmt::format("defects.cosmic_min_e: {} is above defects.cosmic_max_e = {}", d.cosmic_min_e, d.cosmic_max_e)};
  const Camera camera = make_camera(options.camera);
  PsfOptions psf = options.psf;
  if (psf.fwhm_pix == 0) psf.fwhm_pix = camera.fwhm_pix;
  const auto pointings = plan_pointings(options.stack, camera);
  std::vector<wcs::SkyWcs> header_wcs, actual_wcs;
  for (const Pointing& p : pointings) {
    const auto where = fmt::format("simulated frame {}", p.frame);
    header_wcs.push_back(wcs::SkyWcs::from_header(wcs_header(camera, p.header, p.position_angle_deg), where));
    actual_wcs.push_back(options.stack.pointing_error_arcsec > 0
                             ? wcs::SkyWcs::from_header(wcs_header(camera, p.actual, p.position_angle_deg), where)
                             : header_wcs.back());
  }
  const auto seed = static_cast<std::uint64_t>(options.stack.seed);
  Field field = make_field(options.stack, camera, actual_wcs);
  auto sources = catalog ? *catalog : make_sources(options.sources, seed, field, camera, actual_wcs);
  Scene scene{.options = options, .camera = camera, .psf = Psf{psf}, .pointings = pointings, .header_wcs = std::move(header_wcs),
              .actual_wcs = std::move(actual_wcs), .field = std::move(field), .sources = std::move(sources),
              .solid_angle = solid_angle_sr(camera), .detector = detector_defects(d, camera.box(), Random{seed, Purpose::detector, 0})};
  scene.options.psf = psf;
  return scene;
}

wcs::SkyPoint mover_in(const Scene& scene, std::size_t index) {
  const double middle = (scene.pointings.front().mjd + scene.pointings.back().mjd) / 2;
  return mover_position(scene.options.transients, scene.options.stack, scene.pointings[index].mjd - middle);
}

Exposure expose(const Scene& scene, std::size_t index, bool keep_model, bool keep_added) {
  const Box box = scene.camera.box();
  Exposure e{.value = Image<float>{box}, .sigma = Image<float>{box}, .flags = scene.detector.copy(), .model = {}, .added = {}};
  if (keep_added) e.added.reset(box);
  Image<double> model{box};
  add_stars(scene, index, model);
  to_surface_brightness(scene, index, model);
  read_out(scene, index, model, passing_light(scene, index, e), e);
  if (keep_model) {
    e.model.reset(box);
    for (std::size_t i = 0; i < e.model.pixels().size(); ++i) e.model.pixels()[i] = static_cast<float>(model.pixels()[i]);
  }
  return e;
}

std::int64_t exposure_bytes(const Camera& camera) {
  // Model in double, four float planes, light of trails in double, flags; cosmic rays as a hash table of a per cent of the pixels; a mask of 4 bytes when written.
  return camera.box().area() * (8 + 8 + 4 * 4 + 1 + 2 + 4);
}

}  // namespace tessera::simulate
