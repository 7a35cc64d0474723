#include "tessera/translate/mopex_apex.h"

#include <fmt/format.h>

#include <filesystem>

#include "tessera/base/error.h"
#include "tessera/base/files.h"
#include "tessera/base/text.h"
#include "tessera/extraction/extract.h"
#include "tessera/extraction/residual.h"
#include "tessera/translate/import_report.h"
#include "tessera/translate/mopex_layout.h"

namespace tessera::translate {
namespace {

namespace fs = std::filesystem;
using param::Source;

std::string word_of(MopexScript script) {
  const std::string name = name_of(script);
  return name.substr(0, name.size() - 3);
}

/// A finished mosaic in the output folder: that of COMBINER_DIR, of mosaic.pl or of apex.pl.
std::string mosaic_in(const std::string& output, const param::LegacyConfig& config) {
  const auto* folder = config.find("", "COMBINER_DIR");
  std::vector<std::string> names{"Combine-mosaic", "Combine-apex", ""};
  if (folder && !folder->value.empty()) names.insert(names.begin(), param::legacy::printable(folder->value, 1000));
  for (const auto& name : names)
    if (const fs::path path = fs::path{output} / name / "mosaic.fits"; files::exists(path)) return path.string();
  return "";
}

/// What MOPEX does without being asked.
void assign_ways(bool apertures_alone, param::OptionSet& options) {
  const std::pair<const char*, const char*> ways[] = {{"input.scale_noise", "false"}, {"interpolation.uncertainty", "linear"}, {"aperture.errors", "overlap"}, {"psf.untold", "prf"},
                                                      {"catalog.formats", "ipac"},    {"catalog.columns", "mopex"},            {"catalog.raw", apertures_alone ? "false" : "true"},
                                                      {"catalog.aperture_table", "true"}};
  for (const auto& [option, value] : ways) options.assign(option, value, Source::namelist, "MOPEX's way");
}

/// run_detect = 0: the detections of an earlier run of the script, all of them where they were kept.
void settle_detections(const ApexRun& run, param::OptionSet& options) {
  if (takes_list(run.script) || is_on(run.namelist.config, "run_detect", true)) return;
  for (const auto& s : options.settings())
    if (s.key == "detection.table" && s.source >= Source::file && !s.value.empty()) return;
  for (const char* name : {"mosaic_detect_raw.tbl", "mosaic_detect.tbl"})
    if (const fs::path path = fs::path{run.output} / name; files::exists(path)) return options.assign("detection.table", path.string(), Source::namelist, run.namelist.path);
  throw DataError{fmt::format("{}: run_detect is off, and {} has no mosaic_detect.tbl of an earlier run; switch run_detect on, or give --set detection.table=FILE", run.namelist.path, run.output)};
}

/// The plane whose pixels the table of apex_qa.pl has: -F, FIF_FILE_NAME, or FIF.tbl in the output folder (guide 6.6.4).
std::string qa_grid(const ApexRun& run) {
  const auto* named = run.namelist.config.find("", "FIF_FILE_NAME");
  const std::string name = !run.fif.empty() ? run.fif : named && !named->value.empty() ? param::legacy::printable(named->value, 1000) : "FIF.tbl";
  for (const auto& path : {fs::path{name}, fs::path{run.output} / name})
    if (files::exists(path)) return path.string();
  throw DataError{fmt::format("{}: Input_RA_Dec = 0 has places in pixels of a fiducial image frame, and {} is not there; give -F FILE", run.namelist.path, name)};
}

}  // namespace

void assign_values(const Import& import, const Namelist& namelist, param::OptionSet& options) {
  for (const auto& [option, value] : import.values()) {
    if (option.starts_with("run.") || option.starts_with("sources.") || option == "estimate.method") continue;  // see Mopex::prepare(), run_apex_qa(), run_prf_estimate()
    options.assign(option, value.value, Source::namelist, value.line ? namelist.where(value.line) : namelist.path);
  }
}

run::Placement apex_layout(MopexScript script, const param::LegacyConfig& config) {
  const std::string word = word_of(script);
  const auto* psp = config.find("", "use_psp_to_detect");
  const std::string searched = psp && psp->value == "0" ? "mosaic_Filtered.fits" : !psp || psp->value.empty() || psp->value == "1" ? "mosaic_PSP.fits" : "mosaic_searched.fits";
  const auto* folder = config.find("", "RESIDUAL_DIR");
  const std::string residual = folder && !folder->value.empty() ? param::legacy::printable(folder->value, 1000) : "Residual-ApexQA";
  return [=](const std::string& product) -> std::vector<std::string> {
    if (product == "run.json") return {"run_" + word + ".json"};
    if (product == "tessera.log") return {"tessera_" + word + ".log"};
    if (product == "report.html") return {"report_" + word + ".html"};
    if (product == "sources.reg") return {"extract.reg"};
    if (product == "mosaic.fits") return {};  // that of another script is no product of this one
    if (product == "catalog.tbl") return script == MopexScript::aperture ? std::vector<std::string>{} : std::vector<std::string>{"extract.tbl"};
    if (product == "catalog_raw.tbl") return {"extract_raw.tbl"};
    if (product == "apertures.tbl") return {"aperture.tbl"};
    if (product == "detections.tbl") return {"mosaic_detect.tbl"};
    if (product == "detections_raw.tbl") return {"mosaic_detect_raw.tbl"};
    if (product == "significance.fits") return {searched};
    if (product == "noise.fits") return {"mosaic_noise.fits"};
    if (product == "background.fits") return {"mosaic_background.fits"};
    if (product == "segmentation.fits") return {"mosaic_detect_mask.fits"};
    if (product == "Residual/images.txt") return {residual + "/images.txt"};
    if (product.starts_with("Sources/") && product.ends_with("_sources.fits")) {
      const std::string name = product.substr(8, product.size() - 8 - std::string_view{"_sources.fits"}.size());
      return {residual + "/pointsource_" + name + ".fits"};
    }
    if (product.starts_with("Residual/") && product.ends_with("_residual.fits")) {
      const std::string name = product.substr(9, product.size() - 9 - std::string_view{"_residual.fits"}.size());
      return {residual + "/residual_" + name + ".fits"};
    }
    return {product};
  };
}

run::Outcome run_apex(const ApexRun& run, const std::string& image, extraction::ExtractOptions& extract, param::OptionSet& options, run::Context& context) {
  Import import = import_namelist(run.namelist.config, run.script);
  translate_namelist(import, run.script);
  tell_namelist(import, run.namelist, context);
  assign_values(import, run.namelist, options);
  assign_ways(run.script == MopexScript::aperture, options);
  const bool frames = is_multiframe(run.script), makes_mosaic = frames && import.on("run_mosaic_coadder");
  const std::string input = settle_apex_files(run.namelist, run.script, image, extract.fit.skip, options, context);
  extraction::ExtractRequest request;
  if (frames) {
    if (makes_mosaic && extract.detection.mosaic.empty()) settle_fif(run.namelist, run.fif, run.output, options, context);
    if (!makes_mosaic && extract.detection.mosaic.empty()) {
      const std::string mosaic = mosaic_in(run.output, run.namelist.config);
      if (mosaic.empty())
        throw DataError{fmt::format("{}: run_mosaic_coadder is off, and {} has no mosaic of an earlier script; run mosaic.pl there, switch run_mosaic_coadder on, or give --mosaic PATH", run.namelist.path, run.output)};
      options.assign("detection.mosaic", mosaic, Source::namelist, run.namelist.path);
    }
  } else {
    request.inputs = {input};
  }
  settle_detections(run, options);
  const auto* combiner = run.namelist.config.find("", "COMBINER_DIR");
  request.mosaic_folder = combiner && !combiner->value.empty() ? param::legacy::printable(combiner->value, 1000) : "Combine-apex";
  request.output = run.output, request.overwrite = run.overwrite, request.dry_run = run.dry_run, request.verb = "mopex";
  request.arguments = {name_of(run.script)};
  request.place = apex_layout(run.script, run.namelist.config);
  request.other_inputs = {run.namelist.path};
  request.kept = {run.kept};
  return extraction::extract(request, extract, options, context);
}

run::Outcome run_apex_qa(const ApexRun& run, const std::string& table, const std::string& mosaic, extraction::ExtractOptions& extract, param::OptionSet& options, run::Context& context) {
  const auto& config = run.namelist.config;
  Import import = import_namelist(config, run.script);
  translate_namelist(import, run.script);
  tell_namelist(import, run.namelist, context);
  assign_values(import, run.namelist, options);
  options.assign("psf.untold", "prf", Source::namelist, "MOPEX's way");
  const bool one = !mosaic.empty() || (config.has_block("MOSAIC_POINTSOURCEIMAGE") && !config.has_block("POINTSOURCEIMAGE"));
  const auto files = settle_qa_files(run.namelist, one, table, mosaic, options, context);
  extraction::ResidualOptions how;
  how.input = extract.mosaic.input, how.psf = extract.psf, how.psf_use = extract.psf_use;
  const auto take = [&](const char* option, std::string& to) {
    if (const auto value = import.values().find(option); value != import.values().end()) to = value->second.value;
  };
  take("sources.ra", how.table.ra), take("sources.dec", how.table.dec), take("sources.flux", how.table.flux);
  how.use.alone = import.values().contains("sources.alone");
  const auto number = [&](const char* option, double& to) {
    std::string value;
    take(option, value);
    if (const auto n = text::to_double(value)) to = *n;
  };
  number("sources.outer_radius", how.use.outer_radius), number("sources.hole_radius", how.use.hole_radius), number("sources.box_x", how.use.box_x), number("sources.box_y", how.use.box_y);
  if (import.values().contains("sources.places")) {
    how.use.places = extraction::ListPositions::pixels;
    if (!one) how.use.grid = qa_grid(run);
  }
  extraction::ResidualRequest request;
  request.inputs = {files.table};
  if (one) request.inputs.push_back(files.image);
  request.output = run.output, request.overwrite = run.overwrite, request.dry_run = run.dry_run, request.verb = "mopex";
  request.arguments = {name_of(run.script)};
  request.place = apex_layout(run.script, config);
  request.other_inputs = {run.namelist.path};
  request.kept = {run.kept};
  return extraction::residual(request, how, options, context);
}

}  // namespace tessera::translate
