#include "tessera/simulate_spherex/frame_cards.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <tuple>

#include "tessera/simulate/stack.h"
#include "tessera/simulate_spherex/frame_file.h"
#include "tessera/spherex/flags.h"

namespace tessera::simulate_spherex {
namespace {

constexpr double radian = std::numbers::pi / 180;
constexpr double day_s = 86400;
using Text = std::string;

/// Flags that published headers name in cards MP_…, with their words.
struct FlagCard {
  const char* name;
  const char* words;
};
constexpr FlagCard flag_words[] = {{"TRANSIENT", "Transient detected during SUR"},
                                   {"OVERFLOW", "Overflow detected during SUR"},
                                   {"SUR_ERROR", "Error in onboard processing"},
                                   {"PHANTOM", "Phantom pixel"},
                                   {"REFERENCE", "Reference pixel"},
                                   {"NONFUNC", "Permanently unusable"},
                                   {"DICHROIC", "Low efficiency due to dichroic"},
                                   {"MISSING_DATA", "Onboard data lost"},
                                   {"HOT", "Hot pixel"},
                                   {"COLD", "Anomalously low signal"},
                                   {"FULLSAMPLE", "Pixel full sample history is available"},
                                   {"PHANMISS", "Phantom correction was not applied"},
                                   {"NONLINEAR", "Nonlinearity correction cannot be applied reliably"},
                                   {"PERSIST", "Persistent charge above threshold"},
                                   {"OUTLIER", "Pixel flagged by Detect Outliers"},
                                   {"SOURCE", "Pixel mapped to a known source"},
                                   {"GHOST", "Affected by a bright source inside the exposure"},
                                   {"GHOST_FPA", "Affected by a bright source on another detector"},
                                   {"GHOST_EXT", "Pixel affected by a bright source outside FOV"},
                                   {"BLOOM", "Pixel part of a bloom artifact"},
                                   {"SNOWBALL", "Pixel part of a snowball artifact"},
                                   {"HALO", "Pixel part of a transient halo"},
                                   {"CROSSTALK", "Pixel affected by crosstalk"},
                                   {"STREAK", "Pixel part of a streak"},
                                   {"SATELLITE_HALO", "Pixel part of a satellite halo"}};
constexpr std::size_t published = 22;  // flags with cards in quick release 2; the others are written where they are made

int bit_of(const char* name) {
  for (const auto& f : spherex::flags())
    if (f.name == name) return f.bit;
  return -1;
}

std::int64_t count(const Planes& p, const char* name) {
  const auto mask = static_cast<std::int32_t>(spherex::flag_mask(name));
  return std::ranges::count_if(p.flags.pixels(), [&](std::int32_t v) { return (v & mask) != 0; });
}

std::int64_t count_without(const Planes& p, const char* name, std::initializer_list<const char*> others) {
  const auto mask = static_cast<std::int32_t>(spherex::flag_mask(name));
  std::int32_t bad = 0;
  for (const char* other : others) bad |= static_cast<std::int32_t>(spherex::flag_mask(other));
  return std::ranges::count_if(p.flags.pixels(), [&](std::int32_t v) { return (v & mask) != 0 && (v & bad) == 0; });
}
constexpr std::initializer_list<const char*> bad_pixels{"NONFUNC", "HOT", "COLD", "SUR_ERROR", "MISSING_DATA"};

/// The counts "L2 N_…" in the order of a published header; that of FLAGS has two more.
void add_counts(Header& h, const Planes& p, bool of_flags) {
  const auto set = [&](const char* key, const char* name, const char* words) { h.set(Text{"L2 N_"} + key, count(p, name), words); };
  set("OUTLIER", "OUTLIER", "number of flagged outlier pixels");
  set("TRANSIENT", "TRANSIENT", "number of flagged transient pixels");
  set("OVERFLOW", "OVERFLOW", "number of flagged overflow pixels");
  set("SUR_ERROR", "SUR_ERROR", "number of flagged sur error pixels");
  if (of_flags) h.set("L2 N_PHANTOM", std::int64_t{0}, "number of flagged phantom pixels"), h.set("L2 N_REFERENCE", std::int64_t{0}, "number of flagged reference pixels");
  set("NONFUNC", "NONFUNC", "number of flagged nonfunctional pixels");
  set("DICHROIC", "DICHROIC", "number of flagged pixels due to low efficiency");
  set("MISSING", "MISSING_DATA", "number of flagged pixels with missing data");
  set("FULLSAMPLE", "FULLSAMPLE", "number of flagged full-sample pixels");
  set("PHANMISS", "PHANMISS", "number of flagged phanmiss pixels");
}

/// A circular polar orbit of 98 minutes over the terminator.
struct Orbit {
  static constexpr double radius_km = 7028, period_s = 98 * 60, speed_km_s = 2 * std::numbers::pi * radius_km / period_s;
  double turn, node;  // radians
  explicit Orbit(double mjd) : turn{2 * std::numbers::pi * std::fmod(mjd * day_s / period_s, 1.0)}, node{(earth_at(mjd).longitude_deg + 90) * radian} {}
};

void add_orbit(Header& h, double mjd) {
  const auto cards = [&](const Text& suffix, double at, const char* words) {
    const Orbit o{at};
    h.set("X_SC" + suffix, o.radius_km * std::cos(o.turn) * std::cos(o.node), fmt::format("[km] Exposure {} x position", words));
    h.set("Y_SC" + suffix, o.radius_km * std::cos(o.turn) * std::sin(o.node), fmt::format("[km] Exposure {} y position", words));
    h.set("Z_SC" + suffix, o.radius_km * std::sin(o.turn), fmt::format("[km] Exposure {} z position", words));
    h.set("VX_SC" + suffix, -o.speed_km_s * std::sin(o.turn) * std::cos(o.node), fmt::format("[km/s] Exposure {} v_x velocity", words));
    h.set("VY_SC" + suffix, -o.speed_km_s * std::sin(o.turn) * std::sin(o.node), fmt::format("[km/s] Exposure {} v_y velocity", words));
    h.set("VZ_SC" + suffix, o.speed_km_s * std::cos(o.turn), fmt::format("[km/s] Exposure {} v_z velocity", words));
  };
  cards("_START", mjd - exposure_s / 2 / day_s, "START");
  h.set("XYZ_SC_SYSTEM", Text{"GEOCENTER"}, "Reference frame for spacecraft position");
  h.set("VXYZ_SC_SYSTEM", Text{"GEOCENTER"}, "Reference frame for spacecraft velocity");
  cards("", mjd, "MID");
  cards("_END", mjd + exposure_s / 2 / day_s, "END");
}

/// The point of the Earth below, turned by mean sidereal time, and its least distance from the middle of the South Atlantic anomaly (26 S, 50 W).
void add_ground_track(Header& h, double mjd) {
  const auto below = [](double at) {
    const Orbit o{at};
    const double sidereal_deg = 280.46061837 + 360.98564736629 * (at - 51544.5);
    const double longitude = std::atan2(std::cos(o.turn) * std::sin(o.node), std::cos(o.turn) * std::cos(o.node)) / radian - sidereal_deg;
    return std::pair{std::asin(std::sin(o.turn)) / radian, longitude - 360 * std::floor(longitude / 360)};
  };
  double least = 180;
  for (int k = -4; k <= 4; ++k) {
    const auto [latitude, longitude] = below(mjd + k * exposure_s / 8 / day_s);
    const double cosine = std::sin(latitude * radian) * std::sin(-26 * radian) + std::cos(latitude * radian) * std::cos(-26 * radian) * std::cos((longitude - 310) * radian);
    least = std::min(least, std::acos(std::clamp(cosine, -1.0, 1.0)) / radian);
  }
  const auto rounded = [](double deg) { return std::round(deg * 1e6) / 1e6; };
  h.set("SGT_LAT_MIDPT", rounded(below(mjd).first), "[deg] Ground track latitude at midpoint");
  h.set("SGT_LON_MIDPT", rounded(below(mjd).second), "[deg] Ground track longitude at midpoint");
  h.set("SGT_MIN_GCD2SAA", rounded(least), "[deg] Closest ground track dist to SAA");
}

/// How well a plate solution did: as a published header has it, but for the stars.
void add_astrometry(Header& h, std::int64_t stars) {
  h.set("DAXIS", 1.34), h.set("CONTRAST", 76.6), h.set("MATCH_NSTARS", stars), h.set("QS_NMATCH_VAR", 0.0118);
  h.set("ASTRONETSOLVED", true);
}

void add_pixel_wcs(Header& h) {
  h.set("WCSAXESA", std::int64_t{2}, "Number of coordinate axes");
  h.set("CRPIX1A", 1.0, "Pixel coordinate of reference point"), h.set("CRPIX2A", 1.0, "Pixel coordinate of reference point");
  h.set("CDELT1A", 1.0, "[pixel] Coordinate increment at reference point"), h.set("CDELT2A", 1.0, "[pixel] Coordinate increment at reference point");
  h.set("CUNIT1A", Text{"pixel"}, "Units of coordinate increment and value"), h.set("CUNIT2A", Text{"pixel"}, "Units of coordinate increment and value");
  h.set("CTYPE1A", Text{"LINEAR"}, "Coordinate type code"), h.set("CTYPE2A", Text{"LINEAR"}, "Coordinate type code");
  h.set("CRVAL1A", 0.0, "[pixel] Coordinate value at reference point"), h.set("CRVAL2A", 0.0, "[pixel] Coordinate value at reference point");
  h.set("LATPOLEA", 90.0, "[deg] Native latitude of celestial pole");
  h.set("WCSNAMEA", Text{"0-based active pixel coordinates"}, "Coordinate system title");
}

void add_times(Header& h, double mjd) {
  const double begin = mjd - exposure_s / 2 / day_s, end = mjd + exposure_s / 2 / day_s;
  h.set("TIMESYS", Text{"UTC"}, "Time scale");
  h.set("MJDREF", 0.0, "[d] MJD of fiducial time");
  h.set("DATE-OBS", iso_date(begin), "ISO-8601 time of observation"), h.set("MJD-OBS", begin, "[d] MJD of observation");
  h.set("DATE-BEG", iso_date(begin), "ISO-8601 time at start of observation"), h.set("MJD-BEG", begin, "[d] MJD at start of observation");
  h.set("DATE-AVG", iso_date(mjd), "ISO-8601 time at midpoint of observation"), h.set("MJD-AVG", mjd, "[d] MJD at midpoint of observation");
  h.set("DATE-END", iso_date(end), "ISO-8601 time at end of observation"), h.set("MJD-END", end, "[d] MJD at end of observation");
  h.set("XPOSURE", exposure_s, "[s] Exposure (integration) time");
  h.set("TELAPSE", elapsed_s, "[s] Elapsed time (start to stop)");
}

void add_wave_wcs(Header& h) {
  constexpr const char* raw = "Lookup table is in raw FITS coordinates";
  h.set("WCSAXESW", std::int64_t{2}, "Two output axes: wavelength and bandwidth");
  h.set("WCSNAMEW", Text{"Approximated per-pixel wavelength and bandwidth"}, "WCS label");
  h.set("CNAME1W", Text{"Wavelength"}, "First output axis is central wavelength"), h.set("CNAME2W", Text{"Bandwidth"}, "Second output axis is bandwidth");
  h.set("CRPIX1W", 1.0, raw), h.set("CRPIX2W", 1.0, raw);
  h.set("CDELT1W", std::int64_t{1}, fmt::format("[pixel] {}", raw)), h.set("CDELT2W", std::int64_t{1}, fmt::format("[pixel] {}", raw));
  h.set("CUNIT1W", Text{"um"}, "Wavelength is reported in microns"), h.set("CUNIT2W", Text{"um"}, "Bandpass is reported in microns");
  h.set("CTYPE1W", Text{"WAVE-TAB"}, "Bilinear lookup table, FITS Paper 3, Sect 6.1"), h.set("CTYPE2W", Text{"WAVE-TAB"}, "Bilinear lookup table, FITS Paper 3, Sect 6.1");
  h.set("CRVAL1W", std::int64_t{1}, fmt::format("[pixel] {}", raw)), h.set("CRVAL2W", std::int64_t{1}, fmt::format("[pixel] {}", raw));
  h.set("PV1_3W", std::int64_t{1}, "Index of wavelength in VALUES array"), h.set("PV2_3W", std::int64_t{2}, "Index of bandwidth in VALUES array");
  h.set("PS1_0W", Text{"WCS-WAVE"}, "Extension with wavelength lookup table"), h.set("PS2_0W", Text{"WCS-WAVE"}, "Extension with bandwidth lookup table");
  h.set("PS1_1W", Text{"VALUES"}, "Column with values for wavelength"), h.set("PS2_1W", Text{"VALUES"}, "Column with values for bandwidth");
  h.set("PS1_2W", Text{"X"}, "Column with control points for detector in X"), h.set("PS2_2W", Text{"Y"}, "Column with control points for detector in Y");
}

/// What the telescope and its electronics were told.
void add_electronics(Header& h, int size) {
  h.set("TSAMP", read_interval_s, "[s] Interval between pixel readouts (frame)");
  for (const auto& [key, words] : {std::pair{"KOVR_A", "active"}, {"KOVR_R", "ref"}, {"KOVR_P", "phantom"}}) h.set(key, std::int64_t{25000}, fmt::format("[adu] Overflow detection limit, {} pixels", words));
  h.set("OVRDLY", std::int64_t{5}, "threshold for overflow error flag");
  h.set("SURLIM", std::int64_t{reads + 2}, "Number of frames detector accumulated charge");
  h.set("SURDLY", std::int64_t{3}, "Frame count when SUR sums accumulation begins");
  h.set("TRANDLY", std::int64_t{7}, "Frame count when transient detection begins");
  h.set("TCUT", std::int64_t{38}, "threshold for transient error flag");
  for (const auto& [key, value, words] : {std::tuple{"KEN_A", 20000, "Transient white noise threshold, active pixels"}, {"KEN_R", 10000, "Transient white noise threshold, ref pixels"}, {"KEN_P", 500, "Transient white noise threshold, phantom pixels"},
                                          {"KSN_A", 100, "Transient shot noise threshold, active pixels"}, {"KSN_R", 0, "Transient shot noise threshold, ref pixels"}, {"KSN_P", 0, "Transient shot noise threshold, phantom pixels"},
                                          {"NSKIP", 32, "Number of rows skipped after a full row is read"}, {"NVISITROW", 4, "Number of visits to each reference row"}, {"NVISITCOL", 1, "Number of visits to each reference col"}})
    h.set(key, std::int64_t{value}, words);
  h.set("MPHAN", std::int64_t{4}, "Number of phantom columns reads");
  h.set("NCHANNEL", std::int64_t{32}, "Number of readout channels"), h.set("WCHANNEL", std::int64_t{64}, "Number of columns in each readout channel");
  h.set("JREF", std::int64_t{8}, "Number of physical reference rows on H2RG"), h.set("KREF", std::int64_t{8}, "Number of physical reference cols on H2RG");
  h.set("JACTIVE", std::int64_t{size}, "Number of light-sensitive pixel rows"), h.set("KACTIVE", std::int64_t{size}, "Number of light-sensitive pixel cols");
}

/// Position angle of the y axis from ecliptic north, by a small step along each direction.
double ecliptic_angle(const Attitude& at) {
  const auto from = ecliptic(at.centre), to = ecliptic(simulate::displaced(at.centre, 1e-3, at.position_angle_deg));
  const double east = std::remainder(to.longitude_deg - from.longitude_deg, 360.0) * std::cos(from.latitude_deg * radian);
  return std::atan2(east, to.latitude_deg - from.latitude_deg) / radian;
}

/// Cards that are there already stay where they are.
template <class Wanted>
void append(Header& to, const Header& from, Wanted wanted) {
  for (const auto& card : from.cards())
    if (wanted(card.key)) to.set(card.key, card.value, card.comment);
}
void append(Header& to, const Header& from) {
  append(to, from, [](std::string_view) { return true; });
}

/// A_ORDER, BP_1_0 and the like.
bool of_distortion(std::string_view key) { return (key.starts_with("A") || key.starts_with("B")) && key.find('_') <= 2; }

struct Spread {
  double median = 0, scatter = 0;
};
Spread spread(std::span<const float> values) {
  std::vector<float> sorted{values.begin(), values.end()};
  std::ranges::nth_element(sorted, sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2));
  double sum = 0, squares = 0;
  for (const float v : values) sum += v;
  const double mean = sum / static_cast<double>(values.size());
  for (const float v : values) squares += (v - mean) * (v - mean);
  return {sorted[sorted.size() / 2], std::sqrt(squares / static_cast<double>(values.size()))};
}

}  // namespace

Header shared_cards(const Scene& scene, FrameKey key) {
  const auto& e = scene.exposures[key.exposure];
  Header h = scene.detectors[key.detector]->detector.sky_cards(e.attitude);
  add_pixel_wcs(h);
  add_times(h, e.mjd);
  add_wave_wcs(h);
  return h;
}

Header image_cards(const Scene& scene, FrameKey key, const Planes& planes) {
  const auto& e = scene.exposures[key.exposure];
  const auto& state = *scene.detectors[key.detector];
  const auto where = ecliptic(e.attitude.centre);
  Header h;
  h.set("EXTTYPE", Text{"IMAGE"}, "Extension supports mask overlay");
  h.set("BUNIT", Text{"MJy / sr"}, "Unit of pixel value");
  h.set("DETECTOR", std::int64_t{state.detector.number()}, "1-3: SWIR, 4-6: MWIR");
  h.set("OBSID", e.observation(), "Observation ID");
  h.set("EXPIDN", std::int64_t{year_day(e.mjd).year} * 100000000 + e.index, "Integer Exposure ID");
  h.set("DATE", iso_date(e.mjd + 3), "HDU creation time (UTC)");
  add_electronics(h, state.detector.size());
  h.set("SPS_TARGET", std::int64_t{e.group + 1}, "Target ID assigned by Survey Planning");
  h.set("SPS_FLAGS", Text{"all_sky"}, "Flags defined by Survey Planning");
  h.set("OBS_IN_SBAND", Text{"False"}, "Observed during S-band transmission");
  h.set("NON_SURVEY", Text{"False"}, "Observation is not part of a science survey");
  add_ground_track(h, e.mjd);
  h.set("SPS_ELON", where.longitude_deg, "[deg] Ecliptic longitude of planned telescope boresight");
  h.set("SPS_ELAT", where.latitude_deg, "[deg] Ecliptic latitude of planned telescope boresight");
  h.set("SPS_EPA", ecliptic_angle(e.attitude), "[deg] PA of FP y axis at planned boresight, E of ecl N");
  h.set("L1DQAFLG", Text{"Pass"}, "L1 DQA outcome");
  const Header placed = shared_cards(scene, key);
  append(h, placed, [](std::string_view k) { return k == "RADESYS"; });
  add_orbit(h, e.mjd);
  h.set("NBLMPIX", count(planes, "BLOOM"), "Number of Pixels Bloom Flag");
  h.set("NHALOPIX", count(planes, "HALO"), "Number of Pixels Halo Flag");
  h.set("NSNOWPIX", count(planes, "SNOWBALL"), "Number of Pixels Snowball Flag");
  h.set("L2 N_NONLINEAR", count(planes, "NONLINEAR"), "number of pixels flagged nonlinear");
  h.set("PSTHRESH", 0.1, "[electron/s] persistence threshold");
  h.set("L2 N_PERSIST", count(planes, "PERSIST"), "number of pixels flagged persist");
  h.set("DETCOORD", Text{"sky"}, "MWIR pixels flipped on X to match SWIR view");
  h.set("L2 N_HOT", count(planes, "HOT"), "number of pixels flagged hot");
  h.set("L2 N_COLD", count(planes, "COLD"), "number of pixels flagged cold");
  h.set("L2 N_TRAN_NB", count_without(planes, "TRANSIENT", bad_pixels), "number of not bad transient pixels");
  h.set("L2 N_PERS_NB", count_without(planes, "PERSIST", bad_pixels), "number of persistence and not bad pixels");
  const auto omega = spread(state.detector.solid_angle().pixels());
  h.set("OMEGA_MEDIAN", omega.median, "[arcsec**2] solid angle pixel map");
  h.set("OMEGA_STDDEV", omega.scatter, "[arcsec**2] solid angle pixel map");
  h.set("FINAST", std::int64_t{0}, "good fine-astrometric solution");
  append(h, state.detector.sky_cards(e.attitude), [](std::string_view k) { return !of_distortion(k); });
  add_astrometry(h, std::ranges::count_if(scene.sources, [&](const Source& s) { return s.sersic_n == 0; }));
  const double share = 100 * static_cast<double>(count(planes, "SOURCE")) / static_cast<double>(planes.flags.pixels().size());
  h.set("PXSRCMSK", std::round(100 * share) / 100, "Percentage of pixels with SOURCE flag");
  h.set("L2 N_SOURCE", count(planes, "SOURCE"), "number of source flagged pixels");
  for (const auto& [name, words] : {std::pair{"GHOST", "ghost"}, {"GHOST_FPA", "ghost_fpa"}, {"GHOST_EXT", "ghost_ext"}}) h.set(Text{"L2 N_"} + name, count(planes, name), fmt::format("number of {} flagged pixels", words));
  h.set("L2 N_BLOOM_NS", count_without(planes, "BLOOM", {"SOURCE"}), "number of BLOOM flagged pixels not flagged SOURCE");
  h.set("L2 N_SNOW_NS", count_without(planes, "SNOWBALL", {"SOURCE"}), "number of SNOW flagged pixels not flagged SOURCE");
  h.set("L2 N_OUTLIER", count(planes, "OUTLIER"), "number of flagged outlier pixels");
  h.set("PSF_FWHM", state.psfs.median_fwhm_arcsec(), "[arcsec] PSF FWHM Median");
  h.set("L2DQAFLG", Text{"Pass"}, "L2 DQA outcome");
  add_counts(h, planes, false);
  h.set("REFCAT.VERSION", Text{"simulated"}, "Reference catalog version");
  append(h, placed);
  h.set("SIMULATE", true, "simulated by tessera; no observation");
  h.set("SIMSEED", static_cast<std::int64_t>(scene.options.seed), "seed of the simulation");
  for (const char* line : {"TELAPSE ends at MJD-END, starts prior to MJD-BEG:", "  includes discarded frames", "XPOSURE is the scientifically meaningful exposure time:",
                           "  the time between the start and end of collecting data that", "  contributes to the photocurrent"})
    h.add_comment(line);
  for (const char* step : {"Create Variance Map", "Apply Flat Field and Photometric Calibration", "Estimate Fine Astrometry", "Create Source Mask", "Detect Outlier Pixels", "Get Zodi Model", "Measure Per-Exposure PSF", "Create Spectral Image"})
    h.add_history(fmt::format("{}, simulated", step));
  return h;
}

Header flag_cards(const Scene& scene, FrameKey key, const Planes& planes) {
  Header h;
  add_counts(h, planes, true);
  h.set("BUNIT", Text{""}, "Unit of flag pixel value (dimensionless)");
  h.set("EXTTYPE", Text{"MASK"}, "Extension can be used as a mask overlay");
  const bool newer = scene.options.survey.layout == FileLayout::epsf;
  int number = 0;
  for (std::size_t i = 0; i < std::size(flag_words); ++i) {
    const auto& [name, words] = flag_words[i];
    if (!newer && i >= published && count(planes, name) == 0) continue;
    if (!newer) {
      h.set(fmt::format("MP_{}", name), std::int64_t{bit_of(name)}, words);
    } else {
      ++number;
      h.set(fmt::format("MSKN{:04}", number), Text{name}, words);
      h.set(fmt::format("MSKM{:04}", number), std::int64_t{1} << bit_of(name), "mask value");
    }
  }
  // In the order of published files.
  const Header placed = shared_cards(scene, key);
  append(h, scene.detectors[key.detector]->detector.sky_cards(scene.exposures[key.exposure].attitude), [](std::string_view k) { return k != "RADESYS" && !of_distortion(k); });
  append(h, placed, [](std::string_view k) { return k == "MJDREF"; });
  append(h, placed);
  return h;
}

}  // namespace tessera::simulate_spherex
