#include <fmt/format.h>

#include <algorithm>

#include "tessera/base/files.h"
#include "tessera/base/text.h"
#include "tessera/catalog/columns.h"
#include "tessera/catalog/conditions.h"
#include "tessera/extraction/edited_images.h"
#include "tessera/extraction/extract_private.h"
#include "tessera/extraction/mopex_tables.h"
#include "tessera/extraction/shapes.h"
#include "tessera/io/fits.h"
#include "tessera/parallel/pool.h"
#include "tessera/run/record.h"

namespace tessera::extraction {

using run::Level;

Header Extraction::plane_header(const std::string& unit, const char* title) const {
  Header header = wcs::SkyWcs::present(mosaic_.header) ? mosaic_.header : Header{};
  for (const char* key : {"SIMPLE", "XTENSION", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "PCOUNT", "GCOUNT", "EXTEND", "BSCALE", "BZERO", "BLANK", "CHECKSUM", "DATASUM", "EXTNAME", "EXTVER", "INHERIT", "BUNIT"}) header.remove(key);
  if (!unit.empty()) header.set("BUNIT", unit, title);
  header.add_comment(title);
  return header;
}

template <class T>
void Extraction::write_plane(const char* name, const std::string& unit, const char* title, View<const T> pixels, run::OutputFolder& folder) {
  io::FitsWriter writer{folder.product(name)};
  writer.add_image("", plane_header(unit, title), pixels);
  writer.close();
  products_.push_back({name, run::datasums(folder.product(name))});
}

void Extraction::write_maps(run::OutputFolder& folder) {
  const auto& c = options_.catalog;
  if (c.background) write_plane<float>("background.fits", mosaic_.unit, "background taken off", found_.background, folder);
  if (c.noise) write_plane<float>("noise.fits", "", "width of the filtered image over what uncertainties say", found_.noise, folder);
  if (c.significance) write_plane<float>("significance.fits", "", "what the threshold applied to", found_.filtered, folder);
  if (c.segments) {
    Image<std::int32_t> numbers{found_.frame.box()};
    std::int32_t number = 0;
    for (const auto& s : found_.segments) {
      ++number;
      for (const auto& run : s.runs) std::fill_n(&numbers(run.x, run.y), run.length, number);
    }
    write_plane<std::int32_t>("segmentation.fits", "", "number of the detection", numbers, folder);
  }
}

Table Extraction::catalogue(const run::Request& request) {
  CatalogParts parts;
  parts.sources = sources_, parts.detections = found_.detections, parts.apertures = apertures_, parts.wcs = &mosaic_.wcs, parts.flux_unit = joint_fit::flux_unit(mosaic_.unit).name;
  parts.run = request.plan_hash, parts.list = by_list(), parts.radii = radii_of(options_.aperture).size(), parts.more = &more_, parts.how = &options_.catalog;
  parallel::release_freed_memory();
  Table table = catalog_table(parts);
  const auto radii = radii_of(options_.aperture);
  for (std::size_t r = 0; r < radii.size(); ++r) table.keywords.push_back({fmt::format("APRAD{}", r + 1), radii[r], "[pixel] radius of aperture " + std::to_string(r + 1)});
  const auto factors = ellipse_factors(options_.shape);
  for (std::size_t i = 0; options_.shape.measure && i < factors.size(); ++i) table.keywords.push_back({fmt::format("ELFAC{}", i + 1), factors[i], "axes of ellipse " + std::to_string(i + 1) + " over those of the source"});
  constexpr const char* rules[] = {"error", "peak", "core", "gain"};
  table.keywords.push_back({"SNRRULE", std::string{rules[static_cast<std::size_t>(options_.fit.snr)]}, "rule of snr, fit.snr; error: flux over its 1 sigma"});
  table.keywords.push_back({"LIMSIG", options_.catalog.limit_sigma, "[sigma] of flux_limit"});
  if (options_.catalog.vega_jy > 0) table.keywords.push_back({"VEGAZP", options_.catalog.vega_jy, "[Jy] of mag_vega = 0"});
  table.keywords.push_back({"PSF", options_.psf.file.substr(options_.psf.file.rfind('/') + 1), "point response"});
  return table;
}

Table Extraction::chosen(const Table& table) const {
  const auto& c = options_.catalog;
  return catalog::select_rows(table, catalog::rows_where(c.columns == ColumnNames::mopex ? mopex_catalog(table) : table, c.where));
}

void Extraction::write_tables(const Table& all, const Table& kept, run::OutputFolder& folder) {
  const auto& c = options_.catalog;
  const bool mopex = c.columns == ColumnNames::mopex;
  const auto write = [&](const Table& table, const char* stem) {
    for (const auto& format : c.formats) run::write_table_product(table, stem, io::table_format(format), folder, products_);
  };
  // A large table is held once more only where its names or columns are to be others.
  const auto picked = [&](const Table& table, const std::vector<std::string>& pick, const char* stem) {
    if (pick.empty()) write(table, stem);
    else write(catalog::select_columns(table, pick), stem);
  };
  const auto write_as = [&](const Table& table, Table (*in_mopex)(Table), const std::vector<std::string>& pick, const char* stem) {
    if (mopex) picked(in_mopex(table), pick, stem);
    else picked(table, pick, stem);
  };
  write_as(kept, mopex_catalog, c.pick, "catalog");
  if (c.raw) write_as(all, mopex_catalog, {}, "catalog_raw");
  if (c.apertures) write_as(apertures_of(all), mopex_catalog, {}, "apertures");
  if (!by_list()) write_as(detections_, mopex_detections, c.detect_pick, "detections");
  if (!by_list() && c.raw) write_as(detections_raw_, mopex_detections, {}, "detections_raw");
  if (options_.fit.covariance && !options_.fit.skip) write(covariance_table(sources_), "covariance");
  if (options_.fit.per_frame && !options_.fit.skip) write(curves_, "light_curve");
}

run::Outcome Extraction::write(run::OutputFolder& folder) {
  context_.stage("writing catalogue", 1);
  const Table all = catalogue(folder_request());
  const Table selected = options_.catalog.where.empty() ? Table{} : chosen(all);
  const Table& table = options_.catalog.where.empty() ? all : selected;
  write_tables(all, table, folder);
  if (!injected_.empty()) {
    const std::string unit = joint_fit::flux_unit(mosaic_.unit).name;
    injection_ = summarise(injected_, options_.injection);
    run::write_table_product(injection_table(injected_, unit), "injection", io::TableFormat::fits, folder, products_);
    run::write_table_product(completeness_table(injection_, unit), "completeness", io::TableFormat::fits, folder, products_);
  }
  const double radius = 1.5 * psf_.tables().front().fwhm_pix() * (images_.empty() ? 1.0 : images_.front().file->wcs.pixel_scale_arcsec({images_.front().file->width / 2.0, images_.front().file->height / 2.0}));
  if (options_.catalog.regions) {
    const std::string text = regions_of(table, radius);
    files::write_atomic(folder.product("sources.reg"), text);
    products_.push_back({"sources.reg", files::sha256(text)});
  }
  write_maps(folder);
  if (options_.catalog.residual_frames) write_with_sources(images_, joint_fit::SourceLists{images_.size(), sources_}, -1, residual_files, folder, products_, context_);
  if (options_.catalog.residual) write_plane<float>("residual.fits", mosaic_.unit, "less background and sources", left_, folder);
  context_.step();
  clock_.stop();
  const auto pulls = pulls_of(images_, sources_, fit_.window);
  if (options_.mosaic.products.report) {
    write_report({clock_.record, settings_, images_, sources_, found_, mosaic_, left_, fit_, pulls, static_cast<long>(table.rows()), psf_.tables().front().fwhm_pix(), by_list(), psf_.description(), injected_, injection_}, folder, recorder_);
    products_.push_back({"report.html", ""});
  }
  finish(folder, table, pulls);
  if (table.rows() == 0) {
    context_.log(Level::info, fmt::format("{}: no source; an empty catalogue was written", request_.output));
    return run::Outcome::nothing_to_do;
  }
  context_.log(Level::info, fmt::format("{}: {} sources, {}", request_.output, table.rows(), text::format_duration(clock_.record.wall_s)));
  return recorder_.outcome();
}

void Extraction::finish(run::OutputFolder& folder, const Table& table, const PullSummary& pulls) {
  const auto inputs = run::hash_files(read_files(), context_);
  std::vector<std::pair<std::string, double>> results{{"detections", static_cast<double>(found_.detections.size())}, {"rows", static_cast<double>(table.rows())}, {"fit_rounds", fit_.rounds},
                                                      {"largest_group", static_cast<double>(fit_.largest_group)}, {"fit_window", fit_.window}, {"noise_scale", found_.median_noise}, {"pull_width_sources", pulls.sources},
                                                      {"pull_width_sky", pulls.sky}, {"images", static_cast<double>(images_.size())}};
  if (!injected_.empty()) {
    const auto& i = injection_;
    for (const auto& [name, value] : {std::pair{"injected", static_cast<double>(injected_.size())}, {"injected_found", static_cast<double>(std::count_if(injected_.begin(), injected_.end(), [](const Injected& s) { return s.found; }))},
                                      {"flux_error_factor", i.flux.factor}, {"flux_error_factor_err", i.flux.error}, {"position_error_factor", i.position.factor}, {"position_error_factor_err", i.position.error},
                                      {"flux_bias", i.bias}, {"flux_bias_err", i.bias_err}, {"half_complete_snr", i.half_complete_snr}, {"half_complete_flux", i.half_complete_flux}})
      results.emplace_back(name, value);
  }
  run::publish_run(clock_, folder_request().plan_hash, settings_, inputs, run::placed_products(request_.kept, products_, folder), results, folder, recorder_);
}

}  // namespace tessera::extraction
