#include "tessera/translate/mopex_layout.h"

#include <fmt/format.h>

#include <filesystem>

#include "tessera/base/error.h"
#include "tessera/base/text.h"
#include "tessera/translate/import_report.h"

namespace tessera::translate {
namespace {

namespace fs = std::filesystem;

/// A name below the output folder.
std::string below(const param::LegacyConfig& config, const char* key, const std::string& otherwise) {
  const auto* s = config.find("", key);
  if (!s || s->value.empty()) return otherwise;
  const auto path = fs::path{s->value}.lexically_normal();
  if (path.is_absolute() || path.empty() || *path.begin() == "..")
    throw UsageError{fmt::format("line {}: {} = {}: products stay in the output folder; give a name below it, as {}", s->line, s->key, param::legacy::printable(s->value), otherwise)};
  auto name = path.string();
  while (name.ends_with('/')) name.pop_back();
  return name;
}

/// Where a namelist of mosaic.pl, taken for another mosaic, names the folders that mosaic.pl has by itself, those are not meant: its products lie there.
std::string module_folder(const param::LegacyConfig& config, const char* key, const std::string& module, const std::string& tail) {
  const std::string otherwise = module + "-" + tail, name = below(config, key, otherwise);
  return name == module + "-mosaic" ? otherwise : name;
}

}  // namespace

bool is_on(const param::LegacyConfig& config, std::string_view key, bool otherwise) {
  const auto* s = config.find("", key);
  return s && !s->value.empty() ? !is_off(s->value) : otherwise;
}

MopexLayout::MopexLayout(const param::LegacyConfig& config, MopexScript script, const std::string& tail)
    : script_{script},
      of_residuals_{tail != "mosaic"},
      combiner_{module_folder(config, "COMBINER_DIR", "Combine", tail)},
      coadder_{module_folder(config, "COADDER_DIR", "Coadd", tail)},
      medfilter_{module_folder(config, "MEDFILTER_DIR", "Medfilter", tail)},
      sigma_{module_folder(config, "SIGMA_DIR", "Sigma", tail)},
      rmasks_{module_folder(config, "RMASK_DIR", "Rmask", tail)},
      rmask_mosaic_{module_folder(config, "RMASK_MOSAIC_DIR", "RmaskMosaic", tail)},
      outliers_{module_folder(config, "OUTLIER_DIR", "Outlier", tail)},
      detections_{module_folder(config, "DETECT_DIR", "Detect", tail)},
      interpolated_{module_folder(config, "INTERP_DIR", "Interp", tail)},
      corrected_{below(config, "OVERLAP_CORR_DIR", "Overlap_corr")},
      zodi_{below(config, "ZODSUB_DIR", "Zod_Sub")},
      offsets_{below(config, "OVERLAP_CORR_FILE_NAME", "offsets.tbl")},
      quicklook_{below(config, "MOSAIC_IMG_FILE_NAME", "mosaic.fits")},
      fif_{is_on(config, "run_fiducial_image_frame", true)},
      combined_{is_on(config, "run_mosaic_coadder", true) && is_on(config, "run_mosaic_combiner", true)},
      geometry_{script == MopexScript::mosaic && is_on(config, "run_mosaic_geom", false)},
      uncertainty_{is_on(config, "create_unc_mosaic", true)},
      grid_only_{!combined_ && !is_on(config, "run_mosaic_interp", true) && !is_on(config, "run_mosaic_rmask", false)} {}

std::vector<std::string> MopexLayout::operator()(const std::string& product) const {
  const std::string script = of_residuals_ ? "apex_qa_mosaic" : script_ == MopexScript::mosaic ? "mosaic" : "overlap";
  if (product == "run.json") return {"run_" + script + ".json"};
  if (product == "tessera.log") return {"tessera_" + script + ".log"};
  if (product == "report.html") return {"report_" + script + ".html"};
  // MOPEX's FIF.tbl has the frames' pixels and mosaic_fif.tbl those of the mosaic; here the mosaic's grid is both.
  if (product == "FIF.tbl" && !of_residuals_) {
    std::vector<std::string> names{"mosaic_fif.tbl"};
    if (fif_) names.emplace_back("FIF.tbl");
    if (geometry_) names.emplace_back("geom_fif.tbl");
    return names;
  }
  return script_ == MopexScript::mosaic ? of_mosaic(product) : of_overlap(product);
}

std::vector<std::string> MopexLayout::of_mosaic(const std::string& product) const {
  if (product == "offsets.tbl") return {"offsets_mosaic.tbl"};  // overlap.pl's stays
  if (product.starts_with("Rmask/")) return {rmasks_ + product.substr(5)};
  if (product.starts_with("Medfilter/")) return {medfilter_ + product.substr(9)};
  if (product.starts_with("Sigma/")) return {sigma_ + product.substr(5)};
  if (product.starts_with("Coadd/")) {
    if (product == "Coadd/coadd_tiles.tbl" && geometry_) return {coadder_ + product.substr(5), "geom_Tile.tbl"};
    return {coadder_ + product.substr(5)};
  }
  if (product == "geometry.tbl") return {product, "geom_Int_Img.tbl"};
  if (product.starts_with("Interp/")) return {interpolated_ + product.substr(6)};
  if (product.starts_with("Outlier/")) return {outliers_ + product.substr(7)};
  if (product.starts_with("Detect/")) return {detections_ + product.substr(6)};
  if (of_residuals_ && product.find('/') == std::string::npos && product.ends_with(".tbl")) return {combiner_ + "/" + product};
  if (product.find('/') != std::string::npos || !(product.ends_with(".fits") || product.ends_with(".png"))) return {product};
  if (product == "mosaic_rmask.fits") return {rmask_mosaic_ + "/" + product};
  if (product == "mosaic_median.fits" || product == "mosaic_median_unc.fits") return combined_ ? std::vector<std::string>{combiner_ + "/median_" + (product == "mosaic_median.fits" ? "mosaic.fits" : "mosaic_unc.fits")} : std::vector<std::string>{};
  if (!combined_ || (product == "mosaic_unc.fits" && !uncertainty_)) return {};
  return {combiner_ + "/" + product};
}

std::vector<std::string> MopexLayout::of_overlap(const std::string& product) const {
  if (product == "offsets.tbl") return {offsets_};
  if (product == "quicklook.fits") return {quicklook_};
  if (product == "quicklook.png") return {fs::path{quicklook_}.replace_extension(".png").string()};
  if (product == "mosaic.fits") return {};
  if (product.starts_with("Zod_Sub/")) return {zodi_ + product.substr(7)};
  if (!product.starts_with("Overlap_corr/")) return {product};
  const auto name = product.substr(product.find('/') + 1);
  return {corrected_ + "/" + (name.ends_with(".fits") ? "overlapCorrection_" : "") + name};
}

}  // namespace tessera::translate
