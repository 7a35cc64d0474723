#include "tessera/translate/mopex_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "tessera/base/text.h"

namespace tessera::translate::mopex {

using param::LegacySetting;

namespace {

std::string degrees_to_arcsec(double degrees) { return text::from_double(std::round(std::abs(degrees) * 3600 * 1e9) / 1e9); }

bool is_y(const LegacySetting& s) { return text::lower(s.key).ends_with("_y"); }

}  // namespace

bool is_given(const Import& import, std::string_view key) {
  const LegacySetting* s = import.config().find("", key);
  return s && !s->value.empty();
}

namespace {

// The guide's FIF.tbl has the frames' pixels, and those of the mosaic come from here.
void resize_grid(Import& import, const LegacySetting& s) {
  if (!import.on("run_fiducial_image_frame")) import.set("grid.file_pixels", "resize", fmt::format("of a given FIF the area counts, and {} for its pixels", s.key));
}

}  // namespace

void pixel_size(Import& import, const LegacySetting& s) {
  const auto n = import.number(s);
  if (!n) return;
  if (*n > 0 && !is_y(s)) import.warn(s.line, "MOPEX refuses a positive MOSAIC_PIXEL_SIZE_X; its size is taken");
  if (*n == 0) return import.note(Fate::refused, s, "a pixel has a size; the default stays");
  import.set(is_y(s) ? "grid.pixel_scale_y" : "grid.pixel_scale", degrees_to_arcsec(*n), s, "degrees to arcsec");
  resize_grid(import, s);
}

void pixel_ratio(Import& import, const LegacySetting& s) {
  if (is_given(import, "MOSAIC_PIXEL_SIZE_X")) return import.note(Fate::unused, s, "MOSAIC_PIXEL_SIZE_X is given, and wins");
  const auto n = import.number(s);
  if (!n) return;
  import.set(is_y(s) ? "grid.oversample_y" : "grid.oversample", text::from_double(*n), s);
  resize_grid(import, s);
}

void rotation(Import& import, const LegacySetting& s) {
  if (text::lower(s.value) == "a") return void(import.set("grid.rotation", "mean", s, "A: mean orientation of the frames"));
  if (const auto n = import.number(s)) import.set("grid.rotation", text::from_double(*n), s);
}

void sky_frame(Import& import, const LegacySetting& s) {
  const std::string v = text::lower(s.value);
  import.set("grid.frame", v == "j2000" || v == "equatorial" ? "icrs" : v, s);
}

void projection(Import& import, const LegacySetting& s) {
  const std::string code = text::upper(s.value);
  const bool plain = code.size() == 3 && std::all_of(code.begin(), code.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
  if (!plain) return import.note(Fate::refused, s, "a projection is three letters; the default stays");
  import.set("grid.projection", code, s);
}

void fatal_bits(Import& import, const LegacySetting& s) {
  const auto n = import.number(s);
  if (!n) return;
  if (*n < 0 || *n > 4294967295.0 || *n != std::floor(*n)) return import.note(Fate::refused, s, "not a bit pattern; the bits of the profile stay");
  import.set("input.fatal_bits", *n == 0 ? "none" : fmt::format("{:.0f}", *n), s);
}

void pmask_bits(Import& import, const LegacySetting& s) {
  const auto n = import.number(s);
  if (!n) return;
  if (*n < 0 || *n > 4294967295.0 || *n != std::floor(*n)) return import.note(Fate::refused, s, "not a bit pattern; every bit counts");
  import.set("input.pmask_fatal_bits", *n == 0 ? "none" : fmt::format("{:.0f}", *n), s);
}

// mosaic.pl sets no parameters for this module: the guide's defaults count.
void fix_coverage(Import& import, const LegacySetting& s) {
  const bool on = import.on("run_fix_coverage");
  const auto limit = [&](std::string_view key, std::string_view option, const char* otherwise) {
    const LegacySetting* given = import.config().find("FIX_COVERAGE", key);
    const auto n = on && given && !given->value.empty() ? import.number(*given) : std::nullopt;
    if (n) import.set(option, text::from_double(*n), *given);
    else if (on) import.set(option, otherwise, "run_fix_coverage, with the guide's value");
  };
  limit("Min_Single_Coverage", "coadd.min_single_coverage", "0.95");
  limit("Min_Block_Coverage", "coadd.min_block_coverage", "0.83");
  import.note(on ? Fate::same : Fate::unused, s, on ? "coadd.min_single_coverage and coadd.min_block_coverage" : "off");
}

void rmask_mosaic(Import& import, const LegacySetting& s) {
  if (import.on(s.key)) import.set("output.rmask_mosaic", "true", s, "mosaic_rmask.fits: bits, and numbers of frames in extensions", Fate::differs);
  else import.note(Fate::unused, s, "off");
}

static bool rejects_by(const Import& import, std::string_view scheme) {
  const auto method = import.values().find("rejection.method");
  return method != import.values().end() && method->second.value.find(scheme) != std::string::npos;
}

void outlier_mosaic(Import& import, const LegacySetting& s) {
  if (!import.on(s.key)) return import.note(Fate::unused, s, "off");
  if (!rejects_by(import, "temporal") && !rejects_by(import, "box")) return import.note(Fate::unused, s, "no temporal outliers are looked for");
  import.set("output.outlier_mosaic", "true", s);
}

void dual_outlier_mosaic(Import& import, const LegacySetting& s) {
  if (!import.on(s.key)) return import.note(Fate::unused, s, "off");
  if (!rejects_by(import, "dual")) return import.note(Fate::unused, s, "no dual outliers are looked for");
  import.set("output.dual_outlier_mosaic", "true", s, "a mean of signs; MOPEX averages the numbers of clusters", Fate::differs);
}

void grid_file(Import& import, const LegacySetting& s) {
  if (import.on("run_fiducial_image_frame")) return import.note(Fate::unused, s, "run_fiducial_image_frame = 1 makes the grid from the frames");
  import.flag("--grid", param::legacy::printable(s.value));
  import.note(Fate::command_line, s, fmt::format("--grid {}; MOSAIC_PIXEL_SIZE or MOSAIC_PIXEL_RATIO set the pixels, if given", param::legacy::printable(s.value)));
}

void threads(Import& import, const LegacySetting& s) {
  const LegacySetting* mode = import.config().find("", "do_multiprocess");
  if (!mode || text::lower(mode->value) != "manual") return import.note(Fate::unused, s, "counts with do_multiprocess = manual only; all processors are used");
  const auto n = import.number(s);
  if (n && *n == std::floor(*n)) import.set("run.threads", fmt::format("{:.0f}", *n), s);
  else if (n) import.note(Fate::refused, s, "a whole number was expected; all processors are used");
}

void interpolation(Import& import, const LegacySetting& s) {
  static constexpr std::array<std::string_view, 5> methods{"", "area", "drizzle", "grid", "cubic"};
  const auto n = import.number(s);
  if (!n) return;
  if (*n < 1 || *n > 4 || *n != std::floor(*n)) return import.note(Fate::refused, s, "1 (area), 2 (drizzle), 3 (grid) or 4 (cubic) was expected; area stays");
  const std::string name{methods[static_cast<std::size_t>(*n)]};
  if (import.offers("interpolation.method", name)) return void(import.set("interpolation.method", name, s));
  import.set("interpolation.method", "area", "INTERP_METHOD asks for another method");
  import.note(Fate::missing, s, name + " interpolation; the exact area overlap is used instead");
}

void fineres(Import& import, const LegacySetting& s) {
  const auto n = import.number(s);
  if (!n) return;
  if (*n != std::floor(*n) || *n < 0 || *n > 16) return import.note(Fate::refused, s, "a whole number up to 16 was expected; pixels are not divided");
  if (*n <= 1) return import.note(Fate::unneeded, s, "pixels are not divided");
  import.set("interpolation.fineres", text::from_double(*n), s);
}

void bright_objects(Import& import, const LegacySetting& s) {
  if (import.on("mask_bright")) return import.note(Fate::always, s, "bright objects are left out of the match; background.object_threshold");
  import.set("background.object_threshold", "1000", s, "so far from the sky that nothing is masked");
}

void overlap_threshold(Import& import, const LegacySetting& s) {
  if (!import.on("compute_overlap_correction")) return import.note(Fate::unused, s, "run_mosaic_dual_outlier is off, or its bit is not fatal");
  if (import.config().find("", "mask_bright") && !import.on("mask_bright")) return import.note(Fate::unused, s, "mask_bright is off");
  if (const auto n = import.number(s)) import.set("background.object_threshold", text::from_double(*n), s, "on both sides of the local sky here, above it only in MOPEX", Fate::differs);
}

// &DETECT masks bright objects in overlap.pl; in mosaic.pl it is the first module of the dual outliers.
void of_detection(Import& import, const LegacySetting& s) {
  if (import.on("compute_overlap_correction")) import.note(Fate::unneeded, s, "bright pixels are masked one by one, not as objects");
  else import.note(Fate::unused, s, "run_mosaic_dual_outlier is off, or its bit is not fatal");
}

void weights(Import& import, const LegacySetting& s) {
  const bool by_time = text::lower(s.key) == "integ_time_kwd";
  const LegacySetting* use = import.config().find("MOSAICCOADDIN", "USE_INT_TIME_KWD");
  const bool wanted = by_time ? !use || use->value != "0" : import.on(s.key);
  if (!wanted) return import.note(Fate::unused, s, "off: frames count by their coverage");
  if (by_time) import.set("input.exposure_card", param::legacy::printable(s.value), fmt::format("INTEG_TIME_KWD = {}", param::legacy::printable(s.value)));
  const std::string exact = by_time ? "exposure" : "sigma";
  if (import.offers("coadd.weights", exact)) return void(import.set("coadd.weights", exact, s));
  const std::string_view remark =
      by_time ? "the sky variance of a frame takes the place of its exposure time" : "one sky variance per frame, not sigma of each pixel, which biases stars";
  import.set("coadd.weights", "sky_variance", s, remark, Fate::differs);
}

void threshold_option(Import& import, const LegacySetting& s) {
  if (s.value != "1" && s.value != "2") return import.note(Fate::refused, s, "1 or 2 was expected; 1 stays");
  import.set("rejection.scatter", s.value == "1" ? "mad" : "gap", s);
}

// The guide, 4.3.5 and 5.6.6: the background of single frames, which Detect and Detect Radhit stand on.
void frame_sky(Import& import, const LegacySetting& s) {
  if (!import.on(s.key)) return import.note(Fate::unused, s, "off");
  const LegacySetting* panels = import.config().find("MEDFILTER", "Use_Sbkg_for_Med");
  import.set("frame_sky.method", panels && !panels->value.empty() && !is_off(panels->value) ? "panels" : "median", s);
}

void noise_model(Import& import, const LegacySetting& s) {
  if (!import.on(s.key)) return import.note(Fate::unused, s, "off");
  const LegacySetting* gain = import.config().find("SNESTIMATORIN", "Gain");
  if (!gain || gain->value.empty()) return import.note(Fate::refused, s, "&SNESTIMATORIN has no Gain; uncertainties are those that come with the frames, or a model of gain and read noise in their headers");
  import.note(Fate::same, s, "input.gain, input.read_noise and input.confusion_noise take the place of the uncertainties that come with the frames");
}

void multiprocess(Import& import, const LegacySetting& s) {
  const std::string v = text::lower(s.value);
  if (v == "off") return void(import.set("run.threads", "1", s));
  if (v == "manual") return import.note(Fate::same, s, "see ncpu_multiprocess");
  import.note(v == "on" ? Fate::same : Fate::refused, s, v == "on" ? "all processors are used" : "on, off or manual was expected; all processors are used");
}

void zodi_files(Import& import, const LegacySetting& s) {
  if (!import.on(s.key)) return import.note(Fate::unused, s, "off");
  if (!import.on("apply_zodiacal_correction") && !import.on("apply_zodiacal_subtraction")) return import.note(Fate::unused, s, "no zodiacal light is subtracted: apply_zodiacal_subtraction is off");
  import.note(Fate::always, s, "a mosaic needs no such files; tessera mopex overlap.pl writes them, and tessera overlap with output.zodi_subtracted");
}

void verbosity(Import& import, const LegacySetting& s) {
  import.set("run.verbosity", import.on(s.key) ? "verbose" : "normal", s);
}

// The guide, 4.3.4: pixels around a grid that is made from the frames, or (negative) what a frame must reach into a given one.
void margin(Import& import, const LegacySetting& s) {
  const auto n = import.number(s);
  if (!n) return;
  if (*n == 0) return import.note(Fate::unneeded, s, "nothing is added");
  if (*n != std::floor(*n)) return import.note(Fate::refused, s, "a whole number of pixels was expected; the default stays");
  import.set("grid.margin", fmt::format("{:.0f}", *n), s);
}

void moving_object(Import& import, const LegacySetting& s) {
  const auto n = import.number(s);
  if (!n) return;
  if (*n == 0) return import.note(Fate::unused, s, "0: a mosaic of the sky");
  if (*n < 1 || *n != std::floor(*n)) return import.note(Fate::refused, s, "the number of a frame, from 1, was expected; a mosaic of the sky is made");
  if (import.set("grid.moving_reference", fmt::format("{:.0f}", *n), s, "the sphere is turned where MOPEX shifts coordinates")) import.set("grid.moving", "header", "MOVING_OBJECT_MOSAIC names a frame");
}

void refined_pointing(Import& import, const LegacySetting& s) {
  if (!import.on(s.key)) return import.note(Fate::unused, s, "off");
  import.set("input.pointing", "refined", s);
}

void minimum_mosaic(Import& import, const LegacySetting& s) {
  if (!import.on(s.key)) return import.note(Fate::unused, s, "off");
  import.set("coadd.method", "minimum", s);
}

static bool wants_array_correction(const Import& import) { return import.on("make_array_corr_files") || import.on("make_array_corr_mosaic"); }

void array_image(Import& import, const LegacySetting& s) {
  if (!wants_array_correction(import)) return import.note(Fate::unused, s, "make_array_corr_mosaic is off");
  const bool area = text::lower(s.key) == "array_pixarea_image";
  import.set(area ? "output.array_pixel_area" : "output.array_correction", param::legacy::printable(s.value), s, area ? "the correction is divided by it" : "");
}

void array_module(Import& import, const LegacySetting& s) {
  const LegacySetting* image = import.config().find("", "ARRAY_CORR_IMAGE");
  if (!import.on(s.key)) return import.note(Fate::unused, s, "off");
  if (!image || image->value.empty()) return import.note(Fate::refused, s, "there is no ARRAY_CORR_IMAGE");
  import.note(text::lower(s.key) == "make_array_corr_files" ? Fate::unneeded : Fate::same, s, "mosaic_arraycorr.fits is made from output.array_correction; no file per frame is needed for it");
}

namespace {

std::optional<double> samples_along_x(Import& import, const LegacySetting& s) {
  const auto* x = import.config().find(s.block, "PRF_ResampleX_Factor");
  return x && !x->value.empty() ? import.number(*x) : std::nullopt;
}

}  // namespace

void sampling_y(Import& import, const LegacySetting& s) {
  const auto n = import.number(s), other = samples_along_x(import, s);
  if (n && other && *n != *other) {
    const std::string block = text::lower(s.block);
    const std::string_view option = block == "pointsourceprob" ? "detection.psf_samples_per_pixel_y" : block == "prf_estimate" ? "estimate.samples_per_pixel_y" : "psf.samples_per_pixel_y";
    return void(import.set(option, text::from_double(*n), s));
  }
  import.note(Fate::same, s, "as PRF_ResampleX_Factor");
}

std::optional<double> in_image_pixels(Import& import, const LegacySetting& s) {
  const auto radius = import.number(s), samples = samples_along_x(import, s);
  if (!radius) return {};
  if (samples && *samples > 0) return *radius / *samples;
  import.note(Fate::refused, s, "PRF pixels without PRF_ResampleX_Factor; flux is 1 within the whole table");
  return {};
}

// For keys that read_outliers() and read_matching() have dealt with before; only what they left gets here.
void left_over(Import& import, const LegacySetting& s) { import.note(Fate::unused, s, "its module is off"); }

}  // namespace tessera::translate::mopex
