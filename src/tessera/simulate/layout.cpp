#include "tessera/simulate/layout.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <type_traits>

#include <fmt/format.h>

namespace tessera::simulate {

namespace {

/// Mask values of the defects. IRAC: bits of the imask (Instrument Handbook 7.1); MIPS: 24 µm bmask; HST: ACS DQ
/// array (Data Handbook 3.5); JWST: data quality flags of the calibration pipeline's documentation.
struct MaskBits {
  std::int32_t dead, hot, saturated, cosmic;
};
MaskBits mask_bits(Layout layout) {
  switch (layout) {
    case Layout::hst: return {4, 16, 256, 4096};
    case Layout::jwst: return {1 | 1024, 1 | 2048, 1 | 2, 4};
    default: return {1 << 14, 1 << 14, 1 << 13, 1 << 9};
  }
}

/// YYYY-MM-DDThh:mm:ss.sss of a modified Julian date (proleptic Gregorian; Fliegel & Van Flandern 1968).
std::string iso_date(double mjd) {
  const double day = std::floor(mjd);
  long long ms = std::llround((mjd - day) * 86400000);
  long long l = static_cast<long long>(day) + 2400001 + 68569;
  if (ms >= 86400000) ms -= 86400000, ++l;
  const long long n = 4 * l / 146097;
  l -= (146097 * n + 3) / 4;
  const long long i = 4000 * (l + 1) / 1461001;
  l -= 1461 * i / 4 - 31;
  const long long j = 80 * l / 2447, d = l - 2447 * j / 80, k = j / 11;
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}", 100 * (n - 49) + i + k, j + 2 - 12 * k, d, ms / 3600000, ms / 60000 % 60,
                     ms / 1000 % 60, ms % 1000);
}

void set_text(Header& h, const char* key, const std::string& value, const char* comment = "") { h.set(key, value, comment); }
void set_int(Header& h, const char* key, std::int64_t value, const char* comment = "") { h.set(key, value, comment); }
void set_real(Header& h, const char* key, double value, const char* comment = "") { h.set(key, value, comment); }

void add_wcs(Header& h, const Scene& scene, std::size_t index) {
  const Header wcs = wcs_cards(scene, index);
  for (const Card& card : wcs.cards()) h.add(card);
}

void mark_as_simulated(Header& h, const Scene& scene, std::size_t index) {
  h.set("SIMULATE", true, "made by tessera simulate, no observation");
  set_int(h, "SIMSEED", scene.options.stack.seed, "seed of the simulation");
  set_int(h, "SIMFRAME", scene.pointings[index].frame, "number of the frame in it, from 0");
}

/// IRAC and MIPS share the Spitzer pipeline's cards.
Header spitzer_header(const Scene& scene, std::size_t index, bool science) {
  const Camera& c = scene.camera;
  const Pointing& p = scene.pointings[index];
  const bool irac = c.layout == Layout::irac;
  Header h;
  set_text(h, "ORIGIN", "tessera", "Organization generating this FITS file");
  set_text(h, "TELESCOP", "Spitzer", "SPITZER Space Telescope");
  set_text(h, "INSTRUME", irac ? "IRAC" : "MIPS", "SPITZER Space Telescope instrument ID");
  set_int(h, "CHNLNUM", 1, "1 digit instrument channel number");
  set_text(h, "EXPTYPE", "sci", "Exposure Type");
  set_text(h, "AOT_TYPE", irac ? "IracMapPC" : "MipsPhot", "Observation template type");
  set_text(h, "OBJECT", "SIMULATION", "Target Name");
  set_text(h, "DATE_OBS", iso_date(p.mjd), "Date & time (UTC) at DCE start");
  set_real(h, "MJD_OBS", p.mjd, "[days] MJD in UTC at DCE start (,JD-2400000.5)");
  if (!science) {
    mark_as_simulated(h, scene, index);
    return h;
  }
  set_real(h, "FRAMTIME", c.frame_time_s, "[sec] Time spent integrating (whole array)");
  set_real(h, "EXPTIME", c.exposure_s, "[sec] Effective integration time per pixel");
  set_text(h, "BUNIT", "MJy/sr", "Units of image data");
  set_real(h, "FLUXCONV", c.flux_conversion, "Flux Conv. factor (MJy/sr per DN/sec)");
  set_real(h, "GAIN", c.gain, "e/DN conversion");
  set_real(h, "RONOISE", c.read_noise_e, "[Electrons] Readout Noise from Array");
  set_real(h, "ZODY_EST", std::max(0.0, scene.options.sky.level), "[MJy/sr] Zodiacal Background Estimate");
  add_wcs(h, scene, index);
  set_real(h, "PXSCAL1", -c.pixel_scale_arcsec, "[arcsec/pix] Scale for axis 1 at CRPIX1,CRPIX2");
  set_real(h, "PXSCAL2", c.pixel_scale_arcsec, "[arcsec/pix] Scale for axis 2 at CRPIX1,CRPIX2");
  set_real(h, "PA", p.position_angle_deg, "[deg] Position angle of axis 2 (E of N)");
  set_int(h, "AORKEY", 99999999, "AOR or EIR key");
  set_int(h, "EXPID", p.frame % 10000, "Exposure ID (0-9999)");
  set_int(h, "DCENUM", 0, "DCE number (0-9999)");
  mark_as_simulated(h, scene, index);
  return h;
}

Header imask_header(const Scene& scene, std::size_t index) {
  static constexpr std::array<const char*, 15> meaning{
      "Overall data quality of imask pixel", "Reserved for future use", "Set if optical ghost present", "Set if stray light present",
      "Set if saturation corrected in pipeline", "Set if muxbleed/bandwidth effect present", "Set if banding present",
      "Set if column pulldown present", "Set if crosstalk present", "Set if pixel contains radhit", "Set if pixel contains latent image",
      "Set if flat field was not applied", "Set if pixel is not linear", "Set if pixel is uncorrected saturation", "Set if data is bad or missing"};
  Header h = spitzer_header(scene, index, false);
  if (scene.camera.layout == Layout::irac)
    for (std::size_t bit = 0; bit < meaning.size(); ++bit) h.set(fmt::format("BIT{:02}", bit), std::int64_t{1} << bit, meaning[bit]);
  return h;
}

/// Erg per second, cm², Å for one electron per second in the reference pixel.
double photflam(const Camera& c, double solid_angle_sr) {
  const double fnu_cgs = c.exposure_s / c.electrons_per_mjysr() * solid_angle_sr * 1e6 * 1e-23;
  const double angstrom = c.wavelength_um * 1e4;
  return fnu_cgs * 2.99792458e18 / (angstrom * angstrom);
}

double reference_solid_angle(const Scene& scene) {
  const Camera& c = scene.camera;
  return scene.solid_angle(std::clamp(static_cast<int>(c.crpix1()) - 1, 0, c.width - 1), std::clamp(static_cast<int>(c.crpix2()) - 1, 0, c.height - 1));
}

Header hst_primary(const Scene& scene, std::size_t index) {
  const Camera& c = scene.camera;
  const Pointing& p = scene.pointings[index];
  const std::string date = iso_date(p.mjd);
  Header h;
  set_text(h, "FILENAME", frame_name(c, p.frame) + "_flt.fits", "name of file");
  set_text(h, "TELESCOP", "HST", "telescope used to acquire data");
  set_text(h, "INSTRUME", "ACS", "identifier for instrument used to acquire data");
  set_text(h, "DETECTOR", "WFC", "detector in use: WFC, HRC, or SBC");
  set_text(h, "OBSTYPE", "IMAGING", "observation type - imaging or spectroscopic");
  set_text(h, "IMAGETYP", "EXT", "type of exposure identifier");
  set_text(h, "TARGNAME", "SIMULATION", "proposer's target name");
  set_text(h, "DATE-OBS", date.substr(0, 10), "UT date of start of observation (yyyy-mm-dd)");
  set_text(h, "TIME-OBS", date.substr(11, 8), "UT time of start of observation (hh:mm:ss)");
  set_real(h, "EXPSTART", p.mjd, "exposure start time (Modified Julian Date)");
  set_real(h, "EXPEND", p.mjd + c.frame_time_s / 86400, "exposure end time (Modified Julian Date)");
  set_real(h, "EXPTIME", c.exposure_s, "exposure duration (seconds)--calculated");
  set_text(h, "FILTER1", "F606W", "element selected from filter wheel 1");
  set_text(h, "FILTER2", "CLEAR2L", "element selected from filter wheel 2");
  set_text(h, "CCDAMP", "C", "CCD Amplifier Readout Configuration");
  set_real(h, "CCDGAIN", c.gain, "commanded gain of CCD");
  set_real(h, "ATODGNC", c.gain, "calibrated gain for amplifier C");
  set_real(h, "READNSEC", c.read_noise_e, "calibrated read noise for amplifier C in electrons");
  mark_as_simulated(h, scene, index);
  return h;
}

Header jwst_primary(const Scene& scene, std::size_t index) {
  const Camera& c = scene.camera;
  const Pointing& p = scene.pointings[index];
  const std::string date = iso_date(p.mjd);
  Header h;
  set_text(h, "FILENAME", frame_name(c, p.frame) + "_cal.fits", "Name of the file");
  set_text(h, "TELESCOP", "JWST", "Telescope used to acquire the data");
  set_text(h, "INSTRUME", "NIRCAM", "Instrument used to acquire the data");
  set_text(h, "DETECTOR", "NRCA1", "Name of detector used to acquire the data");
  set_text(h, "CHANNEL", "SHORT", "Instrument channel");
  set_text(h, "FILTER", "F200W", "Name of the filter element used");
  set_text(h, "PUPIL", "CLEAR", "Name of the pupil element used");
  set_text(h, "EXP_TYPE", "NRC_IMAGE", "Type of data in the exposure");
  set_text(h, "DATE-OBS", date.substr(0, 10), "[yyyy-mm-dd] UTC date at start of exposure");
  set_text(h, "TIME-OBS", date.substr(11), "[hh:mm:ss.sss] UTC time at start of exposure");
  set_real(h, "EXPSTART", p.mjd, "[d] exposure start time in MJD");
  set_real(h, "EXPMID", p.mjd + c.frame_time_s / 172800, "[d] exposure mid time in MJD");
  set_real(h, "EXPEND", p.mjd + c.frame_time_s / 86400, "[d] exposure end time in MJD");
  set_real(h, "EFFEXPTM", c.exposure_s, "[s] Effective exposure time");
  mark_as_simulated(h, scene, index);
  return h;
}

Header plain_header(const Scene& scene, std::size_t index) {
  const Camera& c = scene.camera;
  const Pointing& p = scene.pointings[index];
  Header h;
  set_text(h, "OBJECT", "SIMULATION");
  set_text(h, "DATE-OBS", iso_date(p.mjd), "start of exposure, UTC");
  set_real(h, "MJD-OBS", p.mjd, "[d] start of exposure");
  set_real(h, "EXPTIME", c.exposure_s, "[s] integration time");
  set_text(h, "BUNIT", "MJy/sr");
  set_real(h, "GAIN", c.electrons_per_mjysr(), "electrons per MJy/sr");
  set_real(h, "RDNOISE", c.read_noise_e, "[electron] read noise");
  add_wcs(h, scene, index);
  mark_as_simulated(h, scene, index);
  return h;
}

template <class T>
Image<T> mask_plane(const Scene& scene, const Image<std::uint8_t>& flags) {
  Image<T> mask{flags.box()};
  for (std::size_t i = 0; i < mask.pixels().size(); ++i)
    mask.pixels()[i] = static_cast<T>(mask_value(scene.camera.layout, flags.pixels()[i], scene.options.defects.cosmic_masked));
  return mask;
}

std::vector<FrameHdus> companion_files(const Scene& scene, std::size_t index, Exposure e) {
  const bool irac = scene.camera.layout == Layout::irac;
  const std::string base = frame_name(scene.camera, scene.pointings[index].frame);
  const Header header = spitzer_header(scene, index, true);
  Image<std::int16_t> mask = mask_plane<std::int16_t>(scene, e.flags);
  const auto one = [&](const std::string& suffix, Header h, auto pixels) {
    FrameHdus file{base + suffix, {}};
    file.hdus.push_back({"", std::move(h), std::move(pixels)});
    return file;
  };
  std::vector<FrameHdus> files;
  files.push_back(one(irac ? "_cbcd.fits" : "_bcd.fits", header, std::move(e.value)));
  files.push_back(one(irac ? "_cbunc.fits" : "_bunc.fits", header, std::move(e.sigma)));
  files.push_back(one(irac ? "_bimsk.fits" : "_bbmsk.fits", imask_header(scene, index), std::move(mask)));
  return files;
}

/// SCI, ERR and DQ of one file. HST: electrons in the pixel; flat-fielded frames hold surface brightness in that unit (the field's
/// pixel area maps exist for that reason), so one factor serves all pixels.
std::vector<FrameHdus> one_file(const Scene& scene, std::size_t index, Exposure e) {
  const Camera& c = scene.camera;
  const bool hst = c.layout == Layout::hst;
  FrameHdus file{frame_name(c, scene.pointings[index].frame) + (hst ? "_flt.fits" : "_cal.fits"), {}};
  file.hdus.push_back({"", hst ? hst_primary(scene, index) : jwst_primary(scene, index), {}});
  const double omega = reference_solid_angle(scene);
  const auto extension = [&](const char* unit, bool wcs) {
    Header h;
    set_int(h, "EXTVER", 1, "extension version number");
    if (hst) h.set("INHERIT", true, "inherit the primary header");
    if (*unit) set_text(h, "BUNIT", unit, "brightness units");
    if (wcs) add_wcs(h, scene, index);
    return h;
  };
  Header sci = extension(hst ? "ELECTRONS" : "MJy/sr", true);
  if (hst) {
    const auto factor = static_cast<float>(c.electrons_per_mjysr());
    for (float& v : e.value.pixels()) v *= factor;
    for (float& v : e.sigma.pixels()) v *= factor;
    set_text(sci, "PHOTMODE", "ACS WFC1 F606W", "observation con");
    set_real(sci, "PHOTFLAM", photflam(c, omega), "inverse sensitivity, ergs/cm2/Ang/electron");
    set_real(sci, "PHOTPLAM", c.wavelength_um * 1e4, "Pivot wavelength (Angstroms)");
    set_real(sci, "ORIENTAT", scene.pointings[index].position_angle_deg, "position angle of image y axis (deg. e of n)");
  } else {
    constexpr double arcsec2_per_sr = 4.254517029615221e10;
    set_real(sci, "PHOTMJSR", c.flux_conversion, "Flux density (MJy/steradian) producing 1 cps");
    set_real(sci, "PIXAR_SR", omega, "Nominal pixel area in steradians");
    set_real(sci, "PIXAR_A2", omega * arcsec2_per_sr, "Nominal pixel area in arcsec^2");
  }
  const Header err = extension(hst ? "ELECTRONS" : "MJy/sr", hst), dq = extension("", hst);
  file.hdus.push_back({"SCI", std::move(sci), std::move(e.value)});
  file.hdus.push_back({"ERR", err, std::move(e.sigma)});
  if (hst)
    file.hdus.push_back({"DQ", dq, mask_plane<std::int16_t>(scene, e.flags)});
  else
    file.hdus.push_back({"DQ", dq, mask_plane<std::int32_t>(scene, e.flags)});
  std::vector<FrameHdus> files;
  files.push_back(std::move(file));
  return files;
}

}  // namespace

std::int32_t mask_value(Layout layout, std::uint8_t flags, bool cosmic_masked) {
  const MaskBits bits = mask_bits(layout);
  std::int32_t value = 0;
  if (flags & Flag::dead) value |= bits.dead;
  if ((flags & Flag::hot) && !(flags & Flag::hidden)) value |= bits.hot;
  if (flags & Flag::saturated) value |= bits.saturated;
  if ((flags & Flag::cosmic) && cosmic_masked) value |= bits.cosmic;
  return value;
}

Header wcs_cards(const Scene& scene, std::size_t index) {
  const Pointing& p = scene.pointings[index];
  Header h = wcs_header(scene.camera, p.header, p.position_angle_deg);
  for (const char* key : {"NAXIS", "NAXIS1", "NAXIS2"}) h.remove(key);  // whoever writes the file knows its size
  return h;
}

std::string frame_name(const Camera& camera, int frame) {
  const char* letters = camera.layout == Layout::irac ? "I1" : camera.layout == Layout::mips ? "M1" : camera.layout == Layout::hst ? "HST"
                        : camera.layout == Layout::jwst ? "JWST" : "PLAIN";
  return fmt::format("SIM_{}_{:04}", letters, frame);
}

std::vector<FrameHdus> lay_out(const Scene& scene, std::size_t index, Exposure e) {
  switch (scene.camera.layout) {
    case Layout::irac:
    case Layout::mips: return companion_files(scene, index, std::move(e));
    case Layout::hst:
    case Layout::jwst: return one_file(scene, index, std::move(e));
    default: break;
  }
  FrameHdus file{frame_name(scene.camera, scene.pointings[index].frame) + ".fits", {}};
  file.hdus.push_back({"", plain_header(scene, index), std::move(e.value)});
  std::vector<FrameHdus> files;
  files.push_back(std::move(file));
  return files;
}

}  // namespace tessera::simulate
