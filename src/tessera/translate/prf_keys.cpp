// Namelists of prf_estimate.pl as options of tessera psf estimate --method mopex. MOPEX guide 7, 9.8.
#include <fmt/format.h>

#include <cmath>

#include "tessera/base/text.h"
#include "tessera/translate/import_report.h"
#include "tessera/translate/mopex_values.h"

namespace tessera::translate {
namespace {

using param::LegacySetting;
using namespace mopex;

constexpr std::string_view windows = "windows with fewer good pixels have the sky of those there are, where MOPEX interpolates between neighbours; panels without any have the mean of their neighbours";
constexpr std::string_view named_so = "tessera mopex names the product so, in the output folder";

std::string whole(double n) { return fmt::format("{:.0f}", n); }

void input_image(Import& import, const LegacySetting& s) {
  import.input(param::legacy::printable(s.value));
  import.note(Fate::command_line, s, "the image, as an argument");
}

void sky_method(Import& import, const LegacySetting& s) {
  const auto* panels = import.config().find("MEDFILTER", "Use_Sbkg_for_Med");
  import.set("fit_sky.method", !import.on(s.key) ? "none" : panels && !is_off(panels->value) ? "panels" : "median", s);
}

void sky_panels(Import& import, const LegacySetting& s) { import.note(Fate::same, s, "see run_medfilter"); }

void map(Import& import, const LegacySetting& s) {
  if (import.on("split_by_array_position")) import.set("estimate.map", param::legacy::printable(s.value, 1000), s, "its areas count; the tables get names of their own");
  else import.note(Fate::unused, s, "split_by_array_position is off");
}

void split(Import& import, const LegacySetting& s) {
  if (!import.on(s.key)) return import.note(Fate::unused, s, "off");
  import.note(is_given(import, "PRFMAP_FILE_NAME") ? Fate::same : Fate::command_line, s, "estimate.map, that of PRFMAP_FILE_NAME or -m");
}

/// Odd, so that a pixel is in the middle; that along y where it is another than the one along x.
void side(Import& import, const LegacySetting& s, std::string_view option, std::string_view along_x = "") {
  const auto n = import.number(s);
  if (!n) return;
  const auto* x = along_x.empty() ? nullptr : import.config().find(s.block, along_x);
  if (x && text::to_double(x->value) == n) return import.note(Fate::same, s, fmt::format("as {}", along_x));
  if (*n < 1 || *n != std::floor(*n)) return import.note(Fate::refused, s, "a whole number of pixels was expected; the default stays");
  const double odd = *n + (std::fmod(*n, 2) == 0 ? 1 : 0);
  import.set(option, whole(odd), s, odd == *n ? "" : "an odd number, so that a pixel is in the middle", odd == *n ? Fate::same : Fate::differs);
}

void stamp(Import& import, const LegacySetting& s) { side(import, s, "estimate.stamp"); }
void stamp_y(Import& import, const LegacySetting& s) { side(import, s, "estimate.stamp_y", "PostStamp_Xsize"); }
void fit_box(Import& import, const LegacySetting& s) { side(import, s, "estimate.fit_box"); }
void fit_box_y(Import& import, const LegacySetting& s) { side(import, s, "estimate.fit_box_y", "Fit_X"); }
void core_box(Import& import, const LegacySetting& s) { side(import, s, "estimate.core_box"); }
void core_box_y(Import& import, const LegacySetting& s) { side(import, s, "estimate.core_box_y", "Center_Box_X"); }

void seed(Import& import, const LegacySetting& s) {
  const auto n = import.number(s);
  if (!n) return;
  if (*n < 0) import.set("estimate.fit", "false", s, "no fit: centroids and sums");
  else import.note(Fate::unneeded, s, "the fit has no random numbers; negative: estimate.fit = false");
}

void transformation(Import& import, const LegacySetting& s) {
  const std::string type = text::lower(s.value);
  if (type == "skytoplane") import.set("estimate.places", "sky", s, "degrees");
  else if (type == "planetoplane") import.set("estimate.places", "pixels", s, "FITS pixels of FIF.tbl, or of the image");
  else import.note(Fate::refused, s, "SkyToPlane or PlaneToPlane was expected; places on the sky are taken");
}

const KeyRule rules[] = {
    {"", "INPUT_FILE_NAME", Fate::command_line, "", "the image, as an argument; -i in tessera mopex", input_image},
    {"", "SIGMA_FILE_NAME", Fate::command_line, "-S", "no key of chapter 7; -s or -S in tessera mopex"},
    {"", "POINT_SOURCE_LIST", Fate::command_line, "--sources", "-E in tessera mopex"},
    {"", "PRFMAP_FILE_NAME", Fate::same, "estimate.map", "with split_by_array_position; -m in tessera mopex", map},
    {"", "split_by_array_position", Fate::same, "estimate.map", "1: PRFMAP_FILE_NAME counts", split},
    {"", "PRF_file_name", Fate::always, "", named_so},
    {"", "PRF_Sigma_file_name", Fate::always, "", named_so},
    {"", "PRF_Coverage_file_name", Fate::always, "", named_so},
    {"", "AnnealStatus_file_name", Fate::always, "", "tessera mopex names the table of stamps so: place, flux, width, misfit, status and its reason"},
    {"", "StatusList_file_name", Fate::always, "", "the same table once more, where it is given"},
    {"", "Star_file_name", Fate::always, "", "the table at every pixel, for a star in the middle of one; where it is given"},
    {"", "FIF_FILE_NAME", Fate::command_line, "estimate.grid", "-F in tessera mopex; whose pixels the places are, with PlaneToPlane"},
    {"", "USE_REFINED_POINTING", Fate::same, "input.pointing", "1: refined", refined_pointing},
    {"", "run_medfilter", Fate::same, "fit_sky.method", "panels or median as Use_Sbkg_for_Med says; 0: none", sky_method},
    {"MEDFILTER", "Window_X", Fate::same, "fit_sky.window_x", ""},
    {"MEDFILTER", "Window_Y", Fate::same, "fit_sky.window_y", ""},
    {"MEDFILTER", "N_Outliers_Per_Window", Fate::differs, "fit_sky.dropped", "of a full window; in proportion where a window is cut by the edge"},
    {"MEDFILTER", "Use_Sbkg_for_Med", Fate::same, "fit_sky.method", "1: panels, 0: median", sky_panels},
    {"MEDFILTER", "Sbkg_Filt_Size_for_Med", Fate::same, "fit_sky.panel_filter", ""},
    {"MEDFILTER", "Min_Good_Pixels_In_Window", Fate::unneeded, "", windows},
    {"MEDFILTER", "Min_GoodNeighbors_Number", Fate::unneeded, "", windows},
    {"MEDFILTER", "Max_Bad_Pixels_OutputImage", Fate::unneeded, "", "MOPEX gives an image with more bad pixels up; here none is given up"},
    {"", "MEDFILTER_DIR", Fate::unneeded, "", own_folder},
    {"", "run_crop_stack", Fate::always, "", "stamps are cut in memory"},
    {"", "CROP_STACK_DIR", Fate::unneeded, "", own_folder},
    {"CROP_STACK", "PostStamp_Xsize", Fate::same, "estimate.stamp", "an even number becomes the next odd one: a pixel is in the middle", stamp},
    {"CROP_STACK", "PostStamp_Ysize", Fate::same, "estimate.stamp_y", "where it differs from PostStamp_Xsize", stamp_y},
    {"CROP_STACK", "TransformationType", Fate::same, "estimate.places", "SkyToPlane: sky, PlaneToPlane: pixels, from 1", transformation},
    {"", "run_prf_estimate", Fate::always, "", ""},
    {"PRF_ESTIMATE", "PRF_ResampleY_Factor", Fate::same, "estimate.samples_per_pixel_y", "where it differs from PRF_ResampleX_Factor", sampling_y},
    {"PRF_ESTIMATE", "Fit_Seed", Fate::same, "estimate.fit", "negative: false", seed},
    {"PRF_ESTIMATE", "Fit_X", Fate::same, "estimate.fit_box", "an even number becomes the next odd one", fit_box},
    {"PRF_ESTIMATE", "Fit_Y", Fate::same, "estimate.fit_box_y", "where it differs from Fit_X", fit_box_y},
    {"PRF_ESTIMATE", "Center_Box_X", Fate::same, "estimate.core_box", "an even number becomes the next odd one", core_box},
    {"PRF_ESTIMATE", "Center_Box_Y", Fate::same, "estimate.core_box_y", "where it differs from Center_Box_X", core_box_y},
    {"", "delete_intermediate_files", Fate::unneeded, "", "no such files are made"},
};

}  // namespace

std::span<const KeyRule> prf_rules() { return rules; }

void read_prf(Import& import) {
  import.set("estimate.method", "mopex", "prf_estimate's own method; for undersampled frames take effective");
  import.set("background.method", "none", "prf_estimate.pl matches no backgrounds");
  import.set("rejection.method", "none", "prf_estimate.pl finds outliers in the stamps");
  if (!import.config().find("PRF_ESTIMATE", "PRF_ResampleX_Factor")) import.set("estimate.samples_per_pixel", "4", "PRF_ResampleX_Factor where it is not given");
  if (!import.config().find("", "run_medfilter")) import.set("fit_sky.method", "none", "run_medfilter is off");
  if (!import.on("run_medfilter"))
    for (const LegacySetting& s : import.config().settings)
      if (text::lower(s.block) == "medfilter") import.note(Fate::unused, s, "run_medfilter is off");
  const auto* column = import.config().find("PRF_ESTIMATE", "Flux_Column_Name");
  if (column && column->value.empty()) import.note(Fate::unused, *column, "no value: the fit's fluxes");
}

}  // namespace tessera::translate
