#include "tessera/pipeline/extra_products.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "tessera/base/error.h"
#include "tessera/base/files.h"
#include "tessera/core/statistics.h"
#include "tessera/io/fits.h"
#include "tessera/io/tables.h"
#include "tessera/run/context.h"

namespace tessera::pipeline {
namespace {

constexpr double fwhm_per_sigma = 2.3548200450309493;
constexpr double ab_zero_ujy = 3631e6;  // Oke & Gunn 1983

/// How much larger the noise of a flux fitted with a Gaussian profile is than the pixels' own noise says: with weights a, R² = Σ a_p a_q ρ(q − p) / Σ a_p². For a Gaussian
/// of width s pixels Σ_p a_p a_{p+d} / Σ a_p² = exp(−d²/4s²). Not below 0 by the errors of ρ.
double noise_ratio(const NoiseCorrelation& rho, double s) {
  double sum = 0;
  for (int dy = -rho.reach(); dy <= rho.reach(); ++dy)
    for (int dx = -rho.reach(); dx <= rho.reach(); ++dx) sum += static_cast<double>(rho(dx, dy)) * std::exp(-(dx * dx + dy * dy) / (4 * s * s));
  return std::sqrt(std::max(0.0, sum));
}

/// The same of a sum over many pixels where the correlation is not measured: Casertano et al. 2000, AJ 120, 2747, (A20), with r the side of
/// the drop over that of the output pixel. 1 for methods that take points.
double noise_ratio(const reproject::InterpolationOptions& how, double input_over_output_pixel) {
  double r = input_over_output_pixel;
  if (how.method == reproject::Interpolation::drizzle)
    r *= how.pixfrac;
  else if (how.method != reproject::Interpolation::area)
    return 1;
  return r >= 1 ? r / (1 - 1 / (3 * r)) : 1 / (1 - r / 3);
}

/// Factor from the mosaic's unit (surface brightness) times steradian to a flux, and its name.
std::pair<double, std::string> flux_unit(const std::string& unit) {
  const double arcsec2_per_sr = std::pow(180 * 3600 / std::numbers::pi, 2);
  if (unit == "MJy/sr") return {1e12, "uJy"};
  if (unit.ends_with("/arcsec2")) return {arcsec2_per_sr, unit.substr(0, unit.size() - 8)};
  return {arcsec2_per_sr, unit.empty() ? "arcsec2" : unit + " arcsec2"};
}

/// The limit n σ_F of a point fitted with its own profile: σ_F = R u √(4π) s √A, u the noise of a pixel of solid angle A, R the noise ratio,
/// s the width of a Gaussian profile, whose noise-equivalent area is 4π s² (King 1983, PASP 95, 163).
void write_depth(const Finished& m, double mean_exposure_s, const std::filesystem::path& path) {
  const auto& options = m.options.extra;
  const auto& grid = m.plan.grid;
  const double area = grid.wcs().pixel_area_sr({(grid.width - 1) / 2.0, (grid.height - 1) / 2.0});
  const double s = options.psf_fwhm_arcsec / fwhm_per_sigma / 3600 * std::numbers::pi / 180;
  const double ratio = m.noise.mean ? noise_ratio(*m.noise.mean, s / std::sqrt(area)) : noise_ratio(m.options.interpolation, m.plan.input_over_output_pixel);
  const auto [factor, unit] = flux_unit(m.plan.unit);
  const double scale = options.depth_sigma * ratio * std::sqrt(4 * std::numbers::pi) * s * std::sqrt(area) * factor;
  const auto limit = [&](float uncertainty) { return static_cast<float>(static_cast<double>(uncertainty) * scale); };

  std::vector<float> all;  // one pixel in so many that a million are left: their median stands in the header
  const std::int64_t step = std::max<std::int64_t>(1, m.plan.forecast.output_pixels / 1000000);
  PlaneRows sampled{m.store, TileResult::uncertainty, NAN}, rows{m.store, TileResult::uncertainty, NAN};
  for (int y = 0; y < grid.height; ++y) {
    const auto row = sampled.row(y);
    for (std::int64_t x = (step - static_cast<std::int64_t>(y) * grid.width % step) % step; x < grid.width; x += step)
      if (std::isfinite(row[static_cast<std::size_t>(x)])) all.push_back(limit(row[static_cast<std::size_t>(x)]));
  }
  const double median = statistics::median_inplace(std::span<float>{all});
  Header header = product_header({unit, fmt::format("point source of {} sigma", options.depth_sigma), {}}, m.plan, m.pass, m.settings, mean_exposure_s);
  header.set("DEPTHSIG", options.depth_sigma, "signal to noise of the limit");
  header.set("PSFFWHM", options.psf_fwhm_arcsec, "[arcsec] of a point source");
  header.set("NOISERAT", ratio, m.noise.mean ? "noise of fitted fluxes over independent pixels'" : "noise of large sums over independent pixels'");
  if (std::isfinite(median)) header.set("DEPTHMED", median, "median of the limit over the mosaic");
  if (unit == "uJy" && median > 0) header.set("ABMAGLIM", -2.5 * std::log10(median / ab_zero_ujy), "[mag] AB magnitude of DEPTHMED");
  if (unit == "uJy") header.set("MAGZPAB", -2.5 * std::log10(1 / ab_zero_ujy), "AB mag of a pixel of 1 BUNIT");
  header.add_comment("noise of the frames only: crowding and confusion are not in it");
  io::FitsWriter writer{path};
  writer.add_image("", header, grid.width, grid.height, [&](int y, std::span<float> out) {
    const auto row = rows.row(y);
    for (std::size_t x = 0; x < row.size(); ++x) out[x] = limit(row[x]);
  });
  writer.close();
}

std::vector<run::ProductRecord> write_geometry(const Finished& m, run::OutputFolder& folder) {
  std::vector<bool> used;
  for (const auto& frame : m.pass.frames) used.push_back(frame.usable);
  const auto table = folder.product("geometry.tbl");
  io::write_table(geometry_table(m.plan.frames, m.plan.on_grid, used), table, io::TableFormat::ipac);
  std::vector<run::ProductRecord> records{{"geometry.tbl", files::sha256_file(table)}};
  for (const auto& list : geometry_lists(m.plan.frames, used)) {
    const auto path = folder.product(list.name);
    files::write_atomic(path, list.content);
    records.push_back({list.name, files::sha256_file(path)});
  }
  return records;
}

}  // namespace

void check_extra_options(const Plan& plan, const MosaicOptions& options) {
  const auto& extra = options.extra;
  if (extra.depth && !(extra.psf_fwhm_arcsec > 0)) throw UsageError{"output.depth needs the width of a point source: give output.psf_fwhm in arcsec"};
  if (!extra.array_pixel_area.empty() && extra.array_correction.empty()) throw UsageError{"output.array_pixel_area goes with output.array_correction, which is not given"};
  if (!extra.array_correction.empty()) array_correction(plan, extra);
  const auto& sky = options.local_sky;
  if (extra.local_sky && !sky.panels && sky.dropped >= sky.window_x * sky.window_y)
    throw UsageError{fmt::format("local_sky.drop = {} leaves nothing of a window of {} × {} pixels", sky.dropped, sky.window_x, sky.window_y)};
}

std::vector<run::ProductRecord> write_extra_products(const Finished& m, run::OutputFolder& folder, run::Context& context) {
  const auto& extra = m.options.extra;
  std::vector<run::ProductRecord> records;
  if (!(extra.local_sky || extra.depth || extra.footprint || extra.frame_footprints || extra.geometry || extra.interpolated || extra.minback || extra.sigmas || extra.tiles || !extra.array_correction.empty())) return records;
  const double exposure = mean_exposure(m.store);
  const auto image = [&](const char* name, const auto& write) {
    const auto path = folder.product(name);
    context.stage(fmt::format("writing {}", name), 1);
    write(path);
    context.step();
    records.push_back({name, run::datasums(path)});
  };
  if (extra.local_sky) image("mosaic_minback.fits", [&](const auto& path) { write_local_sky(m, exposure, path, context); });
  if (extra.depth) image("mosaic_depth.fits", [&](const auto& path) { write_depth(m, exposure, path); });
  if (!extra.array_correction.empty()) image("mosaic_arraycorr.fits", [&](const auto& path) { write_array_correction(m, exposure, path, context); });
  if (extra.footprint || extra.frame_footprints)
    for (auto& record : write_footprints(m, folder, context)) records.push_back(std::move(record));
  if (extra.geometry)
    for (auto& record : write_geometry(m, folder)) records.push_back(std::move(record));
  if (extra.tiles)
    for (auto& record : write_kept_tiles(m, exposure, folder, context)) records.push_back(std::move(record));
  if (extra.minback) write_minback_frames(m, folder, records, context);
  if (extra.sigmas) write_sigma_frames(m, folder, records, context);
  if (extra.interpolated)
    for (auto& record : write_interpolated(m, folder, context)) records.push_back(std::move(record));
  return records;
}

}  // namespace tessera::pipeline
