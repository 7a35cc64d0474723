// What namelists and SWarp configurations become, checked through the reader of `tessera mosaic -c`.
#include "tessera/translate/import_report.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <random>

#include "places.h"
#include "tessera/base/files.h"
#include "tessera/param/namelist.h"
#include "tessera/param/swarp_config.h"
#include "tessera/param/toml_file.h"

namespace tessera::translate {
namespace {

using testing::HasSubstr;
using testing::Not;

struct Translated {
  std::string title, toml, log;
  std::map<std::string, std::string> set;  ///< what `tessera mosaic -c` reads from it
  std::size_t settings = 0, lines = 0;
  long missing = 0;
  std::string operator[](const std::string& key) const { return set.contains(key) ? set.at(key) : "default"; }
};

Translated translated(std::string_view text, bool swarp = false) {
  const param::LegacyConfig config = swarp ? param::read_swarp_config(text) : param::read_namelist(text);
  const auto script = script_for(config);
  Import import = swarp ? Import{config, "swarp", swarp_rules()} : import_namelist(config, script);
  Translated t;
  t.title = swarp ? translate_swarp(import) : translate_namelist(import, script);
  t.toml = import.toml(t.title);
  t.settings = config.settings.size();
  t.missing = import.count(Fate::missing);
  std::set<std::string> told;
  for (const auto& line : import.report()) {
    t.log += line.text + "\n";
    if (!line.trap) told.insert(line.text.substr(0, line.text.find(" = ")));
  }
  t.lines = told.size();
  ProgramOptions bound;
  param::OptionSet options;
  bound.declare(import.program(), options);
  param::read_toml(t.toml, "translation", options);
  for (const auto& s : options.settings())
    if (s.source != param::Source::initial) t.set[s.key] = s.value;
  return t;
}

constexpr std::string_view flow = "run_mosaic_outlier = 1\nrun_mosaic_rmask = 1\nrun_mosaic_coadder = 1\n";
std::string mosaic_with(const std::string& more) { return std::string{flow} + more; }

TEST(ImportMopex, DegreesBecomeArcsecAndTheSizeWins) {
  const auto t = translated("MOSAIC_PIXEL_SIZE_X = -1.6667E-4\nMOSAIC_PIXEL_SIZE_Y = 1.6667E-4\nMOSAIC_PIXEL_RATIO_X = 2\n");
  EXPECT_EQ(t["grid.pixel_scale"], "0.600012");
  EXPECT_EQ(t["grid.oversample"], "default");
  EXPECT_EQ(translated("MOSAIC_PIXEL_RATIO_X = 2\n")["grid.oversample"], "2");
  EXPECT_THAT(translated("MOSAIC_PIXEL_SIZE_X = 1e-4\n").log, HasSubstr("refuses a positive"));
  EXPECT_EQ(translated("MOSAIC_PIXEL_SIZE_X = -1e-4\nMOSAIC_PIXEL_SIZE_Y = 2e-4\n")["grid.pixel_scale_y"], "0.72");
  EXPECT_EQ(translated("MOSAIC_PIXEL_RATIO_X = 2\nMOSAIC_PIXEL_RATIO_Y = 1\n")["grid.oversample_y"], "1");
  EXPECT_EQ(translated("run_fiducial_image_frame = 0\nMOSAIC_PIXEL_SIZE_X = -1e-4\n")["grid.file_pixels"], "resize") << "of a given FIF the area counts";
  EXPECT_EQ(translated("run_fiducial_image_frame = 1\nMOSAIC_PIXEL_SIZE_X = -1e-4\n")["grid.file_pixels"], "default");
}

TEST(ImportMopex, TheGridComesFromItsBlock) {
  const auto t = translated("&FIDUCIALIMAGEFRAMEIN\nCROTA2 = A,\nCoordinate_System = 'J2000',\nProjection_Type = 'SIN',\nEdge_Padding = 10,\n&END\n");
  EXPECT_EQ(t["grid.rotation"], "mean");
  EXPECT_EQ(t["grid.frame"], "icrs");
  EXPECT_EQ(t["grid.projection"], "SIN");
  EXPECT_EQ(t["grid.padding"], "10");
  EXPECT_EQ(translated("&FIDUCIALIMAGEFRAMEIN\nCoordinate_System = 'Galactic',\n&END\n")["grid.frame"], "galactic");
}

TEST(ImportMopex, LettersAmongDigitsAreReadAsDigits) {
  const auto t = translated("&FIDUCIALIMAGEFRAMEIN\nEdge_Padding = 1O,\nCROTA2 = north,\n&END\n");
  EXPECT_EQ(t["grid.padding"], "10");
  EXPECT_THAT(t.log, HasSubstr("line 2: 1O has letters among its digits; it is read as 10"));
  EXPECT_EQ(t["grid.rotation"], "default");
  EXPECT_THAT(t.log, HasSubstr("line 3: &FIDUCIALIMAGEFRAMEIN CROTA2 = north: not taken over: not a number"));
}

TEST(ImportMopex, SwitchesOfLettersAreReadAsDigits) {
  const auto t = translated("run_mosaic_outlier = l\nrun_mosaic_rmask = 1\nrun_median_mosaic = O\nrun_mosaic_coadder = 1\n");
  EXPECT_EQ(t["rejection.method"], "temporal");
  EXPECT_EQ(t.missing, 0);
  EXPECT_THAT(t.log, HasSubstr("line 1: run_mosaic_outlier is a switch: 1 or 0 was expected; it is read as 1"));
  EXPECT_THAT(t.log, HasSubstr("line 3: run_median_mosaic is a switch: 1 or 0 was expected; it is read as 0"));
}

TEST(ImportMopex, TheRmaskCanOnlyRaiseAThreshold) {
  const auto both = [](const std::string& first, const std::string& second) {
    return translated(mosaic_with("&MOSAICOUTLIERIN\nTOP_THRESHOLD = " + first + ",\n&END\n&MOSAICRMASKIN\nTOP_THRESHOLD = " + second + ",\n&END\n"))["rejection.threshold_high"];
  };
  EXPECT_EQ(both("3.0", "6.0"), "6");
  EXPECT_EQ(both("7.0", "6.0"), "7");
  EXPECT_EQ(both("0.0", "6.0"), "6");
  EXPECT_EQ(both("0.0", "0.0"), "default");
}

TEST(ImportMopex, OutliersCountWhenFoundMaskedUsedAndFatal) {
  EXPECT_EQ(translated(mosaic_with("RMask_Fatal_BitPattern = 15\nUSE_OUTLIER_FOR_RMASK = 1\n"))["rejection.method"], "temporal");
  EXPECT_EQ(translated(mosaic_with("RMask_Fatal_BitPattern = 13\n"))["rejection.method"], "none");
  EXPECT_EQ(translated(mosaic_with("USE_OUTLIER_FOR_RMASK = 0\n"))["rejection.method"], "none");
  EXPECT_EQ(translated("run_mosaic_outlier = 1\nrun_mosaic_coadder = 1\n")["rejection.method"], "none");
  EXPECT_EQ(translated(mosaic_with("delete_intermediate_files = 0\n"))["output.rmasks"], "true");
  EXPECT_EQ(translated(mosaic_with("delete_intermediate_files = 1\n"))["output.rmasks"], "false");
}

TEST(ImportMopex, EverySchemeIsTakenWithItsNumbers) {
  const auto t = translated(mosaic_with(R"(RMask_Fatal_BitPattern = 15
run_detect_radhit = 1
run_detect_outlier = 1
run_mosaic_proj = 1
run_mosaic_dual_outlier = 1
run_level = 1
run_mosaic_box_outlier = 1
USE_DUAL_OUTLIER_FOR_RMASK = 1
USE_BOX_OUTLIER_FOR_RMASK = 1
run_fix_coverage = 1
PMask_Fatal_BitPattern = 18304
PMASK_FILE_NAME = pmask.fits
&DETECT_RADHIT
Segmentation_Threshold = 4, Detection_Max_Area = 5, Radhit_Threshold = 20,
&END
&DETECT
Detection_Threshold = 5, Detection_Min_Area = 2, Detection_Max_Area = 100,
&END
&MOSAICDUALOUTLIERIN
MAX_OUTL_IMAGE = 3, MAX_OUTL_FRAC = 0.6,
&END
&LEVEL
Threshold_Ratio = 0.4,
&END
&MOSAICBOXOUTLIERIN
BOX_X = 5, BOX_Y = 7, BOX_MEDIAN_BIAS = 2,
&END
&MOSAICRMASKIN
MIN_COVERAGE = 4, MAX_COVERAGE = 50, REFINE_OUTLIER = 1, REFINE_OUTLIER_THRESH = 15, BOX_TOP_THRESHOLD = 8, BOX_BOTTOM_THRESHOLD = 9, BOX_MIN_COVERAGE = 2,
&END
)"));
  EXPECT_EQ(t.missing, 0) << t.log;
  EXPECT_EQ(t.lines, t.settings);
  for (const auto& [key, value] : std::vector<std::pair<std::string, std::string>>{
           {"method", "radhit,temporal,dual,box"}, {"radhit_segmentation", "4"}, {"radhit_max_area", "5"}, {"radhit_threshold", "20"}, {"dual_threshold", "5"}, {"dual_min_area", "2"},
           {"dual_max_area", "100"}, {"dual_max_images", "3"}, {"dual_max_fraction", "0.6"}, {"dual_level_ratio", "0.4"}, {"box_width", "5"}, {"box_height", "7"}, {"box_median_bias", "2"},
           {"temporal_min_coverage", "4"}, {"dual_max_coverage", "50"}, {"refine_threshold", "15"}, {"box_threshold_high", "8"}, {"box_threshold_low", "9"}, {"box_min_coverage", "2"}})
    EXPECT_EQ(t["rejection." + key], value) << key;
  EXPECT_EQ(t["input.pmask_fatal_bits"], "18304");
  EXPECT_EQ(t["coadd.min_single_coverage"], "0.95");
  EXPECT_THAT(t.toml, HasSubstr("-M pmask.fits"));
}

TEST(ImportMopex, MosaicMatchesNothingAndOverlapDoes) {
  EXPECT_EQ(translated(flow)["background.method"], "none");
  const auto t = translated("compute_overlap_correction = 1\nrun_detect = 1\nmask_bright = 1\n&DETECT\nDetection_Threshold = 4.0,\n&END\n&COMPUTEOVRLAPCORRIN\nMIN_IMG_NUM = 4,\n&END\n");
  EXPECT_EQ(t["background.method"], "offset");
  EXPECT_EQ(t["background.object_threshold"], "4");
  EXPECT_EQ(t["background.min_images"], "4");
  EXPECT_EQ(t["rejection.method"], "none");
  EXPECT_THAT(t.title, HasSubstr("overlap.pl"));
}

TEST(ImportMopex, BitsAreANumberOrNone) {
  EXPECT_EQ(translated("DCE_Status_Mask_Fatal_BitPattern = 32520\n")["input.fatal_bits"], "32520");
  EXPECT_EQ(translated("DCE_Status_Mask_Fatal_BitPattern = 0\n")["input.fatal_bits"], "none");
  EXPECT_EQ(translated("DCE_Status_Mask_Fatal_BitPattern = -1\n")["input.fatal_bits"], "default");
}

TEST(ImportMopex, ListsGoOnTheCommandLine) {
  const auto t = translated("IMAGE_STACK_FILE_NAME = i.txt\nSIGMALIST_FILE_NAME = s.txt\nDCE_STATUS_MASK_LIST = d.txt\nOUTPUT_DIR = out\nFIF_FILE_NAME = FIF.tbl\nRMASK_LIST =\n");
  EXPECT_THAT(t.toml, HasSubstr("tessera mosaic -c THIS.toml -I i.txt -S s.txt -d d.txt -o out --grid FIF.tbl\n"));
  EXPECT_EQ(t["input.images"], "default");
  EXPECT_THAT(translated("run_fiducial_image_frame = 1\nFIF_FILE_NAME = FIF.tbl\n").toml, Not(HasSubstr("--grid FIF")));
}

TEST(ImportMopex, WhatIsMissingIsNamedOnlyWhereItIsAskedFor) {
  const auto off = translated(mosaic_with("run_mosaic_box_outlier = 0\n&MOSAICBOXOUTLIERIN\nBOX_X = 3,\n&END\n"));
  EXPECT_EQ(off.missing, 0);
  EXPECT_THAT(off.log, HasSubstr("BOX_X = 3: not in use: run_mosaic_box_outlier is off"));
  const auto on = translated(mosaic_with("USE_REFINED_POINTING = 1\n"));
  EXPECT_EQ(on["input.pointing"], "refined");
  EXPECT_EQ(translated(mosaic_with("USE_REFINED_POINTING = 0\n"))["input.pointing"], "default");
  EXPECT_EQ(translated(mosaic_with("run_median_mosaic = 1\n"))["output.median"], "true");
}

TEST(ImportMopex, MedFilterIsTheSkyOfSingleFrames) {
  const auto median = translated(mosaic_with("run_medfilter = 1\n&MEDFILTER\nWindow_X = 31,\nWindow_Y = 33,\nN_Outliers_Per_Window = 40,\nUse_Sbkg_for_Med = 0,\n&END\n"));
  EXPECT_EQ(median["frame_sky.method"], "median");
  EXPECT_EQ(median["frame_sky.window_x"], "31");
  EXPECT_EQ(median["frame_sky.window_y"], "33");
  EXPECT_EQ(median["frame_sky.drop"], "40");
  const auto panels = translated(mosaic_with("run_medfilter = 1\n&MEDFILTER\nUse_Sbkg_for_Med = 1,\nSbkg_Filt_Size_for_Med = 3,\n&END\n"));
  EXPECT_EQ(panels["frame_sky.method"], "panels");
  EXPECT_EQ(panels["frame_sky.panel_filter"], "3");
  EXPECT_EQ(translated(mosaic_with("run_medfilter = 0\n&MEDFILTER\nWindow_X = 31,\n&END\n"))["frame_sky.window_x"], "default");
}

TEST(ImportMopex, ProcessorsAndTheNoiseModelTakeEffect) {
  EXPECT_EQ(translated(mosaic_with("do_multiprocess = off\n"))["run.threads"], "1");
  EXPECT_EQ(translated(mosaic_with("do_multiprocess = on\n"))["run.threads"], "default");
  EXPECT_EQ(translated(mosaic_with("do_multiprocess = manual\nncpu_multiprocess = 3\n"))["run.threads"], "3");
  EXPECT_EQ(translated(mosaic_with("do_multiprocess = on\nncpu_multiprocess = 3\n"))["run.threads"], "default");
  const auto noise = translated(mosaic_with("compute_uncertainties_internally = 1\n&SNESTIMATORIN\nGain = 66.8,\nRead_Noise = 8.8,\nConfusion_Sigma = 1,\n&END\n"));
  EXPECT_EQ(noise["input.gain"], "66.8");
  EXPECT_EQ(noise["input.read_noise"], "8.8");
  EXPECT_EQ(noise["input.confusion_noise"], "1");
  EXPECT_EQ(translated(mosaic_with("compute_uncertainties_internally = 0\n&SNESTIMATORIN\nGain = 66.8,\n&END\n"))["input.gain"], "default");
  EXPECT_THAT(translated(mosaic_with("compute_uncertainties_internally = 1\n")).log, HasSubstr("has no Gain"));
}

TEST(ImportMopex, TheExtrasOfTheCoadditionAreOptions) {
  EXPECT_EQ(translated("MARGIN = -20\n")["grid.margin"], "-20");
  EXPECT_EQ(translated("MARGIN = 0\n")["grid.margin"], "default");
  EXPECT_EQ(translated("MARGIN = 5\n")["grid.margin"], "5");
  const auto tiles = translated(mosaic_with("keep_coadded_tiles = 1\n&MOSAICCOADDIN\nTILEMAX_X = 300,\nTILEMAX_Y = 200,\n&END\n"));
  EXPECT_EQ(tiles["output.tiles"], "true");
  EXPECT_EQ(tiles["output.tile_width"], "300");
  EXPECT_EQ(tiles["output.tile_height"], "200");
  const auto moving = translated("MOVING_OBJECT_MOSAIC = 5\n");
  EXPECT_EQ(moving["grid.moving"], "header");
  EXPECT_EQ(moving["grid.moving_reference"], "5");
  EXPECT_EQ(translated("MOVING_OBJECT_MOSAIC = 0\n")["grid.moving"], "default");
  EXPECT_EQ(translated("run_mosaic_geom = 1\n")["output.geometry"], "true");
  const auto sky = translated(mosaic_with("run_mosaic_medfilter = 1\n&MOSAIC_MEDFILTER\nWindow_X = 31,\nWindow_Y = 33,\nN_Outliers_Per_Window = 200,\nUse_Sbkg_for_Med = 1,\nSbkg_Filt_Size_for_Med = 1,\n&END\n"));
  EXPECT_EQ(sky["output.local_sky"], "true");
  EXPECT_EQ(sky["local_sky.window_x"], "31");
  EXPECT_EQ(sky["local_sky.window_y"], "33");
  EXPECT_EQ(sky["local_sky.drop"], "200");
  EXPECT_EQ(sky["local_sky.panels"], "true");
  EXPECT_EQ(sky["local_sky.panel_filter"], "1");
  const std::string images = "ARRAY_CORR_IMAGE = c.fits\nARRAY_PIXAREA_IMAGE = a.fits\n";
  const auto on = translated(images + "make_array_corr_files = 1\nmake_array_corr_mosaic = 1\n");
  EXPECT_EQ(on["output.array_correction"], "c.fits");
  EXPECT_EQ(on["output.array_pixel_area"], "a.fits");
  EXPECT_EQ(translated(images)["output.array_correction"], "default");
}

TEST(ImportApex, TheScriptFollowsFromTheFilesAndTheTypeOfInput) {
  const auto script = [](const std::string& text) { return name_of(script_for(param::read_namelist(text))); };
  const std::string fit = "&SOURCESTIMATE\nFitting_Area_X = 5,\n&END\n";
  EXPECT_EQ(script("IMAGE_STACK_FILE_NAME = a\nrun_detect = 1\n" + fit), "apex.pl");
  EXPECT_EQ(script("INPUT_FILE_NAME = a\nrun_detect = 1\n" + fit), "apex_1frame.pl");
  EXPECT_EQ(script("IMAGE_STACK_FILE_NAME = a\nINPUT_USER_LIST = l\n" + fit), "apex_user_list.pl");
  EXPECT_EQ(script("&SOURCESTIMATE\nInputType = 'image_list',\n&END\nINPUT_USER_LIST = l\n"), "apex_user_list_1frame.pl");
  EXPECT_EQ(script("&APERTURE\nN_Apertures = 1,\n&END\n"), "aperture.pl");
  EXPECT_EQ(script("&POINTSOURCEIMAGE\nInput_RA_Dec = 1,\n&END\n"), "apex_qa.pl");
  EXPECT_EQ(script("&CROP_STACK\nPostStamp_Xsize = 21,\n&END\n"), "prf_estimate.pl");
  EXPECT_EQ(script("run_mosaic_coadder = 1\n"), "mosaic.pl");
}

std::string apex_with(const std::string& more, const std::string& fit = "") {
  return "INPUT_FILE_NAME = m.fits\nrun_detect = 1\nrun_sourcestimate = 1\n" + more + "&SOURCESTIMATE\nInputType = 'image_list',\n" + fit + "&END\n";
}

TEST(ImportApex, TheImageThatIsSearched) {
  const auto searched = [](const std::string& use, const std::string& more = "run_pointsourceprob = 1\n") {
    const auto t = translated(apex_with("use_psp_to_detect = " + use + "\n" + more));
    return t["detection.image"] + " " + t["detection.background"];
  };
  EXPECT_EQ(searched("1"), "probability none");
  EXPECT_EQ(searched("0"), "filtered none");
  EXPECT_EQ(searched("2", "run_detect_medfilter = 1\n"), "pixels median");
  EXPECT_EQ(searched("-1", "run_detect_medfilter = 1\n"), "pixels none");
  EXPECT_EQ(searched("1", ""), "pixels none") << "no probability was made";
  const auto snr = translated(apex_with("&DETECT\nInput_Type = 'snr_input',\nDetection_Threshold = 3,\nDetect_Min_Peak_Fraction = 0.2,\n&END\n&PSP_GAUSSNOISE\nWindow_X = 40,\nWindow_Y = 60,\n&END\n"));
  EXPECT_EQ(snr["detection.threshold_unit"], "local");
  EXPECT_EQ(snr["detection.threshold"], "3") << "of extract, not of the dual outliers of a mosaic";
  EXPECT_EQ(snr["detection.min_peak_fraction"], "0.2");
  EXPECT_EQ(snr["detection.noise_cell"], "20");
  EXPECT_EQ(snr["detection.noise_cell_y"], "30");
  EXPECT_EQ(snr["detection.neighbours"], "edge") << "the guide's normal choice";
  const auto more = translated(apex_with("run_pointsourceprob = 1\nuse_psp_to_detect = 1\n&DETECT\nNeighbor_Type = sides_and_corners,\n&END\n&POINTSOURCEPROB\nPRF_Xsize = 5,\nPRF_Ysize = 9,\n&END\n&GAUSSNOISE\nMin_Good_Pixels_In_Window = 9,\n&END\n"));
  EXPECT_EQ(more["detection.neighbours"], "corner");
  EXPECT_EQ(more["detection.filter_max_radius"], "2");
  EXPECT_EQ(more["detection.filter_max_radius_y"], "4");
  EXPECT_EQ(more["detection.filter_enclosed"], "1");
  EXPECT_EQ(more["detection.noise_min_pixels"], "9");
}

TEST(ImportApex, TheFitAndItsPrf) {
  const auto t = translated(apex_with("run_extract_medfilter = 1\nuse_data_unc_for_fitted_SNR = 0\n&EXTRACT_MEDFILTER\nUse_Sbkg_for_Med = 1,\nWindow_X = 31,\n&END\n",
                                      "Fitting_Area_X = 6,\nFitting_Area_Y = 8,\nPRF_ResampleX_Factor = 4,\nPRF_ResampleY_Factor = 4,\nNormalization_Radius = 44,\nUse_Photerr_for_SNR = 2,\nGain_for_SNR = 1000,\n"
                                      "Background_Fit = 1,\nMax_Number_PS = 3,\nChi_Threshold = 4,\nChi2_Improvement = 0.5,\nN_Edge = -2,\nAngular_Distance = 6,\n"));
  EXPECT_EQ(t["fit.window"], "7") << "odd";
  EXPECT_EQ(t["fit.window_y"], "9");
  EXPECT_EQ(t["fit_sky.method"], "panels");
  EXPECT_EQ(t["fit_sky.window_x"], "31");
  EXPECT_EQ(t["psf.samples_per_pixel"], "4");
  EXPECT_EQ(t["psf.normalisation_radius"], "11");
  EXPECT_EQ(t["psf.normalisation"], "central");
  EXPECT_EQ(t["fit.snr"], "gain");
  EXPECT_EQ(t["fit.snr_gain"], "1000");
  EXPECT_EQ(t["fit.snr_noise"], "sky");
  EXPECT_EQ(t["fit.background"], "common");
  EXPECT_EQ(t["detection.rounds"], "1");
  EXPECT_EQ(t["fit.max_sources"], "3");
  EXPECT_EQ(t["fit.max_chi2"], "4");
  EXPECT_EQ(t["fit.chi2_gain"], "0.5");
  EXPECT_EQ(translated(apex_with("", "Max_Number_PS = 3,\n"))["fit.max_sources"], "default") << "no threshold to exceed";
  EXPECT_EQ(translated(apex_with("run_fit_radius = 1\n"))["fit.window_from"], "light");
  EXPECT_EQ(translated(apex_with("run_fit_radius = 1\n", "Fitting_Area_X = 5,\nFitting_Area_Y = 5,\n"))["fit.window_from"], "default") << "of the two the area counts";
  EXPECT_EQ(t["fit.edge"], "default");
  EXPECT_EQ(t["fit.group_radius"], "default") << "for lists alone";
  EXPECT_EQ(translated(apex_with("use_background_subtracted_image_for_fitting = 0\nrun_extract_medfilter = 1\n"))["fit_sky.method"], "none");
  EXPECT_EQ(translated(apex_with("use_bright_object_mask = 1\n&BRIGHT_DETECT\nDetection_Threshold = 100,\n&END\n"))["detection.bright_limit"], "100");
  EXPECT_EQ(translated(apex_with("use_bright_object_mask = 1\n&BRIGHT_DETECT\nDetection_Threshold = 100,\nDetection_Min_Area = 30,\n&END\n"))["detection.bright_area"], "30");
  auto columns = translated(apex_with("run_select_detect = 1\nselect_detect_columns = \"srcid,x,y,flux\"\n"));
  EXPECT_EQ(columns["catalog.detect_pick"], "srcid,x,y,flux");
  EXPECT_EQ(columns["fit.group_distance"], "0");
  EXPECT_EQ(translated(apex_with("run_select_detect = 1\nselect_detect_columns = \"srcid,x,y,flux,BlendId,BlendSize\"\n"))["fit.group_distance"], "default");
  EXPECT_EQ(translated(apex_with("use_bright_object_mask = 0\n&BRIGHT_DETECT\nDetection_Threshold = 100,\n&END\n"))["detection.bright_limit"], "default");
  EXPECT_EQ(translated(apex_with("", "PRF_ResampleX_Factor = 4,\nPRF_ResampleY_Factor = 5,\n"))["psf.samples_per_pixel_y"], "5");
  EXPECT_EQ(translated(apex_with("", "PRF_ResampleX_Factor = 4,\nPRF_ResampleY_Factor = 4,\n"))["psf.samples_per_pixel_y"], "default");
  EXPECT_EQ(translated("run_sourcestimate = 0\n" + apex_with("").substr(apex_with("").find("&")))["fit.skip"], "true");
}

TEST(ImportApex, ListsMoveAsFarAsTheyMay) {
  const auto list = [](const std::string& fit, const std::string& more = "") { return translated("INPUT_USER_LIST = l.tbl\nrun_sourcestimate = 1\n" + more + "&SOURCESTIMATE\nInputType = 'image_list',\n" + fit + "&END\n&DETECT\nDetection_Threshold = 4,\n&END\n"); };
  const auto t = list("MaxShift_X = 2,\nMaxShift_Y = 3,\nAngular_Distance = 6,\n");
  EXPECT_EQ(t["fit.positions"], "free");
  EXPECT_EQ(t["fit.max_shift"], "2");
  EXPECT_EQ(t["fit.max_shift_y"], "3");
  EXPECT_EQ(list("MaxShift_Y = 3,\n")["fit.max_shift"], "3") << "one counts for both";
  EXPECT_EQ(list("MaxShift_X = 0,\nMaxShift_Y = 3,\n")["fit.max_shift"], "0.01");
  EXPECT_EQ(t["fit.group_radius"], "6");
  EXPECT_EQ(t["detection.threshold"], "default");
  EXPECT_THAT(t.toml, HasSubstr("--sources l.tbl"));
  EXPECT_EQ(list("MaxShift_X = 0,\nMaxShift_Y = 0,\n")["fit.positions"], "fixed");
  EXPECT_EQ(list("N_Edge = 4,\n", "&DETECTIONMAP\nN_Edge = 6,\n&END\n")["fit.edge"], "4") << "the fit's counts";
  EXPECT_EQ(list("", "&DETECTIONMAP\nN_Edge = 6,\n&END\n")["fit.edge"], "6");
  EXPECT_EQ(list("", "use_input_list_type = 0\n")["catalog.sources_in"], "pixels");
  EXPECT_EQ(list("", "aponly_fixed = 1\n")["fit.skip"], "true");
}

TEST(ImportApex, AperturesAndTables) {
  const std::string block = "&APERTURE\nN_Apertures = 2,\nAperture_Radius_1 = 3.0,\nAperture_Radius_2 = 5,\nAperture_Radius_3 = 7,\nUse_Annulus = 1,\nInner_Radius = 9,\nOuter_Radius = 12,\nAnnulus_Compute_Type = 'mode',\nMin_Number_Pixels = 10,\n&END\n";
  const auto t = translated(apex_with("run_aperture = 1\nrun_select = 1\nselect_columns = \"srcid,RA\"\nselect_conditions = \"SNR > 5\"\nrun_select_detect = 0\nselect_detect_conditions = \"flux > 20\"\n" + block));
  EXPECT_EQ(t["aperture.radii"], "3,5");
  EXPECT_EQ(t["aperture.annulus_outer"], "12");
  EXPECT_EQ(t["aperture.statistic"], "mode");
  EXPECT_EQ(t["aperture.min_pixels"], "10");
  EXPECT_EQ(t["aperture.without_sky"], "unsubtracted");
  EXPECT_EQ(t["aperture.image"], "original");
  EXPECT_EQ(t["catalog.where"], "SNR > 5");
  EXPECT_EQ(t["catalog.pick"], "srcid,RA");
  EXPECT_EQ(t["catalog.detect_where"], "default");
  EXPECT_EQ(translated(apex_with("run_aperture = 0\n" + block))["aperture.radii"], "");
  EXPECT_EQ(translated(block)["fit.skip"], "true") << "aperture.pl";
}

TEST(ImportApex, QaNamesItsColumns) {
  const auto t = translated("create_residual_images = 1\n&POINTSOURCEIMAGE\nX_Column_Name = 'RA',\nFlux_Column_Name = 'f',\nPRF_ResampleX_Factor = 100,\nNormalization_Radius = 1000,\nHole_Radius = 3,\n&END\n");
  EXPECT_EQ(t["sources.ra"], "RA");
  EXPECT_EQ(t["sources.flux"], "f");
  EXPECT_EQ(t["psf.normalisation_radius"], "10");
  EXPECT_EQ(t.missing, 0);
  EXPECT_EQ(t["sources.hole_radius"], "3");
  EXPECT_EQ(translated("create_residual_images = 1\n&POINTSOURCEIMAGE\nInput_RA_Dec = 0,\nX_Column_Name = 'x',\nOuter_Radius = 20,\nPS_Image_Xsize = 31,\n&END\n")["sources.places"], "pixels");
}

TEST(ImportPrf, PlacesInPixelsAndTwoSamplings) {
  auto t = translated("run_prf_estimate = 1\n&CROP_STACK\nTransformationType = 'PlaneToPlane',\nX_Column_Name = 'x',\n&END\n&PRF_ESTIMATE\nPRF_ResampleX_Factor = 4,\nPRF_ResampleY_Factor = 3,\n&END\n");
  EXPECT_EQ(t["estimate.places"], "pixels");
  EXPECT_EQ(t["estimate.samples_per_pixel"], "4");
  EXPECT_EQ(t["estimate.samples_per_pixel_y"], "3");
  EXPECT_EQ(t.missing, 0);
}

TEST(ImportPrf, StampsFitsAndMiddlesMayBeRectangles) {
  auto t = translated("run_prf_estimate = 1\n&CROP_STACK\nPostStamp_Xsize = 21,\nPostStamp_Ysize = 17,\n&END\n&PRF_ESTIMATE\nFit_X = 5,\nFit_Y = 6,\nCenter_Box_X = 7,\nCenter_Box_Y = 7,\n&END\n");
  EXPECT_EQ(t["estimate.stamp"], "21");
  EXPECT_EQ(t["estimate.stamp_y"], "17");
  EXPECT_EQ(t["estimate.fit_box"], "5");
  EXPECT_EQ(t["estimate.fit_box_y"], "7") << "odd";
  EXPECT_EQ(t["estimate.core_box"], "7");
  EXPECT_EQ(t["estimate.core_box_y"], "default") << "a square";
}

TEST(ImportMopex, UnknownKeysNameTheNearest) {
  EXPECT_THAT(translated("MOSAIC_PIXEL_SIZE_Z = 1\n").log, HasSubstr("did you mean MOSAIC_PIXEL_SIZE_"));
  EXPECT_THAT(translated("mosaic_pixel_ratio_x = 1\n").log, HasSubstr("is spelt MOSAIC_PIXEL_RATIO_X"));
}

TEST(ImportMopex, ValuesOutOfRangeAreToldAndNotTaken) {
  const auto t = translated(mosaic_with("&MOSAICOUTLIERIN\nMIN_PIX_NUM = 1,\n&END\n&MOSAICRMASKIN\nRM_THRESH = 2,\n&END\n"));
  EXPECT_EQ(t["rejection.min_overlap"], "default");
  EXPECT_THAT(t.log, HasSubstr("MIN_PIX_NUM = 1: not taken over"));
}

TEST(ImportMopex, EveryDeclaredAliasIsReadOrHasItsRule) {
  const std::string table = key_table("mopex", mopex_rules());
  for (const auto* key : {"INTERP_METHOD", "RM_THRESH", "MOSAIC_PIXEL_SIZE_X", "run_mosaic_box_outlier", "NICE"}) EXPECT_THAT(table, HasSubstr("`" + std::string{key} + "`"));
  // What a rule names exists, once.
  for (const auto& [rules, program] : {std::pair{mopex_rules(), Program::mosaic}, {apex_rules(), Program::extract}, {qa_rules(), Program::residual}, {prf_rules(), Program::psf}})
    for (const KeyRule& r : rules) {
      EXPECT_EQ(std::count_if(rules.begin(), rules.end(), [&](const KeyRule& o) { return o.key == r.key && o.block == r.block; }), 1) << r.key;
      if (r.option.empty() || r.option.starts_with('-')) continue;
      ProgramOptions bound;
      param::OptionSet options;
      bound.declare(program, options);
      EXPECT_NE(options.find(r.option), nullptr) << r.key;
    }
}

TEST(ImportMopex, EverySettingOfTheSharedNamelistsIsAccountedFor) {
  const auto folder = test::shared_data() / "mopex_namelists";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no shared data";
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator{folder}) {
    if (entry.path().extension() != ".nl") continue;
    const auto t = translated(files::read(entry.path()));
    EXPECT_EQ(t.lines, t.settings) << entry.path();
    EXPECT_THAT(t.log, Not(HasSubstr(": unknown"))) << entry.path();
    EXPECT_THAT(t.log, Not(HasSubstr("not taken over"))) << entry.path();
    ++files;
  }
  EXPECT_EQ(files, 8);
}

// A translation is either complete or an exception of ours; here it never throws, since values are checked one by one.
TEST(ImportMopex, MutatedNamelistsStillTranslateToValidToml) {
  const auto folder = test::shared_data() / "mopex_namelists";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no shared data";
  std::mt19937 random{7};
  for (const auto* name : {"120119A_ch1.nl", "overlap_ch1_template.nl", "irac_flag_outliers.nl"}) {
    const std::string original = files::read(folder / name);
    for (int round = 0; round < 40; ++round) {
      std::string s = original;
      for (int k = 0; k < 60; ++k) {
        const auto at = random() % s.size();
        switch (random() % 4) {
          case 0: s[at] = static_cast<char>(random() & 0xFF); break;
          case 1: s.erase(at, 1 + random() % 20); break;
          case 2: s.insert(at, s.substr(random() % s.size(), random() % 40)); break;
          default: s[at] = "=,&#'\"\n9eE-O"[random() % 12];
        }
      }
      EXPECT_NO_THROW(translated(s)) << name << " round " << round;
      EXPECT_NO_THROW(translated(s, true)) << name << " round " << round;
    }
  }
}

constexpr std::string_view swarp_file = R"(# Default configuration file for SWarp
IMAGEOUT_NAME          coadd.fits      # Output filename
WEIGHT_TYPE            NONE            # BACKGROUND,MAP_RMS
COMBINE_TYPE           CLIPPED         # MEDIAN,AVERAGE …
CLIP_SIGMA             4.0
CELESTIAL_TYPE         GALACTIC
PROJECTION_TYPE        TAN
CENTER_TYPE            MANUAL
CENTER                 12:00:00.0, -10:00:00.0
PIXELSCALE_TYPE        MANUAL
PIXEL_SCALE            0.5
IMAGE_SIZE             2000,1000
RESAMPLING_TYPE        NEAREST_TOY
SUBTRACT_BACK          N
BACK_SIZE              128
NTHREADS               4
VERBOSE_TYPE           QUIET
COLOUR                 RED
)";

TEST(ImportSwarp, WhatMapsIsMapped) {
  const auto t = translated(swarp_file, true);
  EXPECT_EQ(t.lines, t.settings);
  EXPECT_EQ(t["rejection.method"], "temporal");
  EXPECT_EQ(t["rejection.threshold_high"], "4");
  EXPECT_EQ(t["rejection.threshold_low"], "4");
  EXPECT_EQ(t["grid.frame"], "galactic");
  EXPECT_EQ(t["grid.center"], "12:00:00.0  -10:00:00.0");
  EXPECT_EQ(t["grid.pixel_scale"], "0.5");
  EXPECT_EQ(t["grid.size"], "2000 1000");
  EXPECT_EQ(t["grid.rotation"], "0");
  EXPECT_EQ(t["background.method"], "none");
  EXPECT_EQ(t["run.threads"], "4");
  EXPECT_EQ(t["run.verbosity"], "quiet");
  EXPECT_THAT(t.log, HasSubstr("line 13: RESAMPLING_TYPE = NEAREST_TOY: not there yet"));
  EXPECT_THAT(t.log, HasSubstr("COLOUR = RED: unknown"));
  EXPECT_THAT(t.toml, HasSubstr("-o coadd.fits"));
}

TEST(ImportSwarp, ValuesCountOnlyWithTheirSwitch) {
  const auto t = translated("CENTER_TYPE ALL\nCENTER 00:00:00.0, +00:00:00.0\nPIXELSCALE_TYPE MEDIAN\nPIXEL_SCALE 0.0\nIMAGE_SIZE 0\nCOMBINE_TYPE WEIGHTED\nCLIP_SIGMA 4.0\n", true);
  for (const auto* key : {"grid.center", "grid.pixel_scale", "grid.size", "rejection.threshold_high"}) EXPECT_EQ(t[key], "default") << key;
  EXPECT_EQ(t["coadd.weights"], "sky_variance");
  EXPECT_EQ(t["rejection.method"], "none");
}

}  // namespace
}  // namespace tessera::translate
