// What the keys of APEX namelists become: one rule per key of the guide's chapter 6 that is no plain alias of an option of tessera extract. Those of its mosaic (S/N Estimator, Fiducial Image Frame,
// Mosaic Interpolate, Mosaic CoAdder) have the rules of mosaic.pl.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tessera/base/text.h"
#include "tessera/translate/import_report.h"
#include "tessera/translate/mopex_values.h"

namespace tessera::translate {

namespace {

using param::LegacySetting;
using namespace mopex;

constexpr std::string_view windows = "windows with too few good pixels take the value of the nearest that has more, where MOPEX interpolates between so many neighbours";
constexpr std::string_view skies = "windows with fewer good pixels have the sky of those there are, where MOPEX interpolates between neighbours; panels without any have the mean of their neighbours";
constexpr std::string_view simplex = "positions are found by Levenberg-Marquardt on exact gradients, which needs no such number";

std::string whole(double n) { return fmt::format("{:.0f}", n); }

void input_image(Import& import, const LegacySetting& s) {
  import.input(param::legacy::printable(s.value));
  import.note(Fate::command_line, s, "the image, as an argument");
}

void mosaic_response(Import& import, const LegacySetting& s) {
  import.flag("--set", "detection.psf=" + param::legacy::printable(s.value));
  import.note(Fate::command_line, s, "detection.psf");
}

void noise_side(Import& import, const LegacySetting& s, std::string_view option) {
  if (const auto n = import.number(s)) import.set(option, whole(std::max(8.0, std::round(*n / 2))), s, "windows of twice this side, this far apart, and what lies between is interpolated", Fate::differs);
}

void noise_width(Import& import, const LegacySetting& s) { noise_side(import, s, "detection.noise_cell"); }
void noise_height(Import& import, const LegacySetting& s) { noise_side(import, s, "detection.noise_cell_y"); }

void filter_side(Import& import, const LegacySetting& s, std::string_view option) {
  const auto n = import.number(s);
  if (!n) return;
  const double radius = std::max(1.0, std::floor((*n - 1) / 2));
  const bool same = 2 * radius + 1 == *n;
  import.set(option, whole(radius), s, same ? "" : "of an odd number of pixels, at least 3", same ? Fate::same : Fate::differs);
  import.set("detection.filter_enclosed", "1", "PRF_Xsize and PRF_Ysize say how much of the response counts");
}

void filter_width(Import& import, const LegacySetting& s) { filter_side(import, s, "detection.filter_max_radius"); }
void filter_height(Import& import, const LegacySetting& s) { filter_side(import, s, "detection.filter_max_radius_y"); }

void fitting_side(Import& import, const LegacySetting& s, std::string_view option) {
  const auto n = import.number(s);
  if (!n) return;
  if (*n != std::floor(*n) || *n < 1) return import.note(Fate::refused, s, "a whole number of pixels was expected; the side follows from the other one, or from the response");
  const double odd = std::max(3.0, *n + (std::fmod(*n, 2) == 0 ? 1 : 0));
  import.set(option, whole(odd), s, odd == *n ? "" : "an odd number of at least 3 pixels, so that one is in the middle", odd == *n ? Fate::same : Fate::differs);
}

void fitting_width(Import& import, const LegacySetting& s) { fitting_side(import, s, "fit.window"); }
void fitting_height(Import& import, const LegacySetting& s) { fitting_side(import, s, "fit.window_y"); }

void detect(Import& import, const LegacySetting& s) { import.note(Fate::always, s, "sources are found"); }

void edge(Import& import, const LegacySetting& s) {
  const auto n = import.number(s);
  if (!n) return;
  if (*n < 0) return import.note(Fate::always, s, "sources beyond the edge are fitted where pixels of their window are on the image");
  import.set("fit.edge", whole(std::floor(*n)), s, *n < 1 ? "sources beyond the edge are fitted where pixels of their window are on the image" : "", *n < 1 ? Fate::differs : Fate::same);
}

/// What the module of lists leaves out; it has to agree with the fit's.
void map_edge(Import& import, const LegacySetting& s) {
  if (import.config().find("SOURCESTIMATE", "N_Edge")) import.note(Fate::same, s, "that of &SOURCESTIMATE counts, which it has to match");
  else edge(import, s);
}

void neighbours(Import& import, const LegacySetting& s) {
  const std::string type = text::lower(s.value);
  const bool sides = type == "sides_only", corners = type.find("corner") != std::string::npos;
  if (sides || corners) import.set("detection.neighbours", sides ? "edge" : "corner", s);
  else import.note(Fate::refused, s, "sides_only, or a word with corner, was expected; pixels that touch at a side hang together");
}

void background(Import& import, const LegacySetting& s) {
  import.set("fit.background", is_off(s.value) ? "none" : "common", s, is_off(s.value) ? "" : "one constant for each group of sources fitted together");
}

/// PRF pixels become those of the image.
void normalisation(Import& import, const LegacySetting& s) {
  if (const auto radius = in_image_pixels(import, s)) import.set("psf.normalisation_radius", text::from_double(*radius), s, "image pixels");
}

void annulus(Import& import, const LegacySetting& s) { import.note(Fate::same, s, is_off(s.value) ? "no ring" : "aperture.annulus_inner and aperture.annulus_outer"); }

const KeyRule rules[] = {
    // Files of one data set.
    {"", "INPUT_FILE_NAME", Fate::command_line, "", "the image, as an argument; -i in tessera mopex", input_image},
    {"", "SIGMA_FILE_NAME", Fate::command_line, "-S", "-s or -S in tessera mopex"},
    {"", "COVERAGE_MAP", Fate::command_line, "-C", "NAME_cov.fits beside NAME.fits where it is not given"},
    {"", "DCE_STATUS_MASK", Fate::command_line, "-d", "mask of the image"},
    {"", "RMASK_FILE_NAME", Fate::command_line, "-R", "outlier mask of the image"},
    {"", "IMAGELIST_FILE_NAME", Fate::unneeded, "", "a list that MOPEX writes for itself"},
    {"", "INPUT_USER_LIST", Fate::command_line, "--sources", "-u in tessera mopex"},
    {"", "PRFMAP_FILE_NAME", Fate::command_line, "--psf", "-m in tessera mopex; wins over PRF_file_name"},
    {"", "PRF_file_name", Fate::command_line, "--psf", "-p in tessera mopex"},
    {"", "MOSAIC_PRF_file_name", Fate::command_line, "detection.psf", "-P in tessera mopex; not given: the response of a coadd of the frames", mosaic_response},
    {"", "use_input_list_type", Fate::same, "catalog.sources_in", "0: pixels; 1 and 3: sky", left_over},
    {"", "RMask_Fatal_BitPattern", Fate::same, "rejection.fatal_bits", "with RMASK_LIST", left_over},
    {"", "USE_REFINED_POINTING", Fate::same, "input.pointing", "1: refined", refined_pointing},
    // Which image is searched, and what its threshold counts.
    {"", "run_detect_medfilter", Fate::same, "detection.background", "panels or median as Use_Sbkg_for_Med says; 0: none", left_over},
    {"DETECT_MEDFILTER", "Use_Sbkg_for_Med", Fate::same, "detection.background", "1: panels, 0: median", left_over},
    {"DETECT_MEDFILTER", "N_Outliers_Per_Window", Fate::differs, "detection.dropped", "of a full window; in proportion where a window is cut by the edge"},
    {"DETECT_MEDFILTER", "Min_Good_Pixels_In_Window", Fate::unneeded, "", skies},
    {"DETECT_MEDFILTER", "Min_GoodNeighbors_Number", Fate::unneeded, "", skies},
    {"DETECT_MEDFILTER", "Max_Bad_Pixels_OutputImage", Fate::unneeded, "", "MOPEX gives an image with more bad pixels up; here none is given up"},
    {"", "run_pointsourceprob", Fate::same, "detection.image", "with use_psp_to_detect", left_over},
    {"", "use_psp_to_detect", Fate::same, "detection.image", "1: probability, 0: filtered, 2: pixels, -1: pixels with detection.background = none", left_over},
    {"POINTSOURCEPROB", "PRF_ResampleX_Factor", Fate::same, "detection.psf_samples_per_pixel", "of MOSAIC_PRF_file_name", left_over},
    {"POINTSOURCEPROB", "PRF_ResampleY_Factor", Fate::same, "detection.psf_samples_per_pixel_y", "where it differs from PRF_ResampleX_Factor", sampling_y},
    {"POINTSOURCEPROB", "PRF_Xsize", Fate::same, "detection.filter_max_radius", "half of it; an even number becomes the odd one below", filter_width},
    {"POINTSOURCEPROB", "PRF_Ysize", Fate::same, "detection.filter_max_radius_y", "as PRF_Xsize", filter_height},
    {"POINTSOURCEPROB", "Noise_Type", Fate::same, "detection.uncertainty", "internal_noise: none; times the width that the filtered image has by it", left_over},
    {"POINTSOURCEPROB", "Apriori_Probability", Fate::differs, "detection.prior", "the exponent is not rescaled; detection.probability_scale does that"},
    {"", "use_unc_to_detect", Fate::same, "detection.uncertainty", "1: as stated; wins over use_std_to_detect; neither: none", left_over},
    {"", "use_std_to_detect", Fate::same, "detection.uncertainty", "1: std, where use_unc_to_detect is off", left_over},
    {"", "run_gaussnoise", Fate::always, "", "the noise of the filtered image is measured in windows"},
    {"GAUSSNOISE", "Window_X", Fate::differs, "detection.noise_cell", "half of it: windows stand half a window apart, where MOPEX has one for every pixel", noise_width},
    {"GAUSSNOISE", "Window_Y", Fate::differs, "detection.noise_cell_y", "as Window_X", noise_height},
    {"GAUSSNOISE", "N_Outliers_Per_Window", Fate::unneeded, "", "no number of pixels is left out: the lower half of them counts alone where the upper one is wider, and the noise may differ from MOPEX's by that"},
    {"GAUSSNOISE", "Min_Good_Pixels_In_Window", Fate::differs, "detection.noise_min_pixels", "windows with fewer take the value of the nearest that has more, where MOPEX interpolates"},
    {"GAUSSNOISE", "Min_GoodNeighbors_Number", Fate::unneeded, "", windows},
    {"GAUSSNOISE", "Min_GoodNeighbours_Number", Fate::unneeded, "", windows},
    {"GAUSSNOISE", "Max_BadPixels_OutputImage", Fate::unneeded, "", "MOPEX gives an image with more bad pixels up; here none is given up"},
    {"PSP_GAUSSNOISE", "Window_X", Fate::differs, "detection.noise_cell", "as that of &GAUSSNOISE, for Input_Type = snr_input", noise_width},
    {"PSP_GAUSSNOISE", "Window_Y", Fate::differs, "detection.noise_cell_y", "as Window_X", noise_height},
    {"PSP_GAUSSNOISE", "N_Outliers_Per_Window", Fate::unneeded, "", "no number of pixels is left out: the lower half of them counts alone where the upper one is wider, and the noise may differ from MOPEX's by that"},
    // Detection.
    {"", "run_detect", Fate::same, "detection.table", "1: sources are found; 0, without a list: those of an earlier run, mosaic_detect.tbl in the output folder", detect},
    {"DETECT", "Input_Type", Fate::same, "detection.threshold_unit", "image_input: whole; snr_input: local", left_over},
    {"DETECT", "Detect_Min_Peak_Fraction", Fate::same, "detection.min_peak_fraction", "as Detection_Min_Peak_Fraction"},
    {"DETECT", "Min_Coverage", Fate::same, "detection.min_coverage", "as Minimum_Coverage"},
    {"DETECT", "Probability_Threshold", Fate::same, "detection.probability_limit", "as PROBABILITY_THRESHOLD"},
    {"DETECT", "Neighbor_Type", Fate::same, "detection.neighbours", "sides_only: edge, also where it is not given, as the guide's normal choice", neighbours},
    {"DETECT", "Output_Type", Fate::unneeded, "", "every detection has its centroid, area and shape; its pixels are in segmentation.fits (catalog.segmentation_map)"},
    {"DETECT", "Window_X", Fate::differs, "detection.noise_cell", "as that of &GAUSSNOISE, for Input_Type = snr_input", noise_width},
    {"DETECT", "Window_Y", Fate::differs, "detection.noise_cell_y", "as Window_X", noise_height},
    {"DETECT", "N_Outliers_Per_Window", Fate::unneeded, "", "no number of pixels is left out: the lower half of them counts alone where the upper one is wider, and the noise may differ from MOPEX's by that"},
    {"DETECT", "Complete_Table_Out_Filename", Fate::unneeded, "", own_folder},
    {"DETECT", "FITS_Out_Filename", Fate::unneeded, "", own_folder},
    {"DETECT", "Mask_Out_Filename", Fate::unneeded, "", own_folder},
    {"DETECT", "Peaks_Image_Filename", Fate::unneeded, "", own_folder},
    {"DETECT", "Number_Cluster_Image_Filename", Fate::unneeded, "", own_folder},
    {"", "run_bright_detect", Fate::always, "", "every detection has its shape"},
    {"BRIGHT_DETECT", "Detection_Threshold", Fate::same, "detection.bright_limit", "with use_bright_object_mask", left_over},
    {"BRIGHT_DETECT", "Detection_Min_Area", Fate::same, "detection.bright_area", "with use_bright_object_mask", left_over},
    {"", "use_bright_object_mask", Fate::same, "detection.bright_limit", "that of &BRIGHT_DETECT: whole objects are left out, in the unit of the threshold", left_over},
    {"", "run_select_detect", Fate::same, "catalog.detect_where", "1: select_detect_conditions counts", left_over},
    {"", "select_detect_conditions", Fate::same, "catalog.detect_where", "with run_select_detect", left_over},
    {"", "select_detect_columns", Fate::same, "catalog.detect_pick", "with run_select_detect; without BlendId and BlendSize nothing is deblended passively", left_over},
    {"", "run_fit_radius", Fate::same, "fit.window_from", "1, without Fitting_Area: light; the rule of the guide on the image less its background", left_over},
    {"", "run_detection_map", Fate::always, "", "places of a list are followed through all frames"},
    {"", "run_detectionmap", Fate::always, "", "places of a list are followed through all frames"},
    {"DETECTIONMAP", "N_Edge", Fate::same, "fit.edge", "has to match that of &SOURCESTIMATE, which counts where it is given", map_edge},
    // The fit.
    {"", "run_extract_medfilter", Fate::same, "fit_sky.method", "panels or median, of each frame by itself where frames are fitted; 0: none", left_over},
    {"", "use_background_subtracted_image_for_fitting", Fate::same, "fit_sky.method", "0: none", left_over},
    {"EXTRACT_MEDFILTER", "Use_Sbkg_for_Med", Fate::same, "fit_sky.method", "1: panels, 0: median", left_over},
    {"EXTRACT_MEDFILTER", "N_Outliers_Per_Window", Fate::differs, "fit_sky.dropped", "of a full window; in proportion where a window is cut by the edge"},
    {"EXTRACT_MEDFILTER", "Min_Good_Pixels_In_Window", Fate::unneeded, "", skies},
    {"EXTRACT_MEDFILTER", "Min_GoodNeighbors_Number", Fate::unneeded, "", skies},
    {"EXTRACT_MEDFILTER", "Max_Bad_Pixels_OutputImage", Fate::unneeded, "", "MOPEX gives an image with more bad pixels up; here none is given up"},
    {"", "run_sourcestimate", Fate::same, "fit.skip", "0: true", left_over},
    {"SOURCESTIMATE", "InputType", Fate::unneeded, "", "follows from the script"},
    {"SOURCESTIMATE", "Fitting_Area_X", Fate::same, "fit.window", "an even number becomes the next odd one: a pixel is in the middle", fitting_width},
    {"SOURCESTIMATE", "Fitting_Area_Y", Fate::same, "fit.window_y", "as Fitting_Area_X", fitting_height},
    {"SOURCESTIMATE", "Max_Number_PS", Fate::same, "fit.max_sources", "with Chi_Threshold", left_over},
    {"SOURCESTIMATE", "Chi_Threshold", Fate::same, "fit.max_chi2", "a fit above it has status -2, and more sources are tried where Max_Number_PS allows it"},
    {"SOURCESTIMATE", "N_Edge", Fate::same, "fit.edge", "an image is left out for the sources so near to its edge; 0 and below: sources beyond it are fitted by the pixels of their windows", edge},
    {"SOURCESTIMATE", "Max_N_Iteration", Fate::unneeded, "", simplex},
    {"SOURCESTIMATE", "Max_N_Success_Iteration", Fate::unneeded, "", simplex},
    {"SOURCESTIMATE", "MinimizeFtol", Fate::unneeded, "", simplex},
    {"SOURCESTIMATE", "MinimizeFtolSuccess", Fate::unneeded, "", simplex},
    {"SOURCESTIMATE", "DitherPixelFraction", Fate::unneeded, "", simplex},
    {"SOURCESTIMATE", "DitherFluxFraction", Fate::unneeded, "", simplex},
    {"SOURCESTIMATE", "DeblendDitherPixelFraction", Fate::unneeded, "", simplex},
    {"SOURCESTIMATE", "Random_Fit", Fate::unneeded, "", "a fit of the same data has the same result"},
    {"SOURCESTIMATE", "Background_Fit", Fate::same, "fit.background", "1: common", background},
    {"SOURCESTIMATE", "Chi2_Improvement", Fate::same, "fit.chi2_gain", "with Max_Number_PS above 1"},
    {"SOURCESTIMATE", "PRF_ResampleY_Factor", Fate::same, "psf.samples_per_pixel_y", "where it differs from PRF_ResampleX_Factor", sampling_y},
    {"SOURCESTIMATE", "Normalization_Radius", Fate::same, "psf.normalisation_radius", "PRF pixels become image pixels; normalised for a source in the middle of a pixel", normalisation},
    {"SOURCESTIMATE", "MaxShift_X", Fate::differs, "fit.max_shift", "along x of the mosaic or image; who would go further is held there, with status -2 and O, where MOPEX gives the place beyond. Both 0: positions stay fixed", left_over},
    {"SOURCESTIMATE", "MaxShift_Y", Fate::differs, "fit.max_shift_y", "along y, as MaxShift_X", left_over},
    {"SOURCESTIMATE", "Angular_Distance", Fate::same, "fit.group_radius", "for lists", left_over},
    {"SOURCESTIMATE", "Use_Photerr_for_SNR", Fate::same, "fit.snr", "0: peak, 1: core, 2: gain", left_over},
    {"SOURCESTIMATE", "Gain_for_SNR", Fate::same, "fit.snr_gain", "with Use_Photerr_for_SNR = 2", left_over},
    {"", "use_data_unc_for_fitted_SNR", Fate::same, "fit.snr_noise", "1: stated, 0: sky", left_over},
    {"", "aponly_fixed", Fate::same, "fit.skip", "1: apertures about the places of the list, and no fit", left_over},
    // Apertures.
    {"", "run_aperture", Fate::same, "aperture.radii", "0: none", left_over},
    {"APERTURE", "N_Apertures", Fate::same, "aperture.radii", "", left_over},
    {"APERTURE", "Aperture_Radius_1", Fate::same, "aperture.radii", "", left_over},
    {"APERTURE", "Aperture_Radius_2", Fate::same, "aperture.radii", "", left_over},
    {"APERTURE", "Aperture_Radius_3", Fate::same, "aperture.radii", "", left_over},
    {"APERTURE", "Aperture_Radius_4", Fate::same, "aperture.radii", "", left_over},
    {"APERTURE", "Aperture_Radius_5", Fate::same, "aperture.radii", "", left_over},
    {"APERTURE", "Use_Annulus", Fate::same, "aperture.annulus_outer", "0: no ring", annulus},
    {"APERTURE", "Min_Number_Pixels", Fate::same, "aperture.min_pixels", "with fewer nothing is subtracted (aperture.without_sky = unsubtracted)"},
    {"APERTURE", "X_Column_Name", Fate::unneeded, "", "RA and Dec of a list count, or x and y with use_input_list_type = 0"},
    {"APERTURE", "Y_Column_Name", Fate::unneeded, "", "RA and Dec of a list count, or x and y with use_input_list_type = 0"},
    {"APERTURE", "HighPrecision", Fate::always, "", "overlaps are exact, sums in double precision"},
    {"", "use_background_subtracted_image_for_aperture", Fate::differs, "aperture.image", "1: subtracted, of the background of the detection; 0: original", left_over},
    {"", "use_extract_table_for_aperture", Fate::same, "aperture.place", "1: fitted, 0: found", left_over},
    // The tables.
    {"", "run_select", Fate::same, "catalog.where", "1: select_columns and select_conditions count", left_over},
    {"", "select_columns", Fate::same, "catalog.pick", "with run_select", left_over},
    {"", "select_conditions", Fate::same, "catalog.where", "with run_select", left_over},
    {"SELECT", "select_columns", Fate::same, "catalog.pick", "with run_select", left_over},
    {"SELECT", "select_conditions", Fate::same, "catalog.where", "with run_select", left_over},
    {"", "delete_intermediate_files", Fate::same, "catalog.significance_map", "0: the image that was searched, its noise, background and detections are kept", left_over},
};

}  // namespace

std::span<const KeyRule> apex_rules() { return rules; }

}  // namespace tessera::translate
