#include "tessera/simulate/truth.h"

#include <algorithm>
#include <cmath>

#include "tessera/simulate/layout.h"

namespace tessera::simulate {

FrameTruth truth_of(const Exposure& e) {
  FrameTruth t{e.cosmic_rays, e.cosmic_pixels, 0, e.trails};
  for (const std::uint8_t f : e.flags.pixels()) t.saturated_pixels += (f & Flag::saturated) != 0;
  return t;
}

Table frames_table(const Scene& scene, const std::vector<FrameTruth>& truth) {
  std::vector<std::string> name;
  std::vector<std::int64_t> frame, rays, hit, saturated, trails;
  std::vector<double> ra, dec, header_ra, header_dec, angle, offset, mjd, mover_ra, mover_dec;
  for (std::size_t i = 0; i < scene.pointings.size(); ++i) {
    const Pointing& p = scene.pointings[i];
    frame.push_back(p.frame);
    name.push_back(frame_name(scene.camera, p.frame));
    ra.push_back(p.actual.ra_deg);
    dec.push_back(p.actual.dec_deg);
    header_ra.push_back(p.header.ra_deg);
    header_dec.push_back(p.header.dec_deg);
    angle.push_back(p.position_angle_deg);
    offset.push_back(p.offset);
    mjd.push_back(p.mjd);
    rays.push_back(truth[i].cosmic_rays);
    hit.push_back(truth[i].cosmic_pixels);
    saturated.push_back(truth[i].saturated_pixels);
    trails.push_back(truth[i].trails);
    const wcs::SkyPoint mover = mover_in(scene, i);
    mover_ra.push_back(mover.ra_deg);
    mover_dec.push_back(mover.dec_deg);
  }
  Table t;
  t.name = "truth_frames";
  t.add("frame", std::move(frame), "", "Number of the frame", "meta.id;meta.main");
  t.add("name", std::move(name), "", "First part of its file names", "meta.id;meta.file");
  t.add("ra", std::move(ra), "deg", "True right ascension of the reference pixel", "pos.eq.ra;meta.main");
  t.add("dec", std::move(dec), "deg", "True declination of the reference pixel", "pos.eq.dec;meta.main");
  t.add("header_ra", std::move(header_ra), "deg", "Right ascension in the header (CRVAL1)", "pos.eq.ra");
  t.add("header_dec", std::move(header_dec), "deg", "Declination in the header (CRVAL2)", "pos.eq.dec");
  t.add("position_angle", std::move(angle), "deg", "Direction of the y axis, east of north", "pos.posAng");
  t.add("offset", std::move(offset), "MJy/sr", "Constant that was added to every pixel", "phot.flux.sb;arith.diff");
  t.add("mjd", std::move(mjd), "d", "Start of the exposure", "time.start");
  t.add("cosmic_rays", std::move(rays), "", "Tracks of cosmic rays", "meta.number");
  t.add("cosmic_pixels", std::move(hit), "", "Pixels they hit", "meta.number");
  t.add("saturated_pixels", std::move(saturated), "", "Pixels at full well", "meta.number");
  t.add("trails", std::move(trails), "", "Satellite trails", "meta.number");
  if (!(scene.options.transients.mover_flux_ujy > 0)) return t;
  t.add("mover_ra", std::move(mover_ra), "deg", "Right ascension of the moving object", "pos.eq.ra");
  t.add("mover_dec", std::move(mover_dec), "deg", "Declination of the moving object", "pos.eq.dec");
  return t;
}

Image<std::int16_t> cosmic_mask(const Exposure& e) {
  Image<std::int16_t> mask{e.flags.box()};
  for (std::size_t i = 0; i < mask.pixels().size(); ++i) mask.pixels()[i] = static_cast<std::int16_t>(((e.flags.pixels()[i] & Flag::cosmic) ? 1 : 0) | ((e.flags.pixels()[i] & Flag::passing) ? 2 : 0));
  return mask;
}

SkyImage sky_image(const Scene& scene, int side) {
  const Field& f = scene.field;
  const double step = std::max({f.x1 - f.x0, f.y1 - f.y0, scene.camera.pixel_scale_arcsec}) / side;  // arcsec
  const int width = std::clamp(static_cast<int>(std::ceil((f.x1 - f.x0) / step)), 1, side);
  const int height = std::clamp(static_cast<int>(std::ceil((f.y1 - f.y0) / step)), 1, side);
  SkyImage image{{}, Image<float>{width, height}};
  Header& h = image.header;
  h.set("CTYPE1", std::string{"RA---TAN"});
  h.set("CTYPE2", std::string{"DEC--TAN"});
  h.set("CUNIT1", std::string{"deg"});
  h.set("CUNIT2", std::string{"deg"});
  h.set("CRVAL1", scene.options.stack.ra_deg);
  h.set("CRVAL2", scene.options.stack.dec_deg);
  // Pixel (0, 0) lies at field coordinates (x0 + step/2, y0 + step/2), the reference point at (0, 0).
  h.set("CRPIX1", 1 - (f.x0 + step / 2) / step);
  h.set("CRPIX2", 1 - (f.y0 + step / 2) / step);
  h.set("CDELT1", -step / 3600);
  h.set("CDELT2", step / 3600);
  h.set("RADESYS", std::string{"ICRS"});
  h.set("BUNIT", std::string{"MJy/sr"});
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      image.pixels(x, y) = static_cast<float>(sky_brightness(scene.options.sky, f.x0 + (x + 0.5) * step, f.y0 + (y + 0.5) * step));
  return image;
}

}  // namespace tessera::simulate
