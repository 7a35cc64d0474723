// Coadd/coadd_Tile_NNN_*.fits: the mosaic in tiles, for those who go on with MOPEX tile by tile. MOPEX guide 5.6.19, 8.1.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "tessera/base/files.h"
#include "tessera/io/fits.h"
#include "tessera/io/tables.h"
#include "tessera/pipeline/extra_products.h"
#include "tessera/pipeline/kept_tiles.h"
#include "tessera/pipeline/pixel_flux.h"
#include "tessera/run/record.h"

namespace tessera::pipeline {
namespace {

struct TilePlane {
  const char *suffix, *title;
  TileResult::Plane plane;
  float empty;
  bool has_unit;
};
constexpr TilePlane tile_planes[] = {{"Image", "tile of the mosaic", TileResult::mosaic, NAN, true},
                                     {"Unc", "1-sigma uncertainty of a tile", TileResult::uncertainty, NAN, true},
                                     {"Cov", "coverage of a tile: number of frames", TileResult::coverage, 0, false},
                                     {"Std_Unc", "standard deviation of the frames' values", TileResult::deviation, NAN, true}};

bool in_flux(const Finished& m) { return m.options.interpolation.quantity == reproject::Quantity::flux; }

ProductText text_of(const Finished& m, const TilePlane& what) {
  return {!what.has_unit ? "" : in_flux(m) ? flux_unit(m.plan.unit)->name : m.plan.unit, what.title, {}, in_flux(m)};
}

Header on_tile(Header header, Box tile) {
  for (const auto& [key, from] : {std::pair{"CRPIX1", tile.x0}, std::pair{"CRPIX2", tile.y0}}) header.set(key, header.number(key).value_or(0) - from);
  header.set("MINTOFFX", static_cast<std::int64_t>(tile.x0), "[pixel] first column's offset in the mosaic");
  header.set("MINTOFFY", static_cast<std::int64_t>(tile.y0), "[pixel] first row's offset in the mosaic");
  return header;
}

void write_tile(const Finished& m, Box tile, const TilePlane& what, const Header& header, const std::filesystem::path& path) {
  PlaneRows rows{m.store, what.plane, what.empty};
  std::optional<PixelAreas> areas;
  if (what.has_unit && in_flux(m)) areas.emplace(m.plan.grid);
  std::vector<float> row(static_cast<std::size_t>(m.plan.grid.width));
  io::FitsWriter writer{path};
  writer.add_image("", header, tile.width(), tile.height(), [&](int y, std::span<float> out) {
    std::ranges::copy(rows.row(tile.y0 + y), row.begin());
    if (areas) areas->multiply(tile.y0 + y, flux_unit(m.plan.unit)->per_sr, row);
    std::ranges::copy(std::span<const float>{row}.subspan(static_cast<std::size_t>(tile.x0), out.size()), out.begin());
  });
  writer.close();
}

/// Frames that lie on the tile: their number, then their numbers in the stack.
std::string frames_on(const Finished& m, int id, Box tile) {
  std::string list;
  int count = 0;
  for (std::size_t f = 0; f < m.plan.frames.size(); ++f)
    if (m.pass.frames[f].usable && !intersection(m.plan.on_grid[f], tile).empty()) list += fmt::format(" {}", f + 1), ++count;
  return fmt::format("{} {}{}\n", id, count, list);
}

}  // namespace

std::vector<Box> kept_tiles(int width, int height, int tile_width, int tile_height) {
  const auto edges = [](int pixels, int suggested) {
    const int n = std::max(1, pixels / suggested + (pixels % suggested > suggested / 2 ? 1 : 0)), side = pixels / n;
    std::vector<int> edge;
    for (int k = 0; k < n; ++k) edge.push_back(k * side);
    edge.push_back(pixels);
    return edge;
  };
  const auto x = edges(width, tile_width), y = edges(height, tile_height);
  std::vector<Box> tiles;
  for (std::size_t j = 0; j + 1 < y.size(); ++j)
    for (std::size_t i = 0; i + 1 < x.size(); ++i) tiles.push_back({x[i], y[j], x[i + 1], y[j + 1]});
  return tiles;
}

std::vector<run::ProductRecord> write_kept_tiles(const Finished& m, double mean_exposure_s, run::OutputFolder& folder, run::Context& context) {
  const auto& extra = m.options.extra;
  const auto tiles = kept_tiles(m.plan.grid.width, m.plan.grid.height, extra.tile_width, extra.tile_height);
  std::vector<run::ProductRecord> records;
  std::vector<std::int32_t> id, nx, ny, x0, y0;
  std::vector<std::string> name;
  std::string frames;
  context.stage("writing tiles", static_cast<std::int64_t>(tiles.size()));
  for (std::size_t t = 0; t < tiles.size(); ++t) {
    const Box tile = tiles[t];
    const auto number = fmt::format("coadd_Tile_{:03}", t + 1);
    for (const auto& what : tile_planes) {
      if (!m.plan.planes.has(what.plane)) continue;
      parallel::check_interrupt();
      const auto file = fmt::format("Coadd/{}_{}.fits", number, what.suffix);
      const auto path = folder.product(file);
      write_tile(m, tile, what, on_tile(product_header(text_of(m, what), m.plan, m.pass, m.settings, mean_exposure_s), tile), path);
      records.push_back({file, run::datasums(path)});
    }
    id.push_back(static_cast<std::int32_t>(t + 1)), nx.push_back(tile.width()), ny.push_back(tile.height()), x0.push_back(tile.x0), y0.push_back(tile.y0);
    name.push_back(number + "_Image.fits");
    frames += frames_on(m, id.back(), tile);
    context.step();
  }
  Table t;
  t.name = "coadd_tiles";
  t.comments = {"The tiles of the mosaic: sizes, and the offset of their first pixel in it."};
  t.add("Tile_id", id);
  t.add("NAXIS1", nx, "pixel");
  t.add("NAXIS2", ny, "pixel");
  t.add("MINTOFFX", x0, "pixel");
  t.add("MINTOFFY", y0, "pixel");
  t.add("filename", name);
  const auto table = folder.product("Coadd/coadd_tiles.tbl"), list = folder.product("Coadd/coadd_tile_bcd.txt");
  io::write_table(t, table, io::TableFormat::ipac);
  files::write_atomic(list, frames);
  records.push_back({"Coadd/coadd_tiles.tbl", files::sha256_file(table)});
  records.push_back({"Coadd/coadd_tile_bcd.txt", files::sha256_file(list)});
  return records;
}

}  // namespace tessera::pipeline
