#include "tessera/cube/strip_offsets.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tessera/background/cells.h"
#include "tessera/background/offsets.h"

namespace tessera::cube {
namespace {

struct Use {
  const CubeFrame* frame;
  StripUse* use;
};

int side_of_cells(const CubePlan& plan) {
  int across = 1;
  double scale = 1;
  for (const auto& f : plan.frames)
    for (const auto& use : f.strips) {
      across = std::max({across, use.in_frame.width(), use.in_frame.height()});
      scale = f.frame.sky().pixel_scale_arcsec({(use.in_frame.x0 + use.in_frame.x1) / 2.0, (use.in_frame.y0 + use.in_frame.y1) / 2.0}) / (3600 * plan.setting.grid.cdelt2_deg);
    }
  return background::cell_side(across, scale);
}

background::CellMap cells_of(const Use& u, const CubePlan& plan, const CoaddOptions& options, int side) {
  const auto pixels = read_strip(*u.frame, *u.use, u.use->in_frame, *plan.maps, *plan.calibration, options);
  Image<std::uint8_t> objects{u.use->in_frame};
  for (std::size_t i = 0; i < objects.pixels().size(); ++i) objects.pixels()[i] = pixels.reported.pixels()[i] != 0;
  return background::cell_map(pixels.frame.view(), std::as_const(objects).view(), *u.frame->to_output, side, plan.setting.box());
}

}  // namespace

void match_strips(CubePlan& plan, const CubeOptions& options, run::Context& context) {
  const int side = side_of_cells(plan);
  std::vector<std::vector<Use>> channels(spherex::strips * spherex::detectors + 1);
  for (auto& f : plan.frames)
    for (auto& use : f.strips) channels[static_cast<std::size_t>(use.channel)].push_back({&f, &use});
  auto coadd = options.coadd;
  coadd.wave_eff = false;
  background::BackgroundOptions how;
  how.statistic = background::Statistic::median;
  how.min_overlap = 4.0 * side * side;  // output pixels: four cells
  std::vector<int> groups(channels.size(), 0);
  context.stage("matching levels", static_cast<std::int64_t>(channels.size()));
  context.pool().for_each(static_cast<std::int64_t>(channels.size()), [&](std::int64_t i) {
    auto& uses = channels[static_cast<std::size_t>(i)];
    if (uses.size() > 1) {
      std::vector<background::CellMap> cells;
      for (const auto& u : uses) cells.push_back(cells_of(u, plan, coadd, side));
      const auto solved = background::match_backgrounds(cells, how);
      for (std::size_t k = 0; k < uses.size(); ++k) uses[k].use->offset = solved.offset[k];
      groups[static_cast<std::size_t>(i)] = solved.groups;
    }
    context.step();
  });
  double most = 0;
  for (const auto& uses : channels)
    for (const auto& u : uses) most = std::max(most, std::abs(u.use->offset));
  const auto apart = std::ranges::count_if(groups, [](int g) { return g > 1; });
  context.log(run::Level::info, fmt::format("offsets up to {:.4g} MJy/sr", most));
  if (apart) context.caveat("unconnected", fmt::format("in {} channels the exposures fall into groups that no overlap connects: their levels are not matched to one another", apart), apart);
}

}  // namespace tessera::cube
