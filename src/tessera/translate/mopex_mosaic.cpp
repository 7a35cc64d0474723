#include "tessera/translate/mopex_mosaic.h"

#include <fmt/format.h>

#include <filesystem>
#include <tuple>

#include "tessera/pipeline/mosaic.h"
#include "tessera/translate/import_report.h"
#include "tessera/translate/mopex_layout.h"

namespace tessera::translate {

namespace fs = std::filesystem;
using param::Source;

void take_mosaic_options(const Namelist& namelist, MopexScript script, param::OptionSet& options, run::Context& context) {
  Import import = import_namelist(namelist.config, script);
  translate_namelist(import, script);
  tell_namelist(import, namelist, context);
  for (const auto& [option, value] : import.values()) {
    if (option.starts_with("run.")) continue;  // see prepare()
    options.assign(option, value.value, Source::namelist, value.line ? namelist.where(value.line) : namelist.path);
  }
  for (const auto& [option, value] : {std::pair{"input.scale_noise", "false"}, std::pair{"interpolation.uncertainty", "linear"}}) options.assign(option, value, Source::namelist, "MOPEX's way");
  if (const auto* s = namelist.config.find("", "delete_intermediate_files"); script == MopexScript::mosaic && s && !s->value.empty() && is_off(s->value)) {
    options.assign("output.interpolated", is_on(namelist.config, "run_mosaic_interp", true) ? "true" : "false", Source::namelist, namelist.where(s->line));
    const auto method = import.values().find("rejection.method");
    const auto uses = [&](const char* scheme) { return method != import.values().end() && method->second.value.find(scheme) != std::string::npos; };
    options.assign("output.outlier_maps", uses("temporal") || uses("box") || uses("dual") ? "true" : "false", Source::namelist, namelist.where(s->line));
    options.assign("output.detection_maps", uses("dual") ? "true" : "false", Source::namelist, namelist.where(s->line));
    for (const auto& [option, key, otherwise] : {std::tuple{"output.tiles", "run_mosaic_coadder", true}, std::tuple{"output.minback", "run_medfilter", false}, std::tuple{"output.sigmas", "compute_uncertainties_internally", false}})
      if (is_on(namelist.config, key, otherwise)) options.assign(option, "true", Source::namelist, namelist.where(s->line));
  }
  for (const auto& [option, key] : {std::pair{"mopex.corrected", "apply_overlap_correction"}, std::pair{"mopex.quicklook", "mosaic_corrected_images"}, std::pair{"mopex.zodi_subtracted", "save_zodiacal_subtracted_images"}})
    if (const auto* s = namelist.config.find("", key); s && options.find(option)) options.assign(option, is_off(s->value) ? "false" : "true", Source::namelist, namelist.where(s->line));
}

std::optional<Namelist> residual_mosaic_namelist(const Namelist& own, const std::string& name) {
  if (!name.empty()) return read_namelist_file(name);
  if (own.config.has_block("POINTSOURCEIMAGE") && (is_on(own.config, "run_mosaic_coadder", false) || is_on(own.config, "run_mosaic_combiner", false))) return own;
  return {};
}

run::Outcome mosaic_residuals(const ApexRun& run, const Namelist& namelist, const param::OptionSet& of_frames, run::Context& context, run::Outcome before) {
  const auto* folder = run.namelist.config.find("", "RESIDUAL_DIR");
  const fs::path list = fs::path{run.output} / (folder && !folder->value.empty() ? param::legacy::printable(folder->value, 1000) : "Residual-ApexQA") / "images.txt";
  if (!fs::exists(list)) {  // of one image there is none
    context.caveat("no-residual-mosaic", fmt::format("{}: one residual image makes no mosaic", namelist.path));
    return run::Outcome::done_with_caveats;
  }
  pipeline::MosaicOptions how;
  param::OptionSet options;
  how.declare(options);
  for (const auto& s : of_frames.settings())
    if (s.key.starts_with("input.") && s.source >= Source::file && options.find(s.key)) options.assign(s.key, s.value, s.source, s.where);
  take_mosaic_options(namelist, MopexScript::mosaic, options, context);
  options.assign("input.images", list.string(), Source::command_line, "residual images");
  MopexLayout layout{namelist.config, MopexScript::mosaic, "ApexQA"};
  settle_fif(namelist, run.fif, run.output, options, context);
  pipeline::MosaicRequest request{{}, run.output, run.overwrite, run.dry_run, "mopex"};
  request.arguments = {name_of(run.script)};
  request.place = layout;
  request.other_inputs = {namelist.path};
  if (namelist.path != run.namelist.path) request.kept = {{fs::path{namelist.path}.filename().string(), namelist.content}};
  const auto outcome = pipeline::make_mosaic(request, how, options, context);
  return before == run::Outcome::done ? outcome : before;
}

}  // namespace tessera::translate
