// What the keywords of SWarp configurations become. Several switch others (CENTER_TYPE, PIXELSCALE_TYPE, COMBINE_TYPE); a keyword whose switch
// is off has no effect there and none here.
#include <fmt/format.h>

#include <algorithm>

#include "tessera/base/text.h"
#include "tessera/translate/import_report.h"

namespace tessera::translate {

namespace {

using param::LegacySetting;

constexpr std::string_view no_weight_maps = "weight maps; uncertainties and masks beside the frames are found by the camera's profile, or given with -S and -d";
constexpr std::string_view own_background = "one mesh of sky subtracted from each frame; here frames are matched to one another and the sky stays";
constexpr std::string_view own_fluxes = "scaling of each frame's flux by a keyword; units are those of the frames";
constexpr std::string_view no_files = "there are no such files in between";
constexpr std::string_view by_memory = "see run.memory; results do not depend on it";

std::string value_of(const Import& import, std::string_view key) {
  const LegacySetting* s = import.config().find("", key);
  return s ? text::upper(s->value) : "";
}

void center(Import& import, const LegacySetting& s) {
  if (value_of(import, "CENTER_TYPE") != "MANUAL") return import.note(Fate::unused, s, "counts with CENTER_TYPE MANUAL only");
  std::string position = param::legacy::printable(s.value);
  std::replace(position.begin(), position.end(), ',', ' ');
  import.set("grid.center", position, s, value_of(import, "CELESTIAL_TYPE") == "GALACTIC" || value_of(import, "CELESTIAL_TYPE") == "ECLIPTIC" ? "ICRS is expected here: convert it" : "");
}

void center_type(Import& import, const LegacySetting& s) {
  const std::string v = text::upper(s.value);
  if (v == "ALL" || v == "MANUAL") return import.note(Fate::always, s, v == "ALL" ? "the grid holds all frames" : "see CENTER");
  import.note(Fate::missing, s, "the grid holds all frames, or is centred on grid.center");
}

void pixel_scale(Import& import, const LegacySetting& s) {
  if (value_of(import, "PIXELSCALE_TYPE") != "MANUAL") return import.note(Fate::unused, s, "counts with PIXELSCALE_TYPE MANUAL only");
  const auto n = import.number(s);
  if (n) import.set("grid.pixel_scale", text::from_double(*n), s, "arcsec in both");
}

void pixel_scale_type(Import& import, const LegacySetting& s) {
  const std::string v = text::upper(s.value);
  if (v == "MEDIAN" || v == "MANUAL") return import.note(Fate::always, s, v == "MEDIAN" ? "the median pixel of the frames" : "see PIXEL_SCALE");
  import.note(Fate::missing, s, "the median pixel of the frames is taken unless grid.pixel_scale says otherwise");
}

void size(Import& import, const LegacySetting& s) {
  std::vector<std::string> words;
  std::string plain = s.value;
  std::replace(plain.begin(), plain.end(), ',', ' ');
  for (const std::string& w : text::split(plain, ' '))
    if (!w.empty()) words.push_back(w);
  if (words.size() == 1) words.push_back(words[0]);
  const bool whole = words.size() == 2 && text::to_integer(words[0]) && text::to_integer(words[1]);
  if (!whole) return import.note(Fate::refused, s, "one or two whole numbers were expected; the grid holds all frames");
  if (*text::to_integer(words[0]) <= 0 || *text::to_integer(words[1]) <= 0) return import.note(Fate::always, s, "the grid holds all frames");
  import.set("grid.size", fmt::format("{} {}", *text::to_integer(words[0]), *text::to_integer(words[1])), s);
}

void celestial(Import& import, const LegacySetting& s) {
  const std::string v = text::upper(s.value);
  if (v == "EQUATORIAL" || v == "GALACTIC" || v == "ECLIPTIC") return void(import.set("grid.frame", v == "EQUATORIAL" ? "icrs" : text::lower(v), s));
  if (v == "NATIVE") return void(import.set("grid.frame", "icrs", s, "equatorial, whatever the frames' axes are", Fate::differs));
  import.note(Fate::missing, s, "grids in other coordinates than the sky's; icrs stays");
}

void projection(Import& import, const LegacySetting& s) {
  const std::string code = text::upper(s.value);
  const bool plain = code.size() == 3 && std::all_of(code.begin(), code.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
  if (!plain) return import.note(Fate::refused, s, "a projection is three letters; the default stays");
  import.set("grid.projection", code, s);
}

void resampling(Import& import, const LegacySetting& s) {
  const std::string v = text::lower(s.value);
  if (import.offers("interpolation.method", v)) return void(import.set("interpolation.method", v, s));
  import.set("interpolation.method", "area", "RESAMPLING_TYPE asks for another method");
  import.note(Fate::missing, s, fmt::format("{} interpolation; the exact area overlap is used instead", param::legacy::printable(v, 40)));
}

void combine(Import& import, const LegacySetting& s) {
  const std::string v = text::upper(s.value);
  if (v == "CLIPPED") {
    import.set("rejection.method", "temporal", s, "a value far from the others is left out; SWarp's CLIP_AMPFRAC is rejection.gradient in spirit", Fate::differs);
    return;
  }
  import.set("rejection.method", "none", "only COMBINE_TYPE CLIPPED rejects outliers");
  if (v == "AVERAGE") return void(import.set("coadd.weights", "coverage", s));
  if (v == "WEIGHTED") return void(import.set("coadd.weights", "sky_variance", s, "one weight per frame, not per pixel", Fate::differs));
  import.set("coadd.weights", "coverage", "COMBINE_TYPE asks for another kind of mean");
  import.note(Fate::missing, s, "this kind of mean; the average is taken instead");
}

void clip_sigma(Import& import, const LegacySetting& s) {
  if (value_of(import, "COMBINE_TYPE") != "CLIPPED") return import.note(Fate::unused, s, "counts with COMBINE_TYPE CLIPPED only");
  const auto n = import.number(s);
  if (!n) return;
  import.set("rejection.threshold_high", text::from_double(*n), s);
  import.set("rejection.threshold_low", text::from_double(*n), s);
}

void background(Import& import, const LegacySetting& s) {
  if (text::upper(s.value).starts_with('N')) return void(import.set("background.method", "none", s));
  import.set("background.method", "offset", s, own_background, Fate::differs);
}

void of_background(Import& import, const LegacySetting& s) {
  const bool off = value_of(import, "SUBTRACT_BACK").starts_with('N');
  import.note(off ? Fate::unused : Fate::missing, s, off ? "SUBTRACT_BACK is N" : own_background);
}

void of_clipping(Import& import, const LegacySetting& s) {
  const bool off = value_of(import, "COMBINE_TYPE") != "CLIPPED";
  import.note(off ? Fate::unused : Fate::missing, s, off ? "counts with COMBINE_TYPE CLIPPED only" : "see rejection.gradient and output.rmasks");
}

void of_weights(Import& import, const LegacySetting& s) {
  const std::string type = value_of(import, "WEIGHT_TYPE");
  const bool off = type.empty() || type == "NONE";
  import.note(off ? Fate::unused : Fate::missing, s, off ? "WEIGHT_TYPE is NONE" : no_weight_maps);
}

void switch_that_is_on(Import& import, const LegacySetting& s) {
  if (text::upper(s.value).starts_with('N')) return import.note(Fate::missing, s, "frames are always resampled and combined");
  import.note(Fate::always, s, "");
}

void threads(Import& import, const LegacySetting& s) {
  const auto n = import.number(s);
  if (n && *n == static_cast<double>(static_cast<int>(std::clamp(*n, -1e6, 1e6)))) import.set("run.threads", fmt::format("{:.0f}", *n), s, "0: all processors, in both");
  else if (n) import.note(Fate::refused, s, "a whole number was expected; all processors are used");
}

void messages(Import& import, const LegacySetting& s) {
  const std::string v = text::upper(s.value);
  import.set("run.verbosity", v == "QUIET" ? "quiet" : v == "FULL" ? "verbose" : "normal", s);
}

void oversampling(Import& import, const LegacySetting& s) {
  if (s.value == "0" || s.value == "1") return import.note(Fate::unused, s, "overlap areas are exact");
  import.note(Fate::unneeded, s, "overlap areas are exact");
}

const KeyRule rules[] = {
    {"", "IMAGEOUT_NAME", Fate::command_line, "-o", "names a file in SWarp, a folder here"},
    {"", "WEIGHTOUT_NAME", Fate::always, "", "mosaic_unc.fits and mosaic_cov.fits instead of a weight map"},
    {"", "HEADER_ONLY", Fate::unneeded, "", "--dry-run shows the grid"},
    {"", "HEADER_SUFFIX", Fate::missing, "", "headers in side files; --grid takes the grid of a FITS image or FIF.tbl"},
    {"", "WEIGHT_TYPE", Fate::missing, "", no_weight_maps, of_weights},
    {"", "RESCALE_WEIGHTS", Fate::always, "", "noise is measured in each frame; input.scale_noise"},
    {"", "WEIGHT_SUFFIX", Fate::missing, "", no_weight_maps, of_weights},
    {"", "WEIGHT_IMAGE", Fate::missing, "", no_weight_maps, of_weights},
    {"", "WEIGHT_THRESH", Fate::missing, "", no_weight_maps, of_weights},
    {"", "COMBINE", Fate::always, "", "", switch_that_is_on},
    {"", "COMBINE_TYPE", Fate::differs, "coadd.weights", "AVERAGE: coverage; WEIGHTED: sky_variance; CLIPPED: rejection.method = temporal; others are not there yet", combine},
    {"", "CLIP_AMPFRAC", Fate::missing, "", "see rejection.gradient", of_clipping},
    {"", "CLIP_SIGMA", Fate::same, "rejection.threshold_high", "and threshold_low, with COMBINE_TYPE CLIPPED", clip_sigma},
    {"", "CLIP_WRITELOG", Fate::missing, "", "see output.rmasks", of_clipping},
    {"", "CLIP_LOGNAME", Fate::missing, "", "see output.rmasks", of_clipping},
    {"", "BLANK_BADPIXELS", Fate::always, "", "pixels without data are NaN"},
    {"", "CELESTIAL_TYPE", Fate::same, "grid.frame", "EQUATORIAL is icrs; NATIVE is taken as that", celestial},
    {"", "PROJECTION_TYPE", Fate::same, "grid.projection", "", projection},
    {"", "PROJECTION_ERR", Fate::unneeded, "", "positions are kept to 1e-3 pixel"},
    {"", "CENTER_TYPE", Fate::always, "", "ALL, or MANUAL with CENTER; MOST is not there yet", center_type},
    {"", "CENTER", Fate::same, "grid.center", "with CENTER_TYPE MANUAL", center},
    {"", "PIXELSCALE_TYPE", Fate::always, "", "MEDIAN, or MANUAL with PIXEL_SCALE; others are not there yet", pixel_scale_type},
    {"", "PIXEL_SCALE", Fate::same, "grid.pixel_scale", "with PIXELSCALE_TYPE MANUAL", pixel_scale},
    {"", "IMAGE_SIZE", Fate::same, "grid.size", "0: all frames", size},
    {"", "RESAMPLE", Fate::always, "", "", switch_that_is_on},
    {"", "RESAMPLE_DIR", Fate::unneeded, "", no_files},
    {"", "RESAMPLE_SUFFIX", Fate::unneeded, "", no_files},
    {"", "RESAMPLING_TYPE", Fate::same, "interpolation.method", "where the version has the method, else area", resampling},
    {"", "OVERSAMPLING", Fate::unneeded, "", "overlap areas are exact", oversampling},
    {"", "INTERPOLATE", Fate::unneeded, "", "bad pixels have no weight"},
    {"", "FSCALASTRO_TYPE", Fate::always, "", "pixel areas: surface brightness is resampled"},
    {"", "FSCALE_KEYWORD", Fate::unneeded, "", own_fluxes},
    {"", "FSCALE_DEFAULT", Fate::unneeded, "", own_fluxes},
    {"", "GAIN_KEYWORD", Fate::unneeded, "", "gains come from the profile"},
    {"", "GAIN_DEFAULT", Fate::unneeded, "", "gains come from the profile"},
    {"", "SATLEV_KEYWORD", Fate::unneeded, "", "saturated pixels come from the masks"},
    {"", "SATLEV_DEFAULT", Fate::unneeded, "", "saturated pixels come from the masks"},
    {"", "SUBTRACT_BACK", Fate::differs, "background.method", "Y: offset, N: none. Frames are matched to one another and the sky stays", background},
    {"", "BACK_TYPE", Fate::missing, "", own_background, of_background},
    {"", "BACK_DEFAULT", Fate::missing, "", own_background, of_background},
    {"", "BACK_SIZE", Fate::missing, "", own_background, of_background},
    {"", "BACK_FILTERSIZE", Fate::missing, "", own_background, of_background},
    {"", "BACK_FILTTHRESH", Fate::missing, "", own_background, of_background},
    {"", "VMEM_DIR", Fate::unneeded, "", by_memory},
    {"", "VMEM_MAX", Fate::unneeded, "", by_memory},
    {"", "MEM_MAX", Fate::unneeded, "", by_memory},
    {"", "COMBINE_BUFSIZE", Fate::unneeded, "", by_memory},
    {"", "DELETE_TMPFILES", Fate::unneeded, "", no_files},
    {"", "COPY_KEYWORDS", Fate::missing, "", "keywords copied to the mosaic; run.json and header_list.tbl list the frames"},
    {"", "WRITE_FILEINFO", Fate::always, "", "run.json and header_list.tbl list the frames"},
    {"", "WRITE_XML", Fate::always, "", "run.json"},
    {"", "XML_NAME", Fate::unneeded, "", "run.json"},
    {"", "XSL_URL", Fate::unneeded, "", "run.json"},
    {"", "VERBOSE_TYPE", Fate::same, "run.verbosity", "QUIET, NORMAL; FULL is verbose", messages},
    {"", "NNODES", Fate::missing, "", "several machines for one mosaic"},
    {"", "NODE_INDEX", Fate::missing, "", "several machines for one mosaic"},
    {"", "NTHREADS", Fate::same, "run.threads", "0: all processors", threads},
    {"", "NOPENFILES_MAX", Fate::unneeded, "", "files are closed after use"},
};

}  // namespace

std::span<const KeyRule> swarp_rules() { return rules; }

std::string translate_swarp(Import& import) {
  import.set("grid.rotation", "0", "SWarp's grids have north up");
  import.translate();
  return "SWarp configuration";
}

}  // namespace tessera::translate
