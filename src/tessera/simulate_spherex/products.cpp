#include "tessera/simulate_spherex/products.h"

#include <fmt/format.h>

#include "tessera/io/fits.h"
#include "tessera/simulate_spherex/frame_file.h"
#include "tessera/simulate_spherex/wave_and_psf.h"

namespace tessera::simulate_spherex {
namespace {

Header product_cards(int detector, const char* unit) {
  Header h;
  h.set("BUNIT", std::string{unit}, "Unit of pixel value");
  h.set("DETECTOR", std::int64_t{detector}, "1-3: SWIR, 4-6: MWIR");
  return h;
}

std::filesystem::path product_path(const std::filesystem::path& folder, const std::string& name, int detector, const char* kind) {
  return folder / fmt::format("{}_D{}_spx_{}-v1-2025-100.fits", name, detector, kind);
}

void write_detector(const std::filesystem::path& folder, const DetectorState& s) {
  const int d = s.detector.number();
  {
    io::FitsWriter writer{product_path(folder, "spectral_wcs", d, "cal-wcs")};
    writer.add_empty(Header{});
    writer.add_image("CWAVE", product_cards(d, "um"), s.centre_um.view());
    writer.add_image("CBAND", product_cards(d, "um"), s.width_um.view());
    add_wave_table(writer, s.detector);
    writer.close();
  }
  const auto image = [&](const std::string& name, const char* kind, const char* unit, View<const float> pixels) {
    io::FitsWriter writer{product_path(folder, name, d, kind)};
    writer.add_empty(Header{});
    writer.add_image("IMAGE", product_cards(d, unit), pixels);
    writer.close();
  };
  image("solid_angle_pixel_map", "cal-sapm", "arcsec2", s.detector.solid_angle());
  image("abs_gain_matrix", "cal-agm", "(MJy / sr) / (electron / s)", s.gain);
  image("dark", "cal-drk", "electron / s", s.dark);
  io::FitsWriter writer{product_path(folder, "average_psf", d, "cal-psf")};
  writer.add_empty(Header{});
  const ZonePsfs cells{s.detector, 11, 11};
  add_psf_cube(writer, "PSF-DATA-CUBE", cells, false);
  writer.close();
}

}  // namespace

void write_calibration(const std::filesystem::path& folder, const Scene& scene) {
  for (const auto& s : scene.detectors) write_detector(folder, *s);
  const auto& any = scene.detectors.front()->detector;
  Image<std::int32_t> strips{any.box()};
  for (int y = 0; y < any.size(); ++y)
    for (int x = 0; x < any.size(); ++x) strips(x, y) = any.strip(x, y);
  io::FitsWriter writer{folder / "spectral_channels_spx_cal-sch-v1-2025-100.fits"};
  writer.add_empty(Header{});
  writer.add_image("CHANNEL_MAP", Header{}, std::as_const(strips).view());
  writer.add_table(Detector::channels());
  writer.close();
}

Table frames_table(const Scene& scene) {
  std::vector<std::string> name, observation;
  std::vector<std::int64_t> detector, exposure, survey, group;
  std::vector<double> ra, dec, angle, mjd, mover_ra, mover_dec;
  for (const auto& key : frames_of(scene)) {
    const auto& e = scene.exposures[key.exposure];
    name.push_back(file_name(scene, key)), observation.push_back(e.observation());
    detector.push_back(scene.detectors[key.detector]->detector.number()), exposure.push_back(e.index), survey.push_back(e.survey + 1), group.push_back(e.group + 1);
    ra.push_back(e.attitude.centre.ra_deg), dec.push_back(e.attitude.centre.dec_deg), angle.push_back(e.attitude.position_angle_deg), mjd.push_back(e.mjd);
    const auto mover = mover_in(scene, e);
    mover_ra.push_back(mover.ra_deg), mover_dec.push_back(mover.dec_deg);
  }
  Table t;
  t.name = "truth_frames";
  t.add("name", std::move(name), "", "File name", "meta.id;meta.file");
  t.add("obsid", std::move(observation), "", "OBSID", "meta.id");
  t.add("detector", std::move(detector), "", "Detector 1 to 6", "instr.det");
  t.add("exposure", std::move(exposure), "", "Number of the exposure, from 0", "meta.id");
  t.add("survey", std::move(survey), "", "Number of the survey, from 1");
  t.add("group", std::move(group), "", "Number of the target group, from 1");
  t.add("ra", std::move(ra), "deg", "Right ascension of the detector's reference pixel", "pos.eq.ra;meta.main");
  t.add("dec", std::move(dec), "deg", "Declination of the detector's reference pixel", "pos.eq.dec;meta.main");
  t.add("position_angle", std::move(angle), "deg", "Direction of the y axis, east of north", "pos.posAng");
  t.add("mjd", std::move(mjd), "d", "Middle of the exposure", "time.epoch");
  if (!(scene.options.mover.mover_flux_ujy > 0)) return t;
  t.add("mover_ra", std::move(mover_ra), "deg", "Right ascension of the moving object", "pos.eq.ra");
  t.add("mover_dec", std::move(mover_dec), "deg", "Declination of the moving object", "pos.eq.dec");
  return t;
}

Table fluxes_table(const Scene& scene, const std::vector<std::vector<MeasuredTruth>>& frames) {
  std::vector<std::int64_t> id;
  std::vector<std::int32_t> detector, exposure;
  std::vector<double> x, y, centre, width, flux;
  const auto keys = frames_of(scene);
  for (std::size_t f = 0; f < frames.size(); ++f)
    for (const auto& m : frames[f]) {
      id.push_back(m.id), detector.push_back(scene.detectors[keys[f].detector]->detector.number()), exposure.push_back(scene.exposures[keys[f].exposure].index);
      x.push_back(m.x), y.push_back(m.y), centre.push_back(m.centre_um), width.push_back(m.width_um), flux.push_back(m.flux_ujy);
    }
  Table t;
  t.name = "truth_fluxes";
  t.add("id", std::move(id), "", "Number of the source", "meta.id");
  t.add("detector", std::move(detector), "", "Detector 1 to 6", "instr.det");
  t.add("exposure", std::move(exposure), "", "Number of the exposure, from 0", "meta.id");
  t.add("x", std::move(x), "pixel", "Place on the frame, counted from 0", "pos.cartesian.x");
  t.add("y", std::move(y), "pixel", "Place on the frame, counted from 0", "pos.cartesian.y");
  t.add("wavelength", std::move(centre), "um", "Wavelength of the detector there", "em.wl.central");
  t.add("bandwidth", std::move(width), "um", "Full width of the bandpass there", "instr.bandwidth");
  t.add("flux", std::move(flux), "uJy", "Flux density through that bandpass", "phot.flux.density");
  return t;
}

}  // namespace tessera::simulate_spherex
