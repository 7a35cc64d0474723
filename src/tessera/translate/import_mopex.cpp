// Namelists of overlap.pl and mosaic.pl as options. Keys whose meaning hangs on others (outlier schemes and their masks, weights) are read together before the rules.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "tessera/base/text.h"
#include "tessera/translate/import_report.h"

namespace tessera::translate {

namespace {

using param::LegacySetting;

// Module triggers and the like are 1 or 0; anything else that is not off counts as 1, as a letter O counts as 0.
void tell_odd_switches(Import& import) {
  for (const LegacySetting& s : import.config().settings) {
    const std::string key = text::lower(s.key);
    const bool is_switch = s.block.empty() && (key.starts_with("run_") || key.starts_with("create_") || key.starts_with("make_") || key.starts_with("use_") ||
                                               key.starts_with("delete_") || key.starts_with("aponly_") || key == "mask_bright" || key == "compute_overlap_correction");
    const bool number = key == "use_psp_to_detect" || key == "use_input_list_type";
    if (is_switch && !number && !s.value.empty() && s.value != "0" && s.value != "1" && import.config().find("", s.key) == &s)
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

}  // namespace

void read_weights(Import& import) {
  const LegacySetting* time = import.config().find("MOSAICCOADDIN", "INTEG_TIME_KWD");
  const LegacySetting* use = import.config().find("MOSAICCOADDIN", "USE_INT_TIME_KWD");
  const bool by_time = time && !time->value.empty() && (!use || use->value != "0");
  if (!by_time && !import.on("sigma_weighted_coadd")) import.set("coadd.weights", "coverage", "no weights are asked for: the straight average");
}

std::string kind_of(MopexScript script) { return "MOPEX namelist of " + name_of(script); }

Import import_namelist(const param::LegacyConfig& config, MopexScript script) {
  if (script == MopexScript::apex_qa) return Import{config, "mopex", qa_rules(), Program::residual, mopex_rules()};
  if (script == MopexScript::prf_estimate) return Import{config, "mopex", prf_rules(), Program::psf, mopex_rules()};
  return measures_sources(script) ? Import{config, "mopex", apex_rules(), Program::extract, mopex_rules()} : Import{config, "mopex", mopex_rules()};
}

std::string translate_namelist(Import& import, MopexScript script) {
  tell_odd_switches(import);
  if (measures_sources(script)) {
    read_apex(import, script);
  } else if (script == MopexScript::mosaic || script == MopexScript::overlap) {
    leave_idle_blocks(import);
    leave_idle_parameters(import);
    read_matching(import, script == MopexScript::overlap);
    read_outliers(import);
    read_weights(import);
  } else if (script == MopexScript::apex_qa) {
    read_qa(import);
  } else {
    read_prf(import);
  }
  import.translate();
  return kind_of(script);
}

}  // namespace tessera::translate
