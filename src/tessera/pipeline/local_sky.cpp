// mosaic_minback.fits: the mosaic without its local sky. MOPEX guide 5.6.21.
#include <algorithm>
#include <cmath>

#include "tessera/background/panels.h"
#include "tessera/background/running_median.h"
#include "tessera/io/fits.h"
#include "tessera/pipeline/extra_products.h"
#include "tessera/run/context.h"

namespace tessera::pipeline {
namespace {

constexpr int block_side = 128;  // output pixels ranked together

/// Rows of the mosaic that move with the band being written; those that both bands need are kept.
class MovingRows {
 public:
  explicit MovingRows(const TileStore& store) : rows_{store, TileResult::mosaic, NAN}, width_{store.lattice().width} {}
  /// Rows [y0, y1), both rising from call to call.
  View<const float> take(int y0, int y1) {
    Image<float> next{Box{0, y0, width_, y1}};
    for (int y = y0; y < y1; ++y) std::ranges::copy(y >= held_.box().y0 && y < held_.box().y1 ? std::as_const(held_).row(y) : rows_.row(y), next.row(y).begin());
    held_ = std::move(next);
    return std::as_const(held_).view();
  }

 private:
  PlaneRows rows_;
  int width_;
  Image<float> held_;
};

/// Fills `sky` from the rows around it, block by block.
void sky_of_band(View<const float> rows, const background::WindowOptions& window, Image<float>& sky, run::Context& context) {
  const Box band = sky.box();
  const int blocks = (band.width() + block_side - 1) / block_side;
  context.pool().for_each(blocks, [&](std::int64_t i) {
    const int x = static_cast<int>(i) * block_side;
    const Box block = intersection({x, band.y0, x + block_side, band.y1}, band);
    const Box needed = intersection({block.x0 - window.width / 2, rows.box().y0, block.x1 + window.width / 2, rows.box().y1}, rows.box());
    background::running_median(rows.window(needed), window, sky.view().window(block));
  });
}

void write_running(const Finished& m, const Header& header, io::FitsWriter& writer, run::Context& context) {
  const auto& o = m.options.local_sky;
  const background::WindowOptions window{o.window_x, o.window_y, o.dropped};
  const auto& grid = m.plan.grid;
  MovingRows rows{m.store};
  View<const float> around;
  Image<float> sky;
  writer.add_image("", header, grid.width, grid.height, [&](int y, std::span<float> out) {
    if (y % block_side == 0) {
      parallel::check_interrupt();
      const int end = std::min(grid.height, y + block_side);
      around = rows.take(std::max(0, y - window.height / 2), std::min(grid.height, end + window.height / 2));
      sky.reset({0, y, grid.width, end});
      sky_of_band(around, window, sky, context);
    }
    const auto value = around.row(y);
    const auto level = std::as_const(sky).row(y);
    for (std::size_t x = 0; x < out.size(); ++x) out[x] = value[x] - level[x];
  });
}

void write_panels(const Finished& m, const Header& header, io::FitsWriter& writer) {
  const auto& o = m.options.local_sky;
  const auto& grid = m.plan.grid;
  background::Panels panels{grid.width, grid.height, o.window_x, o.window_y};
  PlaneRows first{m.store, TileResult::mosaic, NAN}, second{m.store, TileResult::mosaic, NAN};
  for (int y = 0; y < grid.height; ++y) panels.add_row(y, first.row(y));
  panels.finish(o.panel_filter);
  writer.add_image("", header, grid.width, grid.height, [&](int y, std::span<float> out) {
    panels.sky(y, out);
    const auto value = second.row(y);
    for (std::size_t x = 0; x < out.size(); ++x) out[x] = value[x] - out[x];
  });
}

}  // namespace

void write_local_sky(const Finished& m, double mean_exposure_s, const std::filesystem::path& path, run::Context& context) {
  const Header header = product_header({m.plan.unit, "mosaic without its local sky", {}}, m.plan, m.pass, m.settings, mean_exposure_s);
  io::FitsWriter writer{path};
  if (m.options.local_sky.panels)
    write_panels(m, header, writer);
  else
    write_running(m, header, writer, context);
  writer.close();
}

}  // namespace tessera::pipeline
