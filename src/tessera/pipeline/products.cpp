#include "tessera/pipeline/products.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <set>
#include <utility>

#include "tessera/background/surface.h"
#include "tessera/base/files.h"
#include "tessera/base/version.h"
#include "tessera/io/fits.h"
#include "tessera/io/tables.h"
#include "tessera/picture/picture.h"
#include "tessera/pipeline/context_image.h"
#include "tessera/pipeline/detection_maps.h"
#include "tessera/pipeline/outlier_maps.h"
#include "tessera/pipeline/outlier_mosaics.h"
#include "tessera/pipeline/pixel_flux.h"
#include "tessera/pipeline/plane_writer.h"
#include "tessera/pipeline/rmask_mosaic.h"

namespace tessera::pipeline {
namespace {

constexpr std::size_t most_history_inputs = 100;
constexpr double ab_zero_jy = 3631.0;  // Oke & Gunn 1983

struct Product {
  const char* file;
  const char* title;
  TileResult::Plane plane;
  float empty;  ///< value where no tile was made
};
constexpr Product fits_products[] = {
    {"mosaic.fits", "mosaic", TileResult::mosaic, NAN},
    {"mosaic_unc.fits", "1-sigma uncertainty", TileResult::uncertainty, NAN},
    {"mosaic_cov.fits", "coverage: number of frames", TileResult::coverage, 0},
    {"mosaic_exp.fits", "exposure time per pixel", TileResult::exposure, 0},
    {"mosaic_std.fits", "standard deviation of the frames' values", TileResult::deviation, NAN},
    {"mosaic_median.fits", "median", TileResult::median, NAN},
    {"mosaic_median_unc.fits", "1-sigma uncertainty of the median", TileResult::median_uncertainty, NAN},
};

bool in_flux(const MosaicOptions& options) { return options.interpolation.quantity == reproject::Quantity::flux; }

/// Whether values of the product are those of the frames, in their unit.
bool of_brightness(const Product& product) { return product.plane != TileResult::coverage && product.plane != TileResult::exposure; }

std::string unit_of(const Product& product, const std::string& unit) {
  switch (product.plane) {
    case TileResult::coverage: return "";
    case TileResult::exposure: return "s";
    default: return unit;
  }
}

}  // namespace

/// From one pass over the exposure plane.
double mean_exposure(const TileStore& store) {
  const auto& lattice = store.lattice();
  PlaneRows rows{store, TileResult::exposure, 0};
  double sum = 0;
  std::int64_t covered = 0;
  for (int y = 0; y < lattice.height; ++y)
    if (!rows.empty(y))
      for (const float v : rows.row(y)) sum += v, covered += v > 0;
  return covered ? sum / static_cast<double>(covered) : 0;
}

namespace {

void add_times(Header& header, const Plan& plan, const FramePass& pass, double mean_exposure_s) {
  double total = 0, begin = INFINITY, end = -INFINITY;
  std::int64_t used = 0;
  for (std::size_t i = 0; i < plan.frames.size(); ++i) {
    if (!pass.frames[i].usable) continue;
    ++used;
    total += plan.frames[i].exposure_s;
    if (plan.frames[i].mjd_begin > 0) begin = std::min(begin, plan.frames[i].mjd_begin);
    if (plan.frames[i].mjd_end > 0) end = std::max(end, plan.frames[i].mjd_end);
  }
  header.set("NCOMBINE", used, "frames combined");
  if (total > 0) {
    header.set("TOTEXP", total, "[s] exposure of all frames together");
    header.set("EXPTIME", mean_exposure_s, "[s] mean exposure of a covered pixel");
  }
  if (std::isfinite(begin)) header.set("MJD-BEG", begin, "[d] start of the first exposure");
  if (std::isfinite(end)) header.set("MJD-END", end, "[d] end of the last exposure");
}

void add_photometry(Header& header, const Plan& plan, bool flux) {
  const double area = plan.grid.wcs().pixel_area_sr({(plan.grid.width - 1) / 2.0, (plan.grid.height - 1) / 2.0});
  header.set("PIXAR_SR", area, "[sr] solid angle of the central pixel");
  header.set("PIXAR_A2", area * std::pow(180 * 3600 / std::numbers::pi, 2), "[arcsec2] the same");
  header.set("QUANTITY", std::string{flux ? "flux per pixel" : "surface brightness"}, "what the pixels of the mosaic hold");
  if (plan.unit != "MJy/sr") return;
  if (flux) {
    header.set("MAGZPAB", -2.5 * std::log10(1 / ab_zero_jy), "AB mag of a sum over pixels of 1 BUNIT");
    return;
  }
  header.set("MAGZPAB", -2.5 * std::log10(1e6 * area / ab_zero_jy), "AB mag of a sum over pixels of 1 BUNIT");
}

void add_options(Header& header, const Plan& plan, const param::OptionSet& settings) {
  header.set("CREATOR", "tessera " + std::string{version()}, "program that made this file");
  static const std::pair<const char*, const char*> keywords[] = {
      {"INTERP", "interpolation.method"}, {"REJECT", "rejection.method"}, {"BACKGRND", "background.method"}, {"COADD", "coadd.method"}, {"WEIGHTS", "coadd.weights"}};
  const auto all = settings.settings();
  for (const auto& [card, key] : keywords)
    for (const auto& s : all)
      if (s.key == key) header.set(card, s.value, key);
  header.set("PROFILE", plan.frames.front().profile->name, "instrument profile of the first frame");
  static const std::set<std::string> host = {"run", "output", "mopex"};
  std::vector<std::string> changed;
  for (const auto& s : all)
    if (s.value != settings.find(s.key)->initial && !host.count(s.key.substr(0, s.key.find('.'))) && s.key != "input.images" && s.key != "input.sigmas" && s.key != "input.masks" && s.key != "input.rmasks" && s.key != "grid.file" && s.key != "grid.moving")
      changed.push_back(fmt::format("  {} = {}", s.key, s.value));
  header.add_history(changed.empty() ? "all options at their defaults" : "options that differ from the defaults:");
  for (const auto& line : changed) header.add_history(line);
  header.add_history(fmt::format("{} input frames:", plan.frames.size()));
  for (std::size_t i = 0; i < std::min(plan.frames.size(), most_history_inputs); ++i) {
    const auto& image = plan.frames[i].image;
    header.add_history(image.hdu ? fmt::format("  {}[{}]", image.path.filename().string(), image.hdu) : "  " + image.path.filename().string());
  }
  if (plan.frames.size() > most_history_inputs) header.add_history(fmt::format("  and {} more", plan.frames.size() - most_history_inputs));
}

/// What a pixel of the uncertainty is.
const char* meaning_of_uncertainty(coadd::Method method) {
  switch (method) {
    case coadd::Method::median: return "of a median: sqrt(k_n n)/sum 1/sigma, k_n from 1 to pi/2; neighbouring pixels are correlated";
    case coadd::Method::minimum: return "sigma of the value chosen; neighbouring pixels are correlated";
    default: return "sqrt(sum w^2 sigma^2)/sum w; neighbouring pixels are correlated";
  }
}

/// Comments that explain the standard products.
ProductText text_of(const Product& product, const MosaicOptions& options, const std::string& unit) {
  ProductText text{unit_of(product, in_flux(options) ? flux_unit(unit)->name : unit), product.title, {}, in_flux(options)};
  if (product.plane == TileResult::uncertainty) text.comments = {meaning_of_uncertainty(options.coadd.method)};
  if (product.plane == TileResult::median_uncertainty) text.comments = {meaning_of_uncertainty(coadd::Method::median)};
  if (product.plane == TileResult::median) text.comments = {"median of the values that the mosaic is made of; the flux of stars is not conserved"};
  if ((product.plane == TileResult::uncertainty || product.plane == TileResult::median_uncertainty) && options.background.uncertainty == background::Uncertainty::include && options.background.method != background::Method::none)
    text.comments.push_back("with the error of the matched backgrounds, sqrt(sum w_i w_j Cov_ij)/sum w, added in quadrature");
  if (product.plane == TileResult::coverage) text.comments = {"sum over frames of the fraction of the pixel that good frame pixels cover"};
  if (product.plane == TileResult::deviation) text.comments = {"sqrt(sum T c (I - mosaic)^2 / sum T c): the scatter of single values, not an error of the mosaic"};
  return text;
}

}  // namespace

Header product_header(const ProductText& product, const Plan& plan, const FramePass& pass, const param::OptionSet& settings, double mean_exposure_s) {
  Header header = plan.grid.header();
  for (const char* key : {"SIMPLE", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2"}) header.remove(key);
  if (!product.unit.empty()) header.set("BUNIT", product.unit, product.title);
  header.set("OBJECT", plan.frames.front().header.text("OBJECT").value_or(""), "of the first frame");
  if (!plan.frames.front().filter.empty()) header.set("FILTER", plan.frames.front().filter, "of the first frame");
  if (!plan.moving.empty()) {
    header.set("RA_REF", plan.moving.fixed.ra_deg, "[deg] of the moving object, kept still");
    header.set("DEC_REF", plan.moving.fixed.dec_deg, "[deg] of the moving object, kept still");
  }
  add_times(header, plan, pass, mean_exposure_s);
  add_photometry(header, plan, product.per_pixel);
  for (const auto& comment : product.comments) header.add_comment(comment);
  add_options(header, plan, settings);
  return header;
}

namespace {

/// Columns that only some runs need: zodiacal light, coefficients of surfaces.
void add_backgrounds(Table& t, const Plan& plan, const FramePass& pass) {
  std::vector<double> zodi;
  for (const auto& f : pass.frames) zodi.push_back(f.zodi);
  if (std::any_of(zodi.begin(), zodi.end(), [](double z) { return z != 0; })) t.add("Zodi", zodi, plan.unit, "zodiacal light, subtracted beside the offset");
  const auto more = static_cast<std::size_t>(background::SurfaceBasis{pass.offsets.order}.terms() - 1);
  for (std::size_t k = 1; k <= more; ++k) {
    std::vector<double> coefficient;
    for (const auto& f : pass.frames) coefficient.push_back(f.surface.empty() ? 0 : f.surface[k]);
    t.add(fmt::format("Surface_{}", k), coefficient, plan.unit, "coefficient of the surface subtracted from the frame, see docs/steps/overlap.md");
  }
}

}  // namespace

Table offsets_table(const Plan& plan, const FramePass& pass, const std::vector<std::int64_t>& rejected) {
  std::vector<std::int32_t> id, outlier, group;
  std::vector<double> offset, sigma, scale, weight;
  std::vector<std::int64_t> count;
  std::vector<std::string> name;
  for (std::size_t i = 0; i < pass.frames.size(); ++i) {
    const auto& f = pass.frames[i];
    id.push_back(static_cast<std::int32_t>(i + 1));
    offset.push_back(f.offset), sigma.push_back(f.offset_sigma), outlier.push_back(f.offset_outlier);
    group.push_back(f.group), scale.push_back(f.noise_scale), weight.push_back(f.usable ? f.weight : 0);
    count.push_back(rejected.empty() ? 0 : rejected[i]);
    name.push_back(plan.frames[i].image.path.filename().string());
  }
  Table t;
  t.name = "offsets";
  t.comments = {"Offset: the value subtracted from each frame; del_Offset its standard error (sandwich estimate)."};
  t.add("Image_id", id, "", "number of the frame in header_list.tbl");
  t.add("Offset", offset, plan.unit, "subtracted from the frame");
  t.add("del_Offset", sigma, plan.unit, "standard error of the offset");
  t.add("outliers", outlier, "", "1: did not count for the common level");
  t.add("group", group, "", "frames connected by overlaps");
  t.add("noise_scale", scale, "", "true noise over stated uncertainty");
  t.add("weight", weight, "", "relative weight in the coadd");
  t.add("rejected", count, "pixel", "frame pixels rejected as outliers");
  t.add("filename", name, "", "image");
  add_backgrounds(t, plan, pass);
  return t;
}

Table header_list(const Plan& plan) {
  Table t;
  t.name = "header_list";
  std::vector<std::int32_t> id, nx, ny;
  std::vector<double> ra, dec, scale, angle, exposure;
  std::vector<std::string> projection, distortion, name;
  for (std::size_t i = 0; i < plan.frames.size(); ++i) {
    const auto& f = plan.frames[i];
    const wcs::PixelPoint middle{(f.width - 1) / 2.0, (f.height - 1) / 2.0};
    const auto sky = f.wcs.pixel_to_sky(middle);
    id.push_back(static_cast<std::int32_t>(i + 1));
    nx.push_back(f.width), ny.push_back(f.height);
    ra.push_back(sky.ra_deg), dec.push_back(sky.dec_deg);
    scale.push_back(f.wcs.pixel_scale_arcsec(middle)), angle.push_back(f.wcs.north_angle_deg(middle));
    exposure.push_back(f.exposure_s);
    projection.push_back(f.wcs.projection()), distortion.push_back(f.wcs.distortion().empty() ? "none" : f.wcs.distortion());
    name.push_back(f.image.path.filename().string());
  }
  t.comments = {"The frames as read from their headers; positions are of the frame's centre, ICRS."};
  t.add("Image_id", id);
  t.add("NAXIS1", nx, "pixel");
  t.add("NAXIS2", ny, "pixel");
  t.add("ra", ra, "deg", "", "pos.eq.ra");
  t.add("dec", dec, "deg", "", "pos.eq.dec");
  t.add("pixel_scale", scale, "arcsec");
  t.add("north_angle", angle, "deg");
  t.add("exposure", exposure, "s");
  t.add("projection", projection);
  t.add("distortion", distortion);
  t.add("filename", name);
  return t;
}

namespace {

void write_picture(const Plan& plan, const TileStore& store, TileResult::Plane plane, const picture::PictureOptions& options, const std::filesystem::path& path) {
  picture::PreviewBuilder builder{plan.grid.width, plan.grid.height, options.max_side};
  PlaneRows rows{store, plane, plane == TileResult::mosaic ? NAN : 0.0F};
  for (int y = 0; y < plan.grid.height; ++y) rows.empty(y) ? builder.add_constant(y, rows.row(y).front()) : builder.add_row(y, rows.row(y));
  picture::write_png(builder.finish(), plan.grid, options, path);
}

void write_pictures(const Plan& plan, const TileStore& store, run::OutputFolder& folder) {
  const auto object = plan.frames.front().header.text("OBJECT").value_or("");
  picture::PictureOptions mosaic;
  mosaic.title = fmt::format("{}{}{} frame{}", object, object.empty() ? "" : ", ", plan.frames.size(), plan.frames.size() == 1 ? "" : "s");
  mosaic.unit = plan.unit;
  write_picture(plan, store, TileResult::mosaic, mosaic, folder.product("mosaic.png"));
  picture::PictureOptions coverage;
  coverage.title = mosaic.title + ": coverage";
  coverage.unit = "frames";
  coverage.stretch = picture::Stretch::linear;
  coverage.palette = picture::Palette::viridis;
  coverage.integer_levels = true;
  write_picture(plan, store, TileResult::coverage, coverage, folder.product("coverage.png"));
}

/// Of whole numbers: both ways to pack are without loss, Rice's is the shorter.
io::FitsWriter::Compression packed_whole(io::FitsWriter::Compression asked) {
  using Compression = io::FitsWriter::Compression;
  return asked == Compression::none ? Compression::none : Compression::rice;
}

std::vector<std::string> write_rmasks(const Plan& plan, const FrameMasks& masks, const outlier::RejectionOptions& asked, io::FitsWriter::Compression compression, run::OutputFolder& folder, run::Context& context) {
  const std::vector<std::string> names = product_names(plan, "Rmask", "rmask");
  context.stage("writing rejection masks", static_cast<std::int64_t>(plan.frames.size()));
  for (std::size_t i = 0; i < plan.frames.size(); ++i) {
    parallel::check_interrupt();
    const auto& frame = plan.frames[i];
    Image<std::int16_t> mask{frame.width, frame.height};
    masks.mark(i, mask);
    Header header;
    for (const auto scheme : outlier::all_schemes)
      if (asked.uses(scheme)) header.set(fmt::format("BIT{:02}", static_cast<int>(scheme)), fmt::format("{} outlier", outlier::name_of(scheme)), fmt::format("meaning of bit {}", static_cast<int>(scheme)));
    header.set("FATALBIT", static_cast<std::int64_t>(asked.fatal() & asked.schemes()), "bits that reject a pixel");
    header.add_history(fmt::format("outliers among the pixels of {}", frame.image.path.filename().string()));
    io::FitsWriter writer{folder.product(names[i])};
    writer.add_image("", header, std::as_const(mask).view(), packed_whole(compression));
    writer.close();
    context.step();
  }
  return names;
}

}  // namespace

std::vector<run::ProductRecord> write_products(const Plan& plan, const FramePass& pass, const TileStore& store, const FrameMasks& masks, const MeasuredCorrelation& noise, const MosaicOptions& options,
                                          const param::OptionSet& settings, run::OutputFolder& folder, run::Context& context) {
  const auto rejected = masks.count(options.rejection.fatal());
  std::vector<run::ProductRecord> records;
  context.stage("writing products", plan.planes.count() + (options.products.pictures ? 2 : 1));
  const double exposure = mean_exposure(store);
  std::vector<Product> asked;
  std::vector<std::filesystem::path> paths;
  for (const auto& product : fits_products) {
    if (!plan.planes.has(product.plane)) continue;
    asked.push_back(product);
    paths.push_back(folder.product(product.file));
  }
  const auto write = [&](std::int64_t i) {
    const auto& product = asked[static_cast<std::size_t>(i)];
    const auto& path = paths[static_cast<std::size_t>(i)];
    parallel::check_interrupt();
    io::FitsWriter writer{path};
    PlaneImage image{product.plane, product.empty, !of_brightness(product), {}};
    if (in_flux(options) && of_brightness(product))
      image.change = [areas = PixelAreas{plan.grid}, factor = flux_unit(plan.unit)->per_sr] {
        return [areas, factor](int y, int x0, std::span<float> row) mutable { areas.multiply(y, factor, row, x0); };
      };
    write_plane(product_header(text_of(product, options, plan.unit), plan, pass, settings, exposure), store, image, options.products.compress, writer, context);
    if (product.plane == TileResult::uncertainty) add_correlation(noise, writer);
    if (product.plane == TileResult::median_uncertainty && options.coadd.method == coadd::Method::median) add_correlation(noise, writer);
    if (product.plane == TileResult::median_uncertainty && coadd::weighted(options.coadd.method)) add_correlation(median_of(noise), writer);
    writer.close();
    context.step();
  };
  // Each plane being written holds a row of tiles.
  const auto count = static_cast<std::int64_t>(paths.size());
  const auto held = std::int64_t{plan.grid.width} * plan.lattice.side * static_cast<std::int64_t>(sizeof(float)) * std::min<std::int64_t>(count, context.pool().threads());
  if (held <= share_memory(context.memory_bytes()).tiles) context.pool().for_each(count, write);
  else
    for (std::int64_t i = 0; i < count; ++i) write(i);
  for (std::size_t i = 0; i < paths.size(); ++i) records.push_back({asked[i].file, run::datasums(paths[i])});
  if (plan.context_planes > 0) {
    parallel::check_interrupt();
    const char* file = "mosaic_ctx.fits";
    Header header = product_header({"", "context: frames that count", {}}, plan, pass, settings, exposure);
    write_context(store, plan.context_planes, std::move(header), options.products.compress, folder.product(file));
    records.push_back({file, run::datasums(folder.product(file))});
  }
  run::write_table_product(wcs::fif_table(plan.grid), "FIF", io::TableFormat::ipac, folder, records);
  run::write_table_product(header_list(plan), "header_list", io::TableFormat::ipac, folder, records);
  run::write_table_product(offsets_table(plan, pass, rejected), "offsets", io::TableFormat::ipac, folder, records);
  if (!plan.moving.empty()) run::write_table_product(moving_table(plan.moving, plan.frames), "moving", io::TableFormat::ipac, folder, records);
  context.step();
  if (options.products.pictures) {
    write_pictures(plan, store, folder);
    context.step();
  }
  if (options.products.rmask_mosaic) {
    const auto path = folder.product("mosaic_rmask.fits");
    write_rmask_mosaic(plan, pass, masks, options.rejection, product_header({"", "outliers found", {}}, plan, pass, settings, exposure), options.products.compress, path);
    records.push_back({"mosaic_rmask.fits", run::datasums(path)});
  }
  if (options.products.outlier_maps && options.rejection.outlier_maps.empty()) {
    const auto names = product_names(plan, "Outlier", "outlier");
    const OutlierMaps maps{plan, folder.scratch()};
    context.stage("writing outlier maps", static_cast<std::int64_t>(names.size()));
    for (std::size_t f = 0; f < names.size(); ++f) {
      parallel::check_interrupt();
      context.step();
      if (!pass.frames[f].usable || OutlierMaps::place(plan, f).empty()) continue;
      write_outlier_map(plan, options, maps, f, folder.product(names[f]));
      records.push_back({names[f], run::datasums(folder.product(names[f]))});
    }
  }
  if (options.products.detection_maps)
    for (auto& record : write_detection_maps(plan, pass, folder, context)) records.push_back(std::move(record));
  for (auto& record : write_outlier_mosaics(plan, pass, options, settings, exposure, folder)) records.push_back(std::move(record));
  if (options.products.rmasks)
    for (const auto& name : write_rmasks(plan, masks, options.rejection, options.products.compress, folder, context)) records.push_back({name, run::datasums(folder.product(name))});
  return records;
}

}  // namespace tessera::pipeline
