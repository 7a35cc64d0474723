// Namelists of the APEX scripts as options of tessera extract: what says something together, before the rules of apex_keys.cpp. MOPEX guide 6.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <tuple>

#include "tessera/base/text.h"
#include "tessera/translate/import_report.h"
#include "tessera/translate/mopex_values.h"

namespace tessera::translate {
namespace {

using param::LegacySetting;

/// The namelist and the script that runs it.
struct Apex {
  Import& import;
  MopexScript script;
  bool frames, list, apertures_alone;

  /// A setting with a value; null otherwise.
  const LegacySetting* given(std::string_view block, std::string_view key) const {
    const auto* s = import.config().find(block, key);
    return s && !s->value.empty() ? s : nullptr;
  }
  const LegacySetting* given(std::string_view key) const { return given("", key); }
  bool on(std::string_view key, bool otherwise) const {
    const auto* s = given(key);
    return s ? !is_off(s->value) : otherwise;
  }
  void note(std::string_view key, Fate fate, std::string_view remark) const {
    if (const auto* s = given(key); s && !import.told(*s)) import.note(fate, *s, remark);
  }
  void unused(std::string_view key, std::string_view why) const { note(key, Fate::unused, why); }
  void leave_block(std::string_view block, std::string_view why) const {
    for (const LegacySetting& s : import.config().settings)
      if (text::lower(s.block) == text::lower(block) && !import.told(s)) import.note(Fate::unused, s, why);
  }
  /// Gives the option a value that `key` asks for, or that follows where it is not given.
  void set(std::string_view option, const std::string& value, std::string_view key, std::string_view because, Fate fate = Fate::same) const {
    if (const auto* s = given(key); s && !import.told(*s)) import.set(option, value, *s, because, fate);
    else import.set(option, value, because.empty() ? std::string{key} : std::string{because});
  }
};

void read_files(const Apex& a) {
  constexpr std::string_view of_frames[] = {"IMAGE_STACK_FILE_NAME", "SIGMALIST_FILE_NAME", "DCE_STATUS_MASK_LIST", "RMASK_LIST", "FIF_FILE_NAME", "MOSAIC_PRF_file_name"};
  constexpr std::string_view of_one[] = {"INPUT_FILE_NAME", "SIGMA_FILE_NAME", "COVERAGE_MAP", "DCE_STATUS_MASK", "RMASK_FILE_NAME"};
  if (a.frames) {
    for (const auto key : of_one) a.unused(key, "belongs to scripts of one image; this one takes lists of frames");
  } else {
    for (const auto key : of_frames) a.unused(key, "belongs to scripts of many frames; this one takes an image");
  }
  if (a.given("PRFMAP_FILE_NAME")) a.unused("PRF_file_name", "PRFMAP_FILE_NAME is given, and wins");
  if (!a.list) {
    for (const auto key : {"INPUT_USER_LIST", "use_input_list_type", "aponly_fixed"}) a.unused(key, "belongs to scripts with a list of sources");
    for (const auto key : {"MaxShift_X", "MaxShift_Y", "Angular_Distance"})
      if (const auto* s = a.given("SOURCESTIMATE", key)) a.import.note(Fate::unused, *s, "counts for lists of sources");
  } else if (const auto* type = a.given("use_input_list_type")) {
    a.import.set("catalog.sources_in", type->value == "0" ? "pixels" : "sky", *type, type->value == "0" ? "x and y, from 1" : "");
  }
  const auto* masks = a.given("RMASK_LIST");
  const auto* bits = a.given("RMask_Fatal_BitPattern");
  if (bits && a.frames && masks) a.import.set("rejection.fatal_bits", bits->value == "0" ? "none" : bits->value, *bits);
  else if (bits) a.import.note(Fate::unused, *bits, "there is no RMASK_LIST");
}

/// The mosaic on which frames' sources are found: made on the way, or that of mosaic.pl.
void read_mosaic(const Apex& a) {
  const std::string_view triggers[] = {"run_fiducial_image_frame", "run_mosaic_interp", "run_mosaic_int", "run_mosaic_coadder", "run_mosaic_combiner"};
  if (!a.import.on("compute_uncertainties_internally")) a.leave_block("SNESTIMATORIN", "compute_uncertainties_internally is off");
  if (a.frames && a.import.on("run_mosaic_coadder")) {
    a.import.set("background.method", "none", "APEX matches no backgrounds; give it frames that overlap.pl has corrected");
    a.import.set("rejection.method", "none", "APEX rejects no outliers; mosaic.pl does, and its mosaic can be taken");
    read_weights(a.import);
    return;
  }
  const std::string_view why = a.frames ? "run_mosaic_coadder is off: the mosaic of mosaic.pl is used" : "an image is measured, no mosaic made";
  for (const auto key : triggers) a.unused(key, why);
  for (const auto key : {"MOSAIC_PIXEL_SIZE_X", "MOSAIC_PIXEL_SIZE_Y", "MOSAIC_PIXEL_RATIO_X", "MOSAIC_PIXEL_RATIO_Y", "MARGIN", "FIF_FILE_NAME", "create_unc_mosaic", "create_std_mosaic", "sigma_weighted_coadd", "INTERP_DIR", "COADDER_DIR"})
    a.unused(key, why);
  for (const auto block : {"FIDUCIALIMAGEFRAMEIN", "MOSAICINTIN", "MOSAICCOADDIN", "MOSAICCOVGIN"}) a.leave_block(block, why);
  if (!a.frames) return;
  const auto* out = a.given("OUTPUT_DIR");
  const auto* folder = a.given("COMBINER_DIR");
  a.import.flag("--mosaic", (out ? param::legacy::printable(out->value) + "/" : std::string{}) + (folder ? param::legacy::printable(folder->value) : "Combine-mosaic"));
}

/// median, panels or none, for one of the two MedFilter modules.
std::string method_of(const Apex& a, std::string_view block) {
  const auto* panels = a.given(block, "Use_Sbkg_for_Med");
  return panels && !is_off(panels->value) ? "panels" : "median";
}

void read_sky(const Apex& a, std::string_view trigger, std::string_view block, std::string_view option, bool used, std::string_view why_not) {
  const std::string method = used ? method_of(a, block) : "none";
  a.set(option, method, trigger, used ? "" : why_not);
  if (!used) return a.leave_block(block, why_not);
  if (const auto* panels = a.given(block, "Use_Sbkg_for_Med")) a.import.note(Fate::same, *panels, fmt::format("{} = {}", option, method));
}

void read_backgrounds(const Apex& a) {
  const bool detect = a.import.on("run_detect_medfilter");
  const bool as_it_is = !a.list && a.given("use_psp_to_detect") && a.given("use_psp_to_detect")->value == "-1";
  read_sky(a, "run_detect_medfilter", "DETECT_MEDFILTER", "detection.background", detect && !as_it_is, as_it_is ? "use_psp_to_detect = -1 takes the image as it is" : "run_detect_medfilter is off");
  const bool subtracted = a.on("use_background_subtracted_image_for_fitting", true);
  const bool fit = a.import.on("run_extract_medfilter") && subtracted;
  read_sky(a, "run_extract_medfilter", "EXTRACT_MEDFILTER", "fit_sky.method", fit, !a.import.on("run_extract_medfilter") ? "run_extract_medfilter is off" : "use_background_subtracted_image_for_fitting is off");
  a.note("use_background_subtracted_image_for_fitting", Fate::same, fit ? "fit_sky.method" : "the fit stands on the image as it is");
}

/// Guide 6.5.9: the uncertainty, the standard deviation, or what the image shows.
void read_noise(const Apex& a, bool filter) {
  const auto* type = a.given("POINTSOURCEPROB", "Noise_Type");
  const bool inside = type && text::lower(type->value) == "internal_noise";
  const bool unc = a.on("use_unc_to_detect", !a.given("use_std_to_detect") || !a.import.on("use_std_to_detect")), deviation = a.import.on("use_std_to_detect") && !unc;
  const std::string by = inside || (!unc && !deviation) ? "none" : deviation ? "std" : "";
  if (!filter || by.empty()) {
    a.unused("use_std_to_detect", filter ? "off, or use_unc_to_detect is on, and wins" : "no filter is run");
    a.note("use_unc_to_detect", filter ? Fate::same : Fate::unused, filter ? "the stated uncertainty" : "no filter is run");
    if (type) a.import.note(filter ? Fate::same : Fate::unused, *type, filter ? "the stated uncertainty" : "no filter is run");
    return;
  }
  if (inside) a.import.set("detection.uncertainty", by, *type);
  else if (deviation) a.set("detection.uncertainty", by, "use_std_to_detect", "");
  else a.set("detection.uncertainty", by, "use_unc_to_detect", "neither use_unc_to_detect nor use_std_to_detect is on");
  a.unused("use_std_to_detect", inside ? "Noise_Type = internal_noise" : "off");
  a.unused("use_unc_to_detect", inside ? "Noise_Type = internal_noise" : "off");
  if (type && !inside) a.import.note(Fate::same, *type, "external_noise: detection.uncertainty");
}

void read_detection(const Apex& a) {
  const auto* psp = a.given("use_psp_to_detect");
  if (a.list) {
    const std::string_view why = "the places are those of a list";
    for (const auto block : {"POINTSOURCEPROB", "PSP_GAUSSNOISE", "BRIGHT_DETECT", "DETECT", "FIT_RADIUS"}) a.leave_block(block, why);
    for (const auto key : {"use_psp_to_detect", "run_pointsourceprob", "PROBABILITY_THRESHOLD", "run_detect", "run_bright_detect", "use_bright_object_mask", "run_select_detect", "select_detect_columns", "select_detect_conditions", "run_fit_radius"})
      a.unused(key, why);
    return;
  }
  if (!a.on("run_detect", true)) a.note("run_detect", Fate::same, "detection.table: the detections of an earlier run, mosaic_detect.tbl in the output folder");
  const std::string choice = psp ? psp->value : "1";
  const bool filter = a.import.on("run_pointsourceprob") && (choice == "1" || choice == "0");
  const std::string image = !filter ? "pixels" : choice == "1" ? "probability" : "filtered";
  a.set("detection.image", image, "use_psp_to_detect", filter || choice == "2" || choice == "-1" ? "" : "run_pointsourceprob is off: the image itself is searched");
  a.note("run_pointsourceprob", filter ? Fate::same : Fate::unused, filter ? "detection.image" : "the image itself is searched");
  if (image != "probability") {
    a.unused("PROBABILITY_THRESHOLD", "no probability is searched");
    if (const auto* s = a.given("DETECT", "Probability_Threshold")) a.import.note(Fate::unused, *s, "no probability is searched");
  }
  read_noise(a, filter);
  if (!a.given("DETECT", "Neighbor_Type")) a.import.set("detection.neighbours", "edge", "sides_only is the normal choice of Neighbor_Type (guide 6.5.12)");
  const auto* type = a.given("DETECT", "Input_Type");
  const bool local = type && text::lower(type->value) == "snr_input";
  if (type) a.import.set("detection.threshold_unit", local ? "local" : "whole", *type);
  else a.import.set("detection.threshold_unit", "whole", "Input_Type is image_input where it is not given");
  if (!local)
    for (const auto block : {"PSP_GAUSSNOISE", "DETECT"})
      for (const auto key : {"Window_X", "Window_Y", "N_Outliers_Per_Window"})
        if (const auto* s = a.given(block, key)) a.import.note(Fate::unused, *s, "counts with Input_Type = snr_input");
  if (const auto* samples = a.given("POINTSOURCEPROB", "PRF_ResampleX_Factor")) {
    const auto n = a.import.number(*samples);
    if (!a.frames || !a.given("MOSAIC_PRF_file_name")) a.import.note(Fate::unused, *samples, "there is no MOSAIC_PRF_file_name, or an image is fitted with PRF_file_name");
    else if (n) a.import.set("detection.psf_samples_per_pixel", text::from_double(*n), *samples);
  }
  if (const auto* mask = a.given("use_bright_object_mask")) {
    const auto* limit = a.given("BRIGHT_DETECT", "Detection_Threshold");
    const auto n = limit ? a.import.number(*limit) : std::nullopt;
    if (is_off(mask->value)) a.import.note(Fate::unused, *mask, "off");
    else if (!n) a.import.note(Fate::refused, *mask, "&BRIGHT_DETECT has no Detection_Threshold; nothing is masked");
    else if (a.import.set("detection.bright_limit", text::from_double(*n), *mask, "Detection_Threshold of &BRIGHT_DETECT, in the unit of the threshold; whole objects are left out")) {
      a.import.note(Fate::same, *limit, "detection.bright_limit");
      if (const auto* area = a.given("BRIGHT_DETECT", "Detection_Min_Area"))
        if (const auto least = a.import.number(*area)) a.import.set("detection.bright_area", text::from_double(*least), *area);
    }
  }
  for (const LegacySetting& s : a.import.config().settings)
    if (text::lower(s.block) == "bright_detect" && !a.import.told(s)) a.import.note(Fate::unneeded, s, "every detection has its shape; thresholds are those of &DETECT");
  const bool select = a.import.on("run_select_detect");
  a.note("run_select_detect", select ? Fate::same : Fate::unused, select ? "catalog.detect_where" : "off");
  if (const auto* s = a.given("select_detect_conditions")) {
    if (select) a.import.set("catalog.detect_where", param::legacy::printable(s->value, 1000), *s);
    else a.import.note(Fate::unused, *s, "run_select_detect is off");
  }
  if (const auto* s = a.given("select_detect_columns")) {
    if (!select) return a.import.note(Fate::unused, *s, "run_select_detect is off");
    a.import.set("catalog.detect_pick", param::legacy::printable(s->value, 1000), *s);
    const std::string columns = text::lower(s->value);
    if (columns.find("blendid") == std::string::npos && columns.find("blendsize") == std::string::npos) a.import.set("fit.group_distance", "0", "without BlendId and BlendSize in select_detect_columns nothing is deblended passively (guide 6.5.16)");
  }
}

/// Guide 6.5.18, 8.9.2.
void read_snr(const Apex& a) {
  const auto* rule = a.given("SOURCESTIMATE", "Use_Photerr_for_SNR");
  const std::string choice = rule ? rule->value : "0";
  const std::string snr = choice == "1" ? "core" : choice == "2" ? "gain" : "peak";
  if (rule && choice != "0" && choice != "1" && choice != "2") a.import.note(Fate::refused, *rule, "0, 1 or 2 was expected; 0 counts");
  if (rule && !a.import.told(*rule)) a.import.set("fit.snr", snr, *rule);
  else a.import.set("fit.snr", snr, "Use_Photerr_for_SNR is 0 where it is not given");
  if (const auto* noise = a.given("use_data_unc_for_fitted_SNR")) a.import.set("fit.snr_noise", is_off(noise->value) ? "sky" : "stated", *noise);
  const auto* gain = a.given("SOURCESTIMATE", "Gain_for_SNR");
  if (!gain) return;
  if (choice != "2") return a.import.note(Fate::unused, *gain, "counts with Use_Photerr_for_SNR = 2");
  if (const auto n = a.import.number(*gain)) a.import.set("fit.snr_gain", text::from_double(*n), *gain);
}

/// Guide 6.5.15: a window for all, or one for each detection.
void read_window(const Apex& a) {
  if (a.list) return;
  const bool area = a.given("SOURCESTIMATE", "Fitting_Area_X") || a.given("SOURCESTIMATE", "Fitting_Area_Y");
  const bool own = a.import.on("run_fit_radius");
  if (own && !area) return a.set("fit.window_from", "light", "run_fit_radius", "a window for each detection");
  a.unused("run_fit_radius", own ? "Fitting_Area_X and Fitting_Area_Y are given, and win" : "off");
}

/// Guide 8.6: active deblending.
void read_active(const Apex& a) {
  a.import.set("detection.rounds", "1", "sources are found on the image alone");
  const auto* most = a.given("SOURCESTIMATE", "Max_Number_PS");
  const auto* gain = a.given("SOURCESTIMATE", "Chi2_Improvement");
  const auto* chi = a.given("SOURCESTIMATE", "Chi_Threshold");
  const auto n = most ? a.import.number(*most) : std::nullopt, limit = chi ? a.import.number(*chi) : std::nullopt;
  const bool whole = n && *n >= 1 && *n == std::floor(*n);
  if (n && !whole) a.import.note(Fate::refused, *most, "a whole number from 1 was expected; no further sources are tried");
  const bool active = whole && *n > 1;
  if (active && !(limit && *limit > 0)) a.import.note(Fate::unused, *most, "there is no Chi_Threshold that a fit could exceed");
  else if (whole) a.import.set("fit.max_sources", fmt::format("{:.0f}", std::min(*n, 100.0)), *most, active ? "" : "no active deblending");
  if (gain && !active) a.import.note(Fate::unused, *gain, "counts with Max_Number_PS above 1");
}

void read_fit(const Apex& a) {
  const bool skip = a.apertures_alone || !a.import.on("run_sourcestimate");
  if (skip) a.import.set("fit.skip", "true", a.apertures_alone ? "apertures alone are asked for" : "run_sourcestimate is off");
  a.note("run_sourcestimate", skip ? Fate::unused : Fate::same, skip ? "nothing is fitted: fit.skip = true" : "the sources are fitted");
  a.note("aponly_fixed", Fate::same, a.import.on("aponly_fixed") ? "fit.skip = true" : "off");
  if (skip) {
    a.leave_block("SOURCESTIMATE", "nothing is fitted");
    for (const auto key : {"use_data_unc_for_fitted_SNR", "PRF_file_name", "PRFMAP_FILE_NAME"})
      if (a.list) a.unused(key, "nothing is fitted");
    return;
  }
  read_snr(a);
  read_window(a);
  read_active(a);
  if (a.given("SOURCESTIMATE", "Normalization_Radius")) a.import.set("psf.normalisation", "central", "flux is 1 for a source in the middle of a pixel (guide 6.5.18)");
  if (!a.list) return;
  const auto* x = a.given("SOURCESTIMATE", "MaxShift_X");
  const auto* y = a.given("SOURCESTIMATE", "MaxShift_Y");
  const auto nx = x ? a.import.number(*x) : std::nullopt, ny = y ? a.import.number(*y) : std::nullopt;
  const bool fixed = (nx || ny) && std::max(nx.value_or(0), ny.value_or(0)) <= 0;
  a.import.set("fit.positions", fixed ? "fixed" : "free", fixed ? "MaxShift is 0" : "positions of a list may move");
  constexpr double least = 0.01;  // of what may move at all
  for (const auto& [s, n, option, other] : {std::tuple{x, nx, "fit.max_shift", ny}, {y, ny, "fit.max_shift_y", nx}}) {
    if (n && fixed) a.import.note(Fate::same, *s, "fit.positions = fixed");
    else if (n) a.import.set(option, text::from_double(std::max(least, *n)), *s, "a source is held at the limit, and has status -2 and O there", Fate::differs);
    else if (other && !fixed) a.import.set(option, text::from_double(std::max(least, *other)), "the other limit counts along both axes");
  }
  if (const auto* s = a.given("SOURCESTIMATE", "Angular_Distance"))
    if (const auto n = a.import.number(*s)) a.import.set("fit.group_radius", text::from_double(*n), *s, *n > 0 ? "" : "0: fit.group_distance");
}

void read_apertures(const Apex& a) {
  if (a.script != MopexScript::aperture && !a.import.on("run_aperture")) {
    a.set("aperture.radii", "", "run_aperture", "run_aperture is off");
    for (const auto key : {"use_background_subtracted_image_for_aperture", "use_extract_table_for_aperture"}) a.unused(key, "run_aperture is off");
    return a.leave_block("APERTURE", "run_aperture is off");
  }
  a.note("run_aperture", Fate::same, "aperture.radii");
  const auto* count = a.given("APERTURE", "N_Apertures");
  const auto n = count ? a.import.number(*count) : std::nullopt;
  const int most = n ? static_cast<int>(std::clamp(*n, 0.0, 99.0)) : 5;
  std::vector<std::string> radii;
  for (int k = 1; k <= 99; ++k) {
    const auto* s = a.given("APERTURE", fmt::format("Aperture_Radius_{}", k));
    if (!s) continue;
    if (k > most) {
      a.import.note(Fate::unused, *s, "beyond N_Apertures");
      continue;
    }
    const auto r = a.import.number(*s);
    if (r && *r > 0) {
      radii.push_back(text::from_double(*r));
      a.import.note(Fate::same, *s, "aperture.radii");
    } else if (r) {
      a.import.note(Fate::refused, *s, "a radius is positive; this aperture is left out");
    }
  }
  if (count && !a.import.told(*count)) a.import.note(Fate::same, *count, "aperture.radii");
  if (!radii.empty()) a.import.set("aperture.radii", text::join(radii, ","), "Aperture_Radius_1 and the following");
  const auto* ring = a.given("APERTURE", "Use_Annulus");
  if (ring && is_off(ring->value)) {
    for (const auto key : {"Inner_Radius", "Outer_Radius", "Min_Number_Pixels", "Annulus_Compute_Type"})
      if (const auto* s = a.given("APERTURE", key)) a.import.note(Fate::unused, *s, "Use_Annulus is off");
    a.import.set("aperture.annulus_inner", "0", "Use_Annulus is off");
    a.import.set("aperture.annulus_outer", "0", "Use_Annulus is off");
  } else {
    a.import.set("aperture.without_sky", "unsubtracted", "with fewer than Min_Number_Pixels in the annulus no background is subtracted (guide 6.5.19)");
  }
  const bool subtracted = a.import.on("use_background_subtracted_image_for_aperture");
  a.set("aperture.image", subtracted ? "subtracted" : "original", "use_background_subtracted_image_for_aperture", subtracted ? "of the background of the detection" : "", subtracted ? Fate::differs : Fate::same);
  const bool fitted = a.on("use_extract_table_for_aperture", true);
  a.set("aperture.place", fitted ? "fitted" : "found", "use_extract_table_for_aperture", "");
}

void read_tables(const Apex& a) {
  const bool select = a.import.on("run_select");
  a.note("run_select", select ? Fate::same : Fate::unused, select ? "catalog.where and catalog.pick" : "off");
  for (const auto block : {"", "SELECT"})
    for (const auto& [key, option] : {std::pair{"select_conditions", "catalog.where"}, {"select_columns", "catalog.pick"}})
      if (const auto* s = a.given(block, key)) {
        if (select) a.import.set(option, param::legacy::printable(s->value, 1000), *s);
        else a.import.note(Fate::unused, *s, "run_select is off");
      }
  const bool kept = a.given("delete_intermediate_files") && !a.import.on("delete_intermediate_files");
  if (const auto* s = a.given("delete_intermediate_files")) {
    if (kept && !a.list) a.import.set("catalog.significance_map", "true", *s, "with noise_map, background_map and segmentation_map");
    else a.import.note(Fate::unused, *s, kept ? "no image is searched" : "no files between the modules are kept");
  }
  if (kept && !a.list)
    for (const auto option : {"catalog.noise_map", "catalog.background_map", "catalog.segmentation_map"}) a.import.set(option, "true", "delete_intermediate_files is off");
}

}  // namespace

void read_apex(Import& import, MopexScript script) {
  const bool list = takes_list(script);
  const Apex a{import, script, is_multiframe(script), list, script == MopexScript::aperture || (list && import.on("aponly_fixed"))};
  read_files(a);
  read_mosaic(a);
  read_backgrounds(a);
  read_detection(a);
  read_fit(a);
  read_apertures(a);
  read_tables(a);
}

}  // namespace tessera::translate
