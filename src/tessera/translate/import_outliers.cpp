// The outlier schemes of MOPEX namelists: which are run, go into RMasks and are fatal, and their numbers. Settings of several blocks are read together.
#include <fmt/format.h>

#include <set>
#include <tuple>

#include "tessera/base/text.h"
#include "tessera/translate/import_report.h"

namespace tessera::translate {

namespace {

using param::LegacySetting;

// The guide, 5.6.16: thresholds "can be increased going from Mosaic Outlier to Mosaic RMask, but cannot be decreased".
void read_threshold(Import& import, std::string_view key, std::string_view option) {
  const LegacySetting* first = import.config().find("MOSAICOUTLIERIN", key);
  const LegacySetting* second = import.config().find("MOSAICRMASKIN", key);
  const auto value = [&](const LegacySetting* s) { return s && !s->value.empty() ? import.number(*s) : std::nullopt; };
  const auto a = value(first), b = value(second);
  if (!a && !b) return;
  const bool second_counts = b && b.value() >= a.value_or(0);
  const LegacySetting& counts = second_counts ? *second : *first;
  const LegacySetting* other = second_counts ? first : second;
  if (other && (second_counts ? a : b).has_value())
    import.note(Fate::unneeded, *other, fmt::format("&{} has the larger threshold: the RMask can only raise it", counts.block));
  const double threshold = second_counts ? *b : *a;
  if (threshold <= 0) return import.note(Fate::unused, counts, "0 leaves the threshold to a later module that has none; the default stays");
  import.set(option, text::from_double(threshold), counts, "times the scatter, which is never taken below the value's own uncertainty", Fate::differs);
}

// Value of a key of a block that goes to an option as it is.
void take_number(Import& import, std::string_view block, std::string_view key, std::string_view option, std::string_view remark = "", Fate fate = Fate::same) {
  const LegacySetting* s = import.config().find(block, key);
  if (!s || s->value.empty() || import.told(*s)) return;
  if (const auto n = import.number(*s)) import.set(option, text::from_double(*n), *s, remark, fate);
}

// One scheme of the guide: which switches make it count.
struct SchemeSwitches {
  std::string_view name;
  int bit;
  std::string_view run, use;  ///< `use` "": no such switch
};
constexpr SchemeSwitches scheme_switches[] = {
    {"radhit", 0, "run_detect_radhit", ""},
    {"temporal", 1, "run_mosaic_outlier", "USE_OUTLIER_FOR_RMASK"},
    {"dual", 2, "run_mosaic_dual_outlier", "USE_DUAL_OUTLIER_FOR_RMASK"},
    {"box", 3, "run_mosaic_box_outlier", "USE_BOX_OUTLIER_FOR_RMASK"},
};

// Why a scheme does not reject; "" when it does.
std::string idle_because(Import& import, const SchemeSwitches& scheme, std::optional<double> bits) {
  if (!import.on(scheme.run)) return fmt::format("{} is off", scheme.run);
  if (scheme.bit > 0 && !import.on("run_mosaic_rmask")) return "without run_mosaic_rmask outliers are found and not used";
  if (!scheme.use.empty() && import.config().find("", scheme.use) && !import.on(scheme.use)) return fmt::format("{} is off", scheme.use);
  const bool fatal = !bits || (*bits >= 0 && *bits < 1e15 && ((static_cast<long long>(*bits) >> scheme.bit) & 1) != 0);
  return fatal ? "" : fmt::format("bit {} of RMask_Fatal_BitPattern is off", scheme.bit);
}

// The numbers of the schemes that are in use.
void read_scheme_numbers(Import& import, const std::set<std::string_view>& used) {
  const auto take = [&](std::string_view block, std::string_view key, std::string_view option) { take_number(import, block, key, option); };
  if (used.contains("temporal")) {
    read_threshold(import, "TOP_THRESHOLD", "rejection.threshold_high");
    read_threshold(import, "BOTTOM_THRESHOLD", "rejection.threshold_low");
    take_number(import, "MOSAICOUTLIERIN", "MIN_PIX_NUM", "rejection.min_images", "shallower stacks are judged by each value's own uncertainty, not by the smallest of the stack", Fate::differs);
    take("MOSAICRMASKIN", "MIN_COVERAGE", "rejection.temporal_min_coverage");
    const LegacySetting* refine = import.config().find("MOSAICRMASKIN", "REFINE_OUTLIER");
    const auto on = refine && !refine->value.empty() ? import.number(*refine) : std::nullopt;
    for (const auto key : {"REFINE_OUTLIER_THRESH", "REFINE_OUTLIER_THRESHOLD"})
      if (on && *on != 0) take("MOSAICRMASKIN", key, "rejection.refine_threshold");
    if (on) import.note(Fate::same, *refine, *on != 0 ? "rejection.refine_threshold" : "off");
  }
  if (used.contains("box"))
    for (const auto& [block, key, option] : {std::tuple{"MOSAICBOXOUTLIERIN", "BOX_X", "rejection.box_width"}, {"MOSAICBOXOUTLIERIN", "BOX_Y", "rejection.box_height"},
                                             {"MOSAICBOXOUTLIERIN", "BOX_MEDIAN_BIAS", "rejection.box_median_bias"}, {"MOSAICRMASKIN", "BOX_TOP_THRESHOLD", "rejection.box_threshold_high"},
                                             {"MOSAICRMASKIN", "BOX_BOTTOM_THRESHOLD", "rejection.box_threshold_low"}, {"MOSAICRMASKIN", "BOX_MIN_COVERAGE", "rejection.box_min_coverage"}})
      take(block, key, option);
  if (used.contains("dual")) {
    for (const auto& [block, key, option] : {std::tuple{"DETECT", "Detection_Threshold", "rejection.dual_threshold"}, {"DETECT", "Detection_Max_Area", "rejection.dual_max_area"},
                                             {"DETECT", "Detection_Min_Area", "rejection.dual_min_area"}, {"DETECT", "Detect_Min_Peak_Fraction", "rejection.dual_min_peak_fraction"},
                                             {"DETECT", "Detection_Min_Peak_Fraction", "rejection.dual_min_peak_fraction"}, {"DETECT", "Peaks_Radius", "rejection.dual_peaks_radius"},
                                             {"DETECT", "Max_Segmentation_Level", "rejection.dual_max_level"}, {"DETECT", "Extended_Object_Area", "rejection.dual_extended_area"}, {"MOSAICDUALOUTLIERIN", "MAX_OUTL_IMAGE", "rejection.dual_max_images"},
                                             {"MOSAICDUALOUTLIERIN", "MAX_OUTL_FRAC", "rejection.dual_max_fraction"}, {"MOSAICRMASKIN", "MAX_COVERAGE", "rejection.dual_max_coverage"}})
      take(block, key, option);
    if (const LegacySetting* type = import.config().find("DETECT", "Threshold_Type"); type && !type->value.empty() && !import.told(*type)) import.set("rejection.dual_splitting", text::lower(type->value), *type);
    if (import.on("run_level")) take("LEVEL", "Threshold_Ratio", "rejection.dual_level_ratio");
    else import.set("rejection.dual_level_ratio", "0", "run_level is off");
  }
  if (used.contains("radhit"))
    for (const auto& [key, option] : {std::pair{"Segmentation_Threshold", "rejection.radhit_segmentation"}, {"Detection_Max_Area", "rejection.radhit_max_area"}, {"Radhit_Threshold", "rejection.radhit_threshold"}})
      take("DETECT_RADHIT", key, option);
  take("MOSAICRMASKIN", "RM_THRESH", "rejection.min_overlap");
}

// Tells the switches of one scheme; the setting that turns it on carries the method.
void tell_switches(Import& import, const SchemeSwitches& scheme, const std::string& why, const std::string& method) {
  for (const auto key : {scheme.run, scheme.use}) {
    const LegacySetting* s = key.empty() ? nullptr : import.config().find("", key);
    if (s && !s->value.empty() && !import.told(*s)) import.note(why.empty() ? Fate::same : Fate::unused, *s, why.empty() ? fmt::format("rejection.method = {}", method) : fmt::format("no {} outliers: {}", scheme.name, why));
  }
}

}  // namespace

void read_outliers(Import& import) {
  const LegacySetting* pattern = import.config().find("", "RMask_Fatal_BitPattern");
  const auto bits = pattern && !pattern->value.empty() ? import.number(*pattern) : std::nullopt;
  std::vector<std::string> schemes, reasons;
  std::set<std::string_view> used;
  for (const auto& scheme : scheme_switches) {
    reasons.push_back(idle_because(import, scheme, bits));
    if (!reasons.back().empty()) continue;
    schemes.emplace_back(scheme.name);
    used.insert(scheme.name);
  }
  const std::string method = schemes.empty() ? "none" : text::join(schemes, ",");
  import.set("rejection.method", method, schemes.empty() ? "no scheme is run, goes into RMasks and is fatal" : "run, in the RMasks and fatal");
  for (std::size_t i = 0; i < reasons.size(); ++i) tell_switches(import, scheme_switches[i], reasons[i], method);
  if (bits) import.note(Fate::same, *pattern, fmt::format("rejection.method = {}: only fatal schemes are run", method));
  const LegacySetting* detect = import.config().find("", "run_detect_outlier");
  const LegacySetting* level = import.config().find("", "run_level");
  for (const LegacySetting* s : {detect, level})
    if (s && !s->value.empty()) import.note(used.contains("dual") ? Fate::same : Fate::unused, *s, used.contains("dual") ? "part of rejection.method = dual" : "no dual outliers");
  const LegacySetting* rmask = import.config().find("", "run_mosaic_rmask");
  if (rmask && !rmask->value.empty()) {
    const bool kept = !used.empty() && import.on("run_mosaic_rmask") && !import.on("delete_intermediate_files");
    import.set("output.rmasks", kept ? "true" : "false", *rmask, kept ? "kept, as delete_intermediate_files is off" : "none are made, or they are deleted at the end");
  }
  if (!used.empty()) read_scheme_numbers(import, used);
}

}  // namespace tessera::translate
