#include "tessera/pipeline/quicklook.h"

#include <algorithm>
#include <cmath>

#include "tessera/background/surface.h"

namespace tessera::pipeline {
namespace {

/// The grid with its pixels `side` times as large; cell 0 begins where pixel 0 does.
wcs::Grid coarse_grid(wcs::Grid grid, int side) {
  const double s = side;
  grid.width = (grid.width + side - 1) / side, grid.height = (grid.height + side - 1) / side;
  grid.crpix1 = (grid.crpix1 - 0.5) / s + 0.5, grid.crpix2 = (grid.crpix2 - 0.5) / s + 0.5;
  grid.cdelt1_deg *= s, grid.cdelt2_deg *= s;
  auto& cards = grid.extra;
  if (cards.empty()) return grid;
  cards.set("NAXIS1", std::int64_t{grid.width}), cards.set("NAXIS2", std::int64_t{grid.height});
  for (const char* key : {"CRPIX1", "CRPIX2"})
    if (const auto v = cards.number(key)) cards.set(key, (*v - 0.5) / s + 0.5);
  for (const char* key : {"CD1_1", "CD1_2", "CD2_1", "CD2_2", "CDELT1", "CDELT2"})
    if (const auto v = cards.number(key)) cards.set(key, *v * s);
  return grid;
}

}  // namespace

Quicklook quicklook(const Plan& plan, const FramePass& pass) {
  int side = 1;
  for (const auto& map : pass.cells)
    if (!map.cells.empty()) side = map.side;
  Quicklook look{coarse_grid(plan.grid, side), {}};
  const Box box{0, 0, look.grid.width, look.grid.height};
  look.pixels.reset(box, NAN);
  Image<double> sum{box}, weight{box};
  const background::SurfaceBasis basis{pass.offsets.order};
  for (std::size_t f = 0; f < pass.cells.size(); ++f) {
    const auto& map = pass.cells[f];
    const auto& state = pass.frames[f];
    const Box part = intersection(map.cells, box);
    for (int y = part.y0; y < part.y1; ++y)
      for (int x = part.x0; x < part.x1; ++x) {
        const auto v = static_cast<double>(map.variance(x, y));
        double value = static_cast<double>(map.mean(x, y)) - state.offset;
        if (!state.surface.empty() && !map.u.empty()) value -= basis.sum(static_cast<double>(map.u(x, y)), static_cast<double>(map.v(x, y)), state.surface);
        if (!(v > 0) || !std::isfinite(value)) continue;
        sum(x, y) += value / v, weight(x, y) += 1 / v;
      }
  }
  for (std::size_t k = 0; k < look.pixels.pixels().size(); ++k)
    if (weight.pixels()[k] > 0) look.pixels.pixels()[k] = static_cast<float>(sum.pixels()[k] / weight.pixels()[k]);
  return look;
}

}  // namespace tessera::pipeline
