#include "tessera/translate/mopex_prf.h"

#include <filesystem>
#include <utility>

#include "tessera/psf_estimate/estimate.h"
#include "tessera/run/context.h"
#include "tessera/translate/import_report.h"

namespace tessera::translate {
namespace {

namespace fs = std::filesystem;
using param::Source;

/// The name a key gives a product, without folders.
std::string product_name(const param::LegacyConfig& config, const char* key, const char* otherwise) {
  const auto* s = config.find("", key);
  const std::string name = s ? fs::path{param::legacy::printable(s->value, 1000)}.filename().string() : "";
  return name.empty() ? otherwise : name;
}

/// PRF.fits for the third sector: PRF_3.fits.
std::string numbered(const std::string& name, std::string_view number) {
  const fs::path path{name};
  return path.stem().string() + "_" + std::string{number} + path.extension().string();
}

}  // namespace

run::Placement prf_layout(const param::LegacyConfig& config) {
  const std::string table = product_name(config, "PRF_file_name", "PRF.fits"), sigma = product_name(config, "PRF_Sigma_file_name", "PRFSigma.fits"), coverage = product_name(config, "PRF_Coverage_file_name", "PRFCov.fits");
  const std::string fits_status = product_name(config, "AnnealStatus_file_name", "FitStat.tbl"), list = product_name(config, "StatusList_file_name", ""), star = product_name(config, "Star_file_name", "");
  const auto optional = [](const std::string& name) { return name.empty() ? std::vector<std::string>{} : std::vector<std::string>{name}; };
  return [=](const std::string& product) -> std::vector<std::string> {
    if (product == "run.json") return {"run_prf_estimate.json"};
    if (product == "tessera.log") return {"tessera_prf_estimate.log"};
    if (product == "report.html") return {"report_prf_estimate.html"};
    if (product == "psf.fits") return {table};
    if (product == "psf_sigma.fits") return {sigma};
    if (product == "psf_coverage.fits") return {coverage};
    if (product == "star.fits") return optional(star);
    if (product == "stamps.tbl") return list.empty() || list == fits_status ? std::vector<std::string>{fits_status} : std::vector<std::string>{fits_status, list};
    if (product == "prfmap.tbl") return {"PRF_map.tbl"};  // the areas may be read from a prfmap.tbl in the same folder
    for (const auto& [prefix, name] : {std::pair{std::string{"PRF_"}, table}, std::pair{std::string{"PRFSigma_"}, sigma}})
      if (product.starts_with(prefix) && product.ends_with(".fits")) return {numbered(name, std::string_view{product}.substr(prefix.size(), product.size() - prefix.size() - 5))};
    return {product};
  };
}

run::Outcome run_prf_estimate(const ApexRun& run, const std::string& image, const extraction::ExtractOptions& extract, const psf_estimate::EstimateOptions& estimate, param::OptionSet& options, run::Context& context) {
  const auto& config = run.namelist.config;
  Import import = import_namelist(config, run.script);
  translate_namelist(import, run.script);
  tell_namelist(import, run.namelist, context);
  assign_values(import, run.namelist, options);
  for (const auto& [option, value] : {std::pair{"input.scale_noise", "false"}, std::pair{"interpolation.uncertainty", "linear"}, std::pair{"psf.untold", "prf"}, std::pair{"catalog.formats", "ipac"}})
    options.assign(option, value, Source::namelist, "MOPEX's way");
  if (!run.fif.empty() && estimate.places == extraction::ListPositions::pixels) options.assign("estimate.grid", run.fif, Source::command_line, "-F");
  const std::string input = settle_prf_files(run.namelist, image, import.on("split_by_array_position"), options, context);
  psf_estimate::PsfOptions psf;
  const std::string found_with = psf.images.psf.file;
  psf.estimate = estimate, psf.images = extract;
  psf.choice = {psf_estimate::EstimateMethod::mopex, extract.catalog.sources};
  if (psf.images.psf.file.empty()) psf.images.psf.file = found_with;
  extraction::ExtractRequest request;
  if (!input.empty()) request.inputs = {input};
  request.mosaic_folder = "Combine-prf";
  request.output = run.output, request.overwrite = run.overwrite, request.dry_run = run.dry_run, request.verb = "mopex";
  request.arguments = {name_of(run.script)};
  request.place = prf_layout(config);
  request.other_inputs = {run.namelist.path};
  request.kept = {run.kept};
  return psf_estimate::estimate(request, psf, options, context);
}

}  // namespace tessera::translate
