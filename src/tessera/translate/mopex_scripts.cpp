#include "tessera/translate/mopex_scripts.h"

#include <algorithm>
#include <array>
#include <initializer_list>

#include "tessera/base/text.h"
#include "tessera/translate/import_report.h"

namespace tessera::translate {
namespace {

constexpr std::array<std::pair<MopexScript, std::string_view>, 9> names{{{MopexScript::overlap, "overlap.pl"},
                                                                        {MopexScript::mosaic, "mosaic.pl"},
                                                                        {MopexScript::apex, "apex.pl"},
                                                                        {MopexScript::apex_1frame, "apex_1frame.pl"},
                                                                        {MopexScript::apex_user_list, "apex_user_list.pl"},
                                                                        {MopexScript::apex_user_list_1frame, "apex_user_list_1frame.pl"},
                                                                        {MopexScript::aperture, "aperture.pl"},
                                                                        {MopexScript::apex_qa, "apex_qa.pl"},
                                                                        {MopexScript::prf_estimate, "prf_estimate.pl"}}};

bool has_any_block(const param::LegacyConfig& config, std::initializer_list<std::string_view> blocks) {
  return std::any_of(blocks.begin(), blocks.end(), [&](std::string_view b) { return config.has_block(b); });
}

bool has_any_key(const param::LegacyConfig& config, std::initializer_list<std::string_view> keys) {
  return std::any_of(keys.begin(), keys.end(), [&](std::string_view k) { return config.find("", k) != nullptr; });
}

bool has_value(const param::LegacyConfig& config, std::string_view key) {
  const auto* s = config.find("", key);
  return s && !s->value.empty();
}

MopexScript script_of_apex(const param::LegacyConfig& config) {
  const auto* type = config.find("SOURCESTIMATE", "InputType");
  const std::string input = type ? text::lower(type->value) : "";
  const bool frames = !input.empty() ? input != "image_list" : has_value(config, "IMAGE_STACK_FILE_NAME") || (!has_value(config, "INPUT_FILE_NAME") && has_any_key(config, {"IMAGE_STACK_FILE_NAME"}));
  const auto* detect = config.find("", "run_detect");
  const bool list = has_value(config, "INPUT_USER_LIST") || (has_any_key(config, {"INPUT_USER_LIST"}) && (!detect || is_off(detect->value)));
  if (!config.has_block("SOURCESTIMATE") && config.has_block("APERTURE") && !has_any_block(config, {"DETECT", "GAUSSNOISE", "POINTSOURCEPROB"})) return MopexScript::aperture;
  if (frames) return list ? MopexScript::apex_user_list : MopexScript::apex;
  return list ? MopexScript::apex_user_list_1frame : MopexScript::apex_1frame;
}

}  // namespace

std::string name_of(MopexScript script) {
  for (const auto& [s, name] : names)
    if (s == script) return std::string{name};
  return "?";
}

std::optional<MopexScript> script_named(std::string_view word) {
  for (const auto& [script, name] : names)
    if (word == name || word == name.substr(0, name.size() - 3)) return script;
  return {};
}

bool measures_sources(MopexScript script) {
  return script == MopexScript::apex || script == MopexScript::apex_1frame || script == MopexScript::apex_user_list || script == MopexScript::apex_user_list_1frame || script == MopexScript::aperture;
}

bool is_multiframe(MopexScript script) { return script == MopexScript::apex || script == MopexScript::apex_user_list; }

bool takes_list(MopexScript script) { return script == MopexScript::apex_user_list || script == MopexScript::apex_user_list_1frame || script == MopexScript::aperture; }

MopexScript script_for(const param::LegacyConfig& config) {
  if (has_any_block(config, {"CROP_STACK", "PRF_ESTIMATE"})) return MopexScript::prf_estimate;
  if (has_any_block(config, {"MOSAIC_POINTSOURCEIMAGE", "POINTSOURCEIMAGE"})) return MopexScript::apex_qa;
  if (has_any_block(config, {"SOURCESTIMATE", "APERTURE", "SELECT", "POINTSOURCEPROB", "GAUSSNOISE", "DETECT_MEDFILTER", "EXTRACT_MEDFILTER"})) return script_of_apex(config);
  if (has_any_key(config, {"run_mosaic_coadder", "run_mosaic_combiner", "run_mosaic_outlier", "run_mosaic_rmask"})) return MopexScript::mosaic;
  if (has_any_key(config, {"compute_overlap_correction", "mosaic_corrected_images"}) || config.has_block("COMPUTEOVRLAPCORRIN")) return MopexScript::overlap;
  return MopexScript::mosaic;
}

}  // namespace tessera::translate
