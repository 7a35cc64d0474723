// What the keys of MOPEX namelists become: one rule per key of the guide's chapters 4 and 5, in its order. Keys whose meaning hangs on
// others (the pixel size, outlier schemes and their masks, weights) are read together.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "tessera/base/text.h"
#include "tessera/steps/import_report.h"

namespace tessera::steps {

namespace {

using param::LegacySetting;

constexpr std::string_view own_folder = "no such file is made, or products have fixed names in the output folder; see docs/formats/products.md";
constexpr std::string_view followed = "tessera mopex puts its products there; those of tessera mosaic have fixed names, see docs/formats/products.md";
constexpr std::string_view no_tiles = "tiles in which the work is done follow from run.memory, or run.tile_size; results do not depend on them, and no file is made of them";

std::string degrees_to_arcsec(double degrees) { return text::from_double(std::round(std::abs(degrees) * 3600 * 1e9) / 1e9); }

bool is_y(const LegacySetting& s) { return text::lower(s.key).ends_with("_y"); }

bool is_given(const Import& import, std::string_view key) {
  const LegacySetting* s = import.config().find("", key);
  return s && !s->value.empty();
}

// The guide's FIF.tbl has the frames' pixels, and those of the mosaic come from here.
void resize_grid(Import& import, const LegacySetting& s) {
  if (!import.on("run_fiducial_image_frame")) import.set("grid.file_pixels", "resize", fmt::format("of a given FIF the area counts, and {} for its pixels", s.key));
}

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

bool rejects_by(const Import& import, std::string_view scheme) {
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

bool wants_array_correction(const Import& import) { return import.on("make_array_corr_files") || import.on("make_array_corr_mosaic"); }

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

// For keys that read_outliers() and read_matching() have dealt with before; only what they left gets here.
void left_over(Import& import, const LegacySetting& s) { import.note(Fate::unused, s, "its module is off"); }

const KeyRule rules[] = {
    // Files of one data set.
    {"", "IMAGE_STACK_FILE_NAME", Fate::command_line, "-I", "list of images"},
    {"", "SIGMALIST_FILE_NAME", Fate::command_line, "-S", "list of uncertainties"},
    {"", "DCE_STATUS_MASK_LIST", Fate::command_line, "-d", "list of masks"},
    {"", "OUTPUT_DIR", Fate::command_line, "-o", "output folder"},
    {"", "FIF_FILE_NAME", Fate::command_line, "--grid", "when run_fiducial_image_frame is off; its pixels count where no MOSAIC_PIXEL_SIZE or MOSAIC_PIXEL_RATIO is given", grid_file},
    {"", "RMASK_LIST", Fate::command_line, "-R", "list of outlier masks"},
    {"", "PMASK_FILE_NAME", Fate::command_line, "-M", "mask of permanently bad pixels"},
    {"", "DCE_Status_Mask_Fatal_BitPattern", Fate::same, "input.fatal_bits", "0 is none; not given: the bits of the camera's profile", fatal_bits},
    {"", "PMask_Fatal_BitPattern", Fate::same, "input.pmask_fatal_bits", "0 is none", pmask_bits},
    {"", "RMask_Fatal_BitPattern", Fate::same, "rejection.fatal_bits", "bits 0 to 3 are radhit, temporal, dual and box; schemes whose bit is off are not run", left_over},
    {"", "IMask_Fatal_BitPattern", Fate::unneeded, "", "no key of the guide; DCE_Status_Mask_Fatal_BitPattern counts"},
    {"", "DCE_Status_Mask_Radhit_Bit", Fate::unneeded, "", "names a bit that radiation hits would be written to; masks are never changed"},
    {"", "verbose", Fate::same, "run.verbosity", "", verbosity},
    {"", "NICE", Fate::always, "", "1: tessera mopex runs at the lowest priority; for tessera mosaic say nice before the command"},
    {"", "save_namelist", Fate::always, "", "run.json records every option"},
    {"", "do_multiprocess", Fate::same, "run.threads", "off: 1; on, or not given: all processors; manual: see ncpu_multiprocess", multiprocess},
    {"", "ncpu_multiprocess", Fate::same, "run.threads", "with do_multiprocess = manual", threads},
    // The grid.
    {"", "MOSAIC_PIXEL_SIZE_X", Fate::same, "grid.pixel_scale", "negative degrees become arcsec; with a given FIF grid.file_pixels = resize", pixel_size},
    {"", "MOSAIC_PIXEL_SIZE_Y", Fate::same, "grid.pixel_scale_y", "degrees become arcsec", pixel_size},
    {"", "MOSAIC_PIXEL_RATIO_X", Fate::same, "grid.oversample", "when no size is given; with a given FIF grid.file_pixels = resize", pixel_ratio},
    {"", "MOSAIC_PIXEL_RATIO_Y", Fate::same, "grid.oversample_y", "when no size is given", pixel_ratio},
    {"", "MARGIN", Fate::same, "grid.margin", "positive: pixels around a grid made from the frames; negative: what frames must reach into the grid", margin},
    {"", "run_fiducial_image_frame", Fate::always, "", "the grid follows from the frames unless --grid names one"},
    {"", "run_mosaic_geom", Fate::same, "output.geometry", "frames outside a given grid are left out in any case; 1 writes the lists"},
    {"FIDUCIALIMAGEFRAMEIN", "Edge_Padding", Fate::same, "grid.padding", "arcsec in both"},
    {"FIDUCIALIMAGEFRAMEIN", "Projection_Type", Fate::same, "grid.projection", "", projection},
    {"FIDUCIALIMAGEFRAMEIN", "Coordinate_System", Fate::same, "grid.frame", "J2000 is icrs", sky_frame},
    {"FIDUCIALIMAGEFRAMEIN", "CROTA2", Fate::same, "grid.rotation", "A is mean", rotation},
    {"", "MOVING_OBJECT_MOSAIC", Fate::same, "grid.moving_reference", "with grid.moving = header; 0 is the usual mosaic", moving_object},
    {"", "USE_REFINED_POINTING", Fate::same, "input.pointing", "1: refined", refined_pointing},
    // Uncertainties.
    {"", "compute_uncertainties_internally", Fate::same, "input.gain", "1: input.gain, input.read_noise and input.confusion_noise count", noise_model},
    {"", "have_uncertainties", Fate::always, "", "uncertainties are used where they are found beside the images or in the list"},
    // Overlap.
    {"", "compute_overlap_correction", Fate::same, "background.method", "1: offset; 0 and mosaic.pl: none", left_over},
    {"", "apply_overlap_correction", Fate::always, "", "the offsets are subtracted on the way into the mosaic; corrected frames as files: tessera overlap --corrected"},
    {"", "mosaic_corrected_images", Fate::always, "", "the mosaic is made from the matched frames; a quick look: tessera overlap --quicklook"},
    {"", "run_detect", Fate::always, "", "bright objects are found where backgrounds are matched"},
    {"", "mask_bright", Fate::same, "background.object_threshold", "0: a threshold of 1000 sigma", bright_objects},
    {"", "apply_zodiacal_subtraction", Fate::same, "background.zodi", ""},
    {"", "apply_zodiacal_correction", Fate::same, "background.zodi", ""},
    {"", "save_zodiacal_subtracted_images", Fate::always, "", "a mosaic needs no such files; tessera mopex overlap.pl writes them, and tessera overlap with output.zodi_subtracted", zodi_files},
    {"DETECT", "Detection_Threshold", Fate::differs, "background.object_threshold", "in namelists of overlap.pl; in those of mosaic.pl it belongs to dual outliers", overlap_threshold},
    {"DETECT", "Detection_Max_Area", Fate::unneeded, "", "pixels are masked one by one; in namelists of mosaic.pl it belongs to dual outliers", of_detection},
    {"DETECT", "Detection_Min_Area", Fate::unneeded, "", "pixels are masked one by one; in namelists of mosaic.pl it belongs to dual outliers", of_detection},
    {"DETECT", "Detect_Min_Peak_Fraction", Fate::unneeded, "", "pixels are masked one by one; in namelists of mosaic.pl it belongs to dual outliers", of_detection},
    {"DETECT", "Detection_Min_Peak_Fraction", Fate::unneeded, "", "pixels are masked one by one; in namelists of mosaic.pl it belongs to dual outliers", of_detection},
    {"DETECT", "Threshold_Type", Fate::unneeded, "", "pixels are masked one by one; in namelists of mosaic.pl it belongs to dual outliers", of_detection},
    {"DETECT", "Peaks_Radius", Fate::unneeded, "", "pixels are masked one by one; in namelists of mosaic.pl it belongs to dual outliers", of_detection},
    {"DETECT", "Max_Segmentation_Level", Fate::unneeded, "", "pixels are masked one by one; in namelists of mosaic.pl it belongs to dual outliers", of_detection},
    {"DETECT", "Extended_Object_Area", Fate::unneeded, "", "pixels are masked one by one; in namelists of mosaic.pl it belongs to dual outliers", of_detection},
    {"COMPUTEOVRLAPCORRIN", "TOP_THRESHOLD", Fate::same, "background.top_threshold", ""},
    {"COMPUTEOVRLAPCORRIN", "BOTTOM_THRESHOLD", Fate::same, "background.bottom_threshold", ""},
    {"COMPUTEOVRLAPCORRIN", "MIN_IMG_NUM", Fate::same, "background.min_images", ""},
    {"COMPUTEOVRLAPCORRIN", "WEIGHT", Fate::same, "background.weight", ""},
    {"COMPUTEOVRLAPCORRIN", "USE_SPARSE_FOR_MANY_FILES", Fate::always, "", "the equations are always solved as a sparse system"},
    {"COMPUTEOVRLAPCORRIN", "SKIP_BAD_IMAGE_CHECK", Fate::unneeded, "", "the check costs no time worth saving"},
    {"", "run_medfilter", Fate::same, "frame_sky.method", "median, or panels with Use_Sbkg_for_Med", frame_sky},
    {"MEDFILTER", "Window_X", Fate::same, "frame_sky.window_x", ""},
    {"MEDFILTER", "Window_Y", Fate::same, "frame_sky.window_y", ""},
    {"MEDFILTER", "N_Outliers_Per_Window", Fate::differs, "frame_sky.drop", "of a full window; in proportion where a window is cut by the edge"},
    {"MEDFILTER", "Use_Sbkg_for_Med", Fate::same, "frame_sky.method", "1: panels, 0: median", [](Import& i, const LegacySetting& s) { i.note(Fate::same, s, "see run_medfilter"); }},
    {"MEDFILTER", "Sbkg_Filt_Size_for_Med", Fate::same, "frame_sky.panel_filter", ""},
    // Interpolation.
    {"", "run_mosaic_interp", Fate::always, "", "frames are resampled tile by tile"},
    {"", "run_mosaic_int", Fate::always, "", "frames are resampled tile by tile"},
    {"MOSAICINTIN", "INTERP_METHOD", Fate::same, "interpolation.method", "1: area, 2: drizzle, 3: grid, 4: cubic", interpolation},
    {"MOSAICINTIN", "FINERES", Fate::same, "interpolation.fineres", "division of input pixels, which the guide advises against; 0: none", fineres},
    {"MOSAICINTIN", "DRIZ_FAC", Fate::same, "interpolation.pixfrac", "for INTERP_METHOD = 2"},
    {"MOSAICINTIN", "GRID_RATIO", Fate::same, "interpolation.grid_ratio", "for INTERP_METHOD = 3"},
    {"MOSAICINTIN", "ALPHA", Fate::same, "interpolation.alpha", "for INTERP_METHOD = 4"},
    // Outliers.
    {"", "run_mosaic_outlier", Fate::same, "rejection.method", "temporal, when RMasks are made and used with bit 1", left_over},
    {"", "USE_OUTLIER_FOR_RMASK", Fate::same, "rejection.method", "see run_mosaic_outlier", left_over},
    {"", "run_mosaic_rmask", Fate::same, "output.rmasks", "RMasks are kept when delete_intermediate_files is off", left_over},
    {"", "run_mosaic_reinterp", Fate::always, "", "pixels that an outlier touches are interpolated again without it"},
    {"MOSAICOUTLIERIN", "TOP_THRESHOLD", Fate::differs, "rejection.threshold_high",
     "the larger one of &MOSAICOUTLIERIN and &MOSAICRMASKIN; the scatter is never below the value's own uncertainty", left_over},
    {"MOSAICOUTLIERIN", "BOTTOM_THRESHOLD", Fate::differs, "rejection.threshold_low", "as TOP_THRESHOLD", left_over},
    {"MOSAICOUTLIERIN", "MIN_PIX_NUM", Fate::differs, "rejection.min_images", "shallower stacks are judged by the uncertainties of the values, not by the smallest of them", left_over},
    {"MOSAICOUTLIERIN", "THRESH_OPTION", Fate::same, "rejection.scatter", "1: mad; 2: gap", threshold_option},
    {"MOSAICRMASKIN", "TOP_THRESHOLD", Fate::differs, "rejection.threshold_high", "see &MOSAICOUTLIERIN", left_over},
    {"MOSAICRMASKIN", "BOTTOM_THRESHOLD", Fate::differs, "rejection.threshold_low", "see &MOSAICOUTLIERIN", left_over},
    {"MOSAICRMASKIN", "RM_THRESH", Fate::same, "rejection.min_overlap", "", left_over},
    {"MOSAICRMASKIN", "MIN_COVERAGE", Fate::same, "rejection.temporal_min_coverage", "", left_over},
    {"MOSAICRMASKIN", "MAX_COVERAGE", Fate::same, "rejection.dual_max_coverage", "", left_over},
    {"MOSAICRMASKIN", "REFINE_OUTLIER", Fate::same, "rejection.refine_threshold", "0: no other threshold inside sources", left_over},
    {"MOSAICRMASKIN", "REFINE_OUTLIER_THRESH", Fate::same, "rejection.refine_threshold", "with REFINE_OUTLIER = 1", left_over},
    {"MOSAICRMASKIN", "REFINE_OUTLIER_THRESHOLD", Fate::same, "rejection.refine_threshold", "with REFINE_OUTLIER = 1", left_over},
    {"MOSAICRMASKIN", "BOX_BOTTOM_THRESHOLD", Fate::differs, "rejection.box_threshold_low", "the scatter is never below the least uncertainty of the pixel's values", left_over},
    {"MOSAICRMASKIN", "BOX_TOP_THRESHOLD", Fate::differs, "rejection.box_threshold_high", "as BOX_BOTTOM_THRESHOLD", left_over},
    {"MOSAICRMASKIN", "BOX_MIN_COVERAGE", Fate::same, "rejection.box_min_coverage", "", left_over},
    {"", "run_detect_radhit", Fate::same, "rejection.method", "radhit, when bit 0 of RMask_Fatal_BitPattern is on", left_over},
    {"", "overwrite_dmask", Fate::unneeded, "", "masks of the input are never changed; radiation hits are in the RMasks"},
    {"DETECT_RADHIT", "Segmentation_Threshold", Fate::differs, "rejection.radhit_segmentation", "sigma is that of the pixel", left_over},
    {"DETECT_RADHIT", "Detection_Max_Area", Fate::same, "rejection.radhit_max_area", "", left_over},
    {"DETECT_RADHIT", "Radhit_Threshold", Fate::differs, "rejection.radhit_threshold", "sigma is that of the pixel", left_over},
    {"", "run_detect_outlier", Fate::same, "rejection.method", "goes with run_mosaic_dual_outlier", left_over},
    {"", "run_mosaic_proj", Fate::always, "", "detections are carried to the grid by the dual scheme"},
    {"", "run_mosaic_dual_outlier", Fate::same, "rejection.method", "dual, when RMasks are made and used with bit 2", left_over},
    {"", "run_level", Fate::same, "rejection.dual_level_ratio", "0 when it is off", left_over},
    {"", "USE_DUAL_OUTLIER_FOR_RMASK", Fate::same, "rejection.method", "see run_mosaic_dual_outlier", left_over},
    {"MOSAICDUALOUTLIERIN", "MAX_OUTL_IMAGE", Fate::same, "rejection.dual_max_images", "", left_over},
    {"MOSAICDUALOUTLIERIN", "MAX_OUTL_FRAC", Fate::same, "rejection.dual_max_fraction", "", left_over},
    {"LEVEL", "Threshold_Ratio", Fate::same, "rejection.dual_level_ratio", "", left_over},
    {"", "run_mosaic_box_outlier", Fate::same, "rejection.method", "box, when RMasks are made and used with bit 3", left_over},
    {"", "USE_BOX_OUTLIER_FOR_RMASK", Fate::same, "rejection.method", "see run_mosaic_box_outlier", left_over},
    {"MOSAICBOXOUTLIERIN", "BOX_X", Fate::same, "rejection.box_width", "", left_over},
    {"MOSAICBOXOUTLIERIN", "BOX_Y", Fate::same, "rejection.box_height", "", left_over},
    {"MOSAICBOXOUTLIERIN", "BOX_MEDIAN_BIAS", Fate::same, "rejection.box_median_bias", "", left_over},
    {"", "run_fix_coverage", Fate::same, "coadd.min_single_coverage", "with coadd.min_block_coverage; 0 and 0 when it is off", fix_coverage},
    {"FIX_COVERAGE", "Min_Single_Coverage", Fate::same, "coadd.min_single_coverage", "", left_over},
    {"FIX_COVERAGE", "Min_Block_Coverage", Fate::same, "coadd.min_block_coverage", "", left_over},
    // Coaddition and products.
    {"", "run_mosaic_covg", Fate::always, "", "coverage is counted as the stack is read"},
    {"", "run_mosaic_coadder", Fate::always, "", "mosaic.fits"},
    {"", "run_mosaic_combiner", Fate::always, "", "tiles are written into one mosaic"},
    {"", "create_unc_mosaic", Fate::always, "", "mosaic_unc.fits, with variances added in quadrature; linearly, as MOPEX does, with interpolation.uncertainty = linear, which tessera mopex sets"},
    {"", "sigma_weighted_coadd", Fate::same, "coadd.weights", "sigma", weights},
    {"MOSAICCOADDIN", "INTEG_TIME_KWD", Fate::same, "coadd.weights", "exposure, with input.exposure_card, unless USE_INT_TIME_KWD is 0", weights},
    {"MOSAICCOADDIN", "USE_INT_TIME_KWD", Fate::same, "coadd.weights", "see INTEG_TIME_KWD", [](Import& i, const LegacySetting& s) { i.note(Fate::unneeded, s, "see INTEG_TIME_KWD"); }},
    {"", "run_absolute_minimum_mosaic", Fate::same, "coadd.method", "1: minimum", minimum_mosaic},
    {"", "run_median_mosaic", Fate::same, "output.median", "mosaic_median.fits beside the mean; tessera mopex: median_mosaic.fits"},
    {"", "create_std_mosaic", Fate::same, "output.std", "mosaic_std.fits"},
    {"", "create_outlier_mosaic", Fate::same, "output.outlier_mosaic", "", outlier_mosaic},
    {"", "create_dual_outlier_mosaic", Fate::differs, "output.dual_outlier_mosaic", "a mean of signs; MOPEX averages the numbers of clusters", dual_outlier_mosaic},
    {"", "create_rmask_mosaic", Fate::differs, "output.rmask_mosaic", "mosaic_rmask.fits keeps the bits, and the number of frames in extensions", rmask_mosaic},
    {"", "run_mosaic_medfilter", Fate::same, "output.local_sky", "mosaic_minback.fits"},
    {"MOSAIC_MEDFILTER", "Window_X", Fate::same, "local_sky.window_x", ""},
    {"MOSAIC_MEDFILTER", "Window_Y", Fate::same, "local_sky.window_y", ""},
    {"MOSAIC_MEDFILTER", "N_Outliers_Per_Window", Fate::differs, "local_sky.drop", "of a full window; in proportion where a window is cut by the edge"},
    {"MOSAIC_MEDFILTER", "Use_Sbkg_for_Med", Fate::same, "local_sky.panels", ""},
    {"MOSAIC_MEDFILTER", "Sbkg_Filt_Size_for_Med", Fate::same, "local_sky.panel_filter", ""},
    {"", "make_array_corr_files", Fate::unneeded, "", "mosaic_arraycorr.fits is made without them", array_module},
    {"", "make_array_corr_mosaic", Fate::same, "output.array_correction", "with ARRAY_CORR_IMAGE", array_module},
    {"", "ARRAY_CORR_IMAGE", Fate::same, "output.array_correction", "when make_array_corr_mosaic is on", array_image},
    {"", "ARRAY_PIXAREA_IMAGE", Fate::same, "output.array_pixel_area", "when make_array_corr_mosaic is on", array_image},
    {"", "delete_intermediate_files", Fate::unneeded, "", "tessera mosaic makes none unless asked (output.interpolated, minback, sigmas, outlier_maps, rmasks, tiles); tessera mopex keeps them when it is off"},
    {"", "delete_intermediate_files_array_corr", Fate::unneeded, "", "there are none"},
    {"", "keep_coadded_tiles", Fate::same, "output.tiles", "Coadd/coadd_Tile_001_Image.fits, _Unc, _Cov beside the mosaic; tessera mopex: also when delete_intermediate_files is off"},
    {"MOSAICCOADDIN", "TILEMAX_X", Fate::same, "output.tile_width", "of the tiles that are kept; those in which the work is done follow from run.memory, or run.tile_size, without effect on results"},
    {"MOSAICCOADDIN", "TILEMAX_Y", Fate::same, "output.tile_height", "as TILEMAX_X"},
    {"MOSAICCOVGIN", "TILEMAX_X", Fate::unneeded, "", no_tiles},
    {"MOSAICCOVGIN", "TILEMAX_Y", Fate::unneeded, "", no_tiles},
    {"MOSAICDUALOUTLIERIN", "TILE_XSIZ", Fate::unneeded, "", no_tiles},
    {"MOSAICDUALOUTLIERIN", "TILE_YSIZ", Fate::unneeded, "", no_tiles},
    {"MOSAICOUTLIERIN", "TILE_XSIZ", Fate::unneeded, "", no_tiles},
    {"MOSAICOUTLIERIN", "TILE_YSIZ", Fate::unneeded, "", no_tiles},
    {"MOSAICBOXOUTLIERIN", "TILE_XSIZ", Fate::unneeded, "", no_tiles},
    {"MOSAICBOXOUTLIERIN", "TILE_YSIZ", Fate::unneeded, "", no_tiles},
    {"", "SIGMA_DIR", Fate::always, "", followed},
    {"", "MEDFILTER_DIR", Fate::always, "", followed},
    {"", "INTERP_DIR", Fate::always, "", followed},
    {"", "DETECT_DIR", Fate::always, "", followed},
    {"", "DUAL_OUTLIER_DIR", Fate::unneeded, "", "maps of dual outliers are with the others in OUTLIER_DIR"},
    {"", "OUTLIER_DIR", Fate::always, "", followed},
    {"", "BOX_OUTLIER_DIR", Fate::unneeded, "", "maps of box outliers are the extension BOX of those in OUTLIER_DIR"},
    {"", "RMASK_DIR", Fate::always, "", followed},
    {"", "RMASK_MOSAIC_DIR", Fate::always, "", followed},
    {"", "REINTERP_DIR", Fate::unneeded, "", "the interpolated frames are those without outliers; INTERP_DIR"},
    {"", "COADDER_DIR", Fate::always, "", followed},
    {"", "COMBINER_DIR", Fate::always, "", followed},
    {"", "DMASK_DIR", Fate::unneeded, "", "masks of the input are never changed, nor copied"},
    {"", "OVERLAP_CORR_DIR", Fate::always, "", followed},
    {"", "ZODSUB_DIR", Fate::always, "", followed},
    {"", "OVERLAP_CORR_FILE_NAME", Fate::always, "", followed},
    {"", "COMPUTE_OVERLAP_NAME", Fate::unneeded, "", own_folder},
    {"", "OverlapCorrectionTable", Fate::unneeded, "", own_folder},
    {"", "MOSAIC_IMG_FILE_NAME", Fate::always, "", followed},
};

// Module triggers and the like are 1 or 0; anything else that is not off counts as 1, as a letter O counts as 0.
void tell_odd_switches(Import& import) {
  for (const LegacySetting& s : import.config().settings) {
    const std::string key = text::lower(s.key);
    const bool is_switch = s.block.empty() && (key.starts_with("run_") || key.starts_with("create_") || key.starts_with("make_") || key.starts_with("use_") ||
                                               key.starts_with("delete_") || key == "mask_bright" || key == "compute_overlap_correction");
    if (is_switch && !s.value.empty() && s.value != "0" && s.value != "1" && import.config().find("", s.key) == &s)
      import.warn(s.line, fmt::format("{} is a switch: 1 or 0 was expected; it is read as {}", s.key, import.on(s.key) ? 1 : 0));
  }
}

// Settings of blocks whose module does not run have no effect in MOPEX, and none here.
void leave_idle_blocks(Import& import) {
  struct Module {
    std::string_view block;
    std::array<std::string_view, 2> triggers;
  };
  static constexpr Module modules[] = {
      {"SNESTIMATORIN", {"compute_uncertainties_internally", ""}},
      {"MEDFILTER", {"run_medfilter", ""}},
      {"DETECT_RADHIT", {"run_detect_radhit", ""}},
      {"DETECT", {"run_detect", "run_detect_outlier"}},
      {"MOSAICDUALOUTLIERIN", {"run_mosaic_dual_outlier", ""}},
      {"LEVEL", {"run_level", ""}},
      {"MOSAICOUTLIERIN", {"run_mosaic_outlier", ""}},
      {"MOSAICBOXOUTLIERIN", {"run_mosaic_box_outlier", ""}},
      {"MOSAICRMASKIN", {"run_mosaic_rmask", ""}},
      {"FIX_COVERAGE", {"run_fix_coverage", ""}},
      {"MOSAIC_MEDFILTER", {"run_mosaic_medfilter", ""}},
      {"COMPUTEOVRLAPCORRIN", {"compute_overlap_correction", ""}},
  };
  for (const Module& m : modules) {
    if (std::any_of(m.triggers.begin(), m.triggers.end(), [&](std::string_view t) { return !t.empty() && import.on(t); })) continue;
    for (const LegacySetting& s : import.config().settings)
      if (text::lower(s.block) == text::lower(m.block)) import.note(Fate::unused, s, fmt::format("{} is off", m.triggers[0]));
  }
}

// Parameters of things that are switched off elsewhere.
void leave_idle_parameters(Import& import) {
  const auto leave = [&](std::string_view block, std::string_view key, bool used, std::string_view why) {
    const LegacySetting* s = import.config().find(block, key);
    if (s && !used && !import.told(*s)) import.note(Fate::unused, *s, why);
  };
  const LegacySetting* method = import.config().find("MOSAICINTIN", "INTERP_METHOD");
  const std::string interp = method ? method->value : "1";
  leave("MOSAICINTIN", "FINERES", interp.starts_with('1'), "INTERP_METHOD is not 1");
  leave("MOSAICINTIN", "DRIZ_FAC", interp.starts_with('2'), "INTERP_METHOD is not 2");
  leave("MOSAICINTIN", "GRID_RATIO", interp.starts_with('3'), "INTERP_METHOD is not 3");
  leave("MOSAICINTIN", "ALPHA", interp.starts_with('4'), "INTERP_METHOD is not 4");
  const LegacySetting* pmask = import.config().find("", "PMASK_FILE_NAME");
  leave("", "PMask_Fatal_BitPattern", pmask && !pmask->value.empty(), "there is no PMASK_FILE_NAME");
  leave("", "USE_DUAL_OUTLIER_FOR_RMASK", import.on("run_mosaic_dual_outlier"), "run_mosaic_dual_outlier is off");
  leave("", "USE_BOX_OUTLIER_FOR_RMASK", import.on("run_mosaic_box_outlier"), "run_mosaic_box_outlier is off");
  leave("", "overwrite_dmask", import.on("run_detect_radhit"), "run_detect_radhit is off");
  leave("MOSAICRMASKIN", "MAX_COVERAGE", import.on("run_mosaic_dual_outlier"), "run_mosaic_dual_outlier is off");
  for (const auto key : {"MIN_COVERAGE", "REFINE_OUTLIER"}) leave("MOSAICRMASKIN", key, import.on("run_mosaic_outlier"), "run_mosaic_outlier is off");
  const LegacySetting* refine = import.config().find("MOSAICRMASKIN", "REFINE_OUTLIER");
  const bool refined = import.on("run_mosaic_outlier") && refine && refine->value != "0";
  for (const auto key : {"REFINE_OUTLIER_THRESH", "REFINE_OUTLIER_THRESHOLD"}) leave("MOSAICRMASKIN", key, refined, "REFINE_OUTLIER is off");
  for (const auto key : {"BOX_TOP_THRESHOLD", "BOX_BOTTOM_THRESHOLD", "BOX_MIN_COVERAGE"})
    leave("MOSAICRMASKIN", key, import.on("run_mosaic_box_outlier"), "run_mosaic_box_outlier is off");
}

void read_matching(Import& import, bool overlap) {
  const LegacySetting* s = import.config().find("", "compute_overlap_correction");
  const std::string method = import.on("compute_overlap_correction") ? "offset" : "none";
  if (s && !s->value.empty()) import.set("background.method", method, *s);
  else
    import.set("background.method", method,
               overlap ? "compute_overlap_correction is off" : "mosaic.pl matches no backgrounds; with uncorrected frames take \"offset\", and overlap.pl is not needed");
}

void read_weights(Import& import) {
  const LegacySetting* time = import.config().find("MOSAICCOADDIN", "INTEG_TIME_KWD");
  const LegacySetting* use = import.config().find("MOSAICCOADDIN", "USE_INT_TIME_KWD");
  const bool by_time = time && !time->value.empty() && (!use || use->value != "0");
  if (!by_time && !import.on("sigma_weighted_coadd")) import.set("coadd.weights", "coverage", "no weights are asked for: the straight average");
}

enum class Flow { mosaic, overlap, neither };

Flow flow_of(const param::LegacyConfig& config) {
  const auto any = [&](std::initializer_list<std::string_view> keys) {
    return std::any_of(keys.begin(), keys.end(), [&](std::string_view k) { return config.find("", k) != nullptr; });
  };
  for (const auto block : {"SOURCESTIMATE", "APERTURE", "SELECT", "MOSAIC_POINTSOURCEIMAGE", "POINTSOURCEPROB", "GAUSSNOISE", "DETECT_MEDFILTER", "EXTRACT_MEDFILTER"})
    if (config.has_block(block)) return Flow::neither;
  if (any({"run_mosaic_coadder", "run_mosaic_combiner", "run_mosaic_outlier", "run_mosaic_rmask"})) return Flow::mosaic;
  if (any({"compute_overlap_correction", "mosaic_corrected_images"}) || config.has_block("COMPUTEOVRLAPCORRIN")) return Flow::overlap;
  return Flow::mosaic;
}

}  // namespace

std::span<const KeyRule> mopex_rules() { return rules; }

std::string translate_namelist(Import& import) {
  const Flow flow = flow_of(import.config());
  if (flow == Flow::neither) {
    import.leave_all("detection, photometry and point-source subtraction are no part of tessera mosaic");
    return "MOPEX namelist of detection or photometry, from which a mosaic takes nothing";
  }
  tell_odd_switches(import);
  leave_idle_blocks(import);
  leave_idle_parameters(import);
  read_matching(import, flow == Flow::overlap);
  read_outliers(import);
  read_weights(import);
  import.translate();
  return flow == Flow::overlap ? "MOPEX namelist of overlap.pl" : "MOPEX namelist of mosaic.pl";
}

}  // namespace tessera::steps
