// Where the mosaic and its frames lie on the sky: DS9 regions and MOCs (IVOA MOC 2.0).
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tessera/base/files.h"
#include "tessera/io/fits.h"
#include "tessera/pipeline/extra_products.h"
#include "tessera/pipeline/outlier_maps.h"
#include "tessera/run/record.h"
#include "tessera/wcs/healpix.h"

namespace tessera::pipeline {
namespace {

constexpr int rows_at_once = 64;
constexpr double pixels_per_cell = 4;  // along a side, at least: then no cell falls between pixel centres
constexpr double most_cells = 4e6;     // before four become one

/// Text of a title for DS9, which ends at a closing brace.
std::string braced(std::string name) {
  std::replace(name.begin(), name.end(), '}', ')');
  std::replace(name.begin(), name.end(), '{', '(');
  return name;
}

std::string regions(const Finished& m) {
  std::string text = "# Region file format: DS9 version 4.1\nglobal color=green\nicrs\n";
  for (std::size_t i = 0; i < m.plan.frames.size(); ++i) {
    if (!m.pass.frames[i].usable) continue;
    const auto& frame = m.plan.frames[i];
    const auto outline = wcs::footprint(frame.wcs, frame.width, frame.height).border;
    std::string points;
    for (std::size_t k = 0; k < outline.size(); k += 8)  // four along each side
      points += fmt::format("{}{:.7f},{:.7f}", points.empty() ? "" : ",", outline[k].ra_deg, outline[k].dec_deg);
    text += fmt::format("polygon({}) # text={{{}}}\n", points, braced(frame.image.path.filename().string()));
  }
  return text;
}

int order_of(const Finished& m) {
  if (m.options.extra.moc_order >= 0) return m.options.extra.moc_order;
  const auto& grid = m.plan.grid;
  // Of a very large mosaic larger cells, so that their list stays small.
  const double across = std::max(pixels_per_cell, std::sqrt(static_cast<double>(m.plan.forecast.output_pixels) / most_cells));
  return wcs::healpix_order(across * grid.wcs().pixel_scale_arcsec({(grid.width - 1) / 2.0, (grid.height - 1) / 2.0}));
}

void add_cells(const wcs::SkyWcs& wcs, std::span<const double> x, std::span<const double> y, int order, std::vector<std::int64_t>& cells) {
  std::vector<double> ra(x.size()), dec(x.size());
  wcs.pixel_to_sky(x, y, ra, dec);
  for (std::size_t i = 0; i < ra.size(); ++i) {
    if (!std::isfinite(ra[i])) continue;
    const auto cell = wcs::healpix_cell({ra[i], dec[i]}, order);
    if (cells.empty() || cells.back() != cell) cells.push_back(cell);
  }
}

/// Cells that hold the centre of a pixel with data.
wcs::Moc covered(const Finished& m, run::Context& context) {
  const int order = order_of(m), height = m.plan.grid.height;
  const auto wcs = m.plan.grid.wcs();
  std::vector<std::int64_t> all;
  std::vector<std::vector<std::int64_t>> cells(rows_at_once);
  std::vector<std::vector<double>> columns(rows_at_once);
  PlaneRows rows{m.store, TileResult::coverage, 0};
  for (int y0 = 0; y0 < height; y0 += rows_at_once) {
    const int count = std::min(rows_at_once, height - y0);
    for (int k = 0; k < count; ++k) {
      auto& x = columns[static_cast<std::size_t>(k)];
      x.clear();
      const auto row = rows.row(y0 + k);
      for (std::size_t i = 0; i < row.size(); ++i)
        if (row[i] > 0) x.push_back(static_cast<double>(i));
    }
    context.pool().for_each(count, [&](std::int64_t k) {
      const auto& x = columns[static_cast<std::size_t>(k)];
      auto& found = cells[static_cast<std::size_t>(k)];
      found.clear();
      add_cells(wcs, x, std::vector<double>(x.size(), static_cast<double>(y0 + k)), order, found);
    });
    const auto before = all.size();
    for (int k = 0; k < count; ++k) all.insert(all.end(), cells[static_cast<std::size_t>(k)].begin(), cells[static_cast<std::size_t>(k)].end());
    std::sort(all.begin() + static_cast<std::ptrdiff_t>(before), all.end());
    all.erase(std::unique(all.begin() + static_cast<std::ptrdiff_t>(before), all.end()), all.end());
  }
  return {order, std::move(all)};
}

/// Cells that hold a point of the frame's area; points two to a cell's side.
wcs::Moc frame_moc(const instrument::FrameFile& frame, int order) {
  const double pixel = frame.wcs.pixel_scale_arcsec({(frame.width - 1) / 2.0, (frame.height - 1) / 2.0});
  const double side = 3600 * 58.63 / std::pow(2.0, order);
  const double step = std::max(0.25, side / pixel / 4);
  const auto along = [&](int n) { return static_cast<int>(std::ceil(n / step)) + 1; };
  const int nx = along(frame.width), ny = along(frame.height);
  std::vector<double> x(static_cast<std::size_t>(nx)), y(x.size());
  for (int i = 0; i < nx; ++i) x[static_cast<std::size_t>(i)] = -0.5 + static_cast<double>(frame.width) * i / (nx - 1);
  std::vector<std::int64_t> cells;
  for (int j = 0; j < ny; ++j) {
    std::fill(y.begin(), y.end(), -0.5 + static_cast<double>(frame.height) * j / (ny - 1));
    add_cells(frame.wcs, x, y, order, cells);
  }
  return {order, std::move(cells)};
}

void write_moc(const wcs::Moc& moc, const std::filesystem::path& path) {
  Table t;
  t.name = "MOC";
  const auto key = [&](const char* name, Card::Value value, const char* remark) { t.keywords.push_back({name, std::move(value), remark}); };
  key("MOCVERS", std::string{"2.0"}, "MOC version");
  key("MOCDIM", std::string{"SPACE"}, "physical dimension");
  key("ORDERING", std::string{"NUNIQ"}, "4 * 4^order + cell, nested scheme");
  key("COORDSYS", std::string{"C"}, "ICRS");
  key("MOCORD_S", static_cast<std::int64_t>(moc.order()), "finest order");
  key("MOCORDER", static_cast<std::int64_t>(moc.order()), "the same, as MOC 1 had it");
  key("MOCTOOL", std::string{"tessera"}, "");
  t.add("UNIQ", moc.uniq());
  io::FitsWriter writer{path};
  writer.add_table(t);
  writer.close();
}

}  // namespace

std::vector<run::ProductRecord> write_footprints(const Finished& m, run::OutputFolder& folder, run::Context& context) {
  std::vector<run::ProductRecord> records;
  const auto text = [&](const char* name, const std::string& content) {
    files::write_atomic(folder.product(name), content);
    records.push_back({name, files::sha256(content)});
  };
  if (m.options.extra.footprint) {
    context.stage("writing footprints", 1);
    const auto moc = covered(m, context);
    write_moc(moc, folder.product("footprint_moc.fits"));
    records.push_back({"footprint_moc.fits", run::datasums(folder.product("footprint_moc.fits"))});
    text("footprint_moc.json", moc.json());
    text("footprint.reg", regions(m));
    context.step();
  }
  if (!m.options.extra.frame_footprints) return records;
  const auto names = product_names(m.plan, "Footprint", "moc");
  context.stage("writing footprints of frames", static_cast<std::int64_t>(names.size()));
  const int order = order_of(m);
  for (std::size_t i = 0; i < names.size(); ++i) {
    parallel::check_interrupt();
    write_moc(frame_moc(m.plan.frames[i], order), folder.product(names[i]));
    records.push_back({names[i], run::datasums(folder.product(names[i]))});
    context.step();
  }
  return records;
}

}  // namespace tessera::pipeline
