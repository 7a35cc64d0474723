#include "tessera/run/sky_figure.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "tessera/picture/bare.h"
#include "tessera/picture/sky_marks.h"

namespace tessera::run {

report::SkyFigure sky_figure(const std::string& id, const picture::Preview& preview, const picture::PictureOptions& options) {
  auto bare = picture::draw_bare(preview, options);
  report::SkyFigure f;
  f.id = id, f.png = std::move(bare.png), f.width = bare.width, f.height = bare.height;
  f.title = options.title, f.unit = options.unit;
  f.colours.assign(bare.colours.begin(), bare.colours.end());
  for (auto& tick : bare.ticks) f.ticks.emplace_back(tick.position, std::move(tick.label));
  if (preview.factor > 1) f.caption = fmt::format("{0} × {0} pixels averaged. ", preview.factor);
  return f;
}

void add_sky_marks(report::SkyFigure& figure, const wcs::SkyWcs& sky, int width, int height) {
  const auto jacobian = sky.jacobian({(width - 1) / 2.0, (height - 1) / 2.0});
  const double across = 3600 * std::hypot(jacobian[0], jacobian[2]) * width;
  if (!std::isfinite(jacobian[0] + jacobian[1] + jacobian[2] + jacobian[3]) || !(across > 0)) return;
  if (const auto c = picture::compass(jacobian)) figure.compass = {{c->north.x, c->north.y}, {c->east.x, c->east.y}};
  const auto bar = picture::scale_bar(across / 4);
  figure.scale_bar = bar.arcsec / across;
  figure.scale_label = bar.label;
}

}  // namespace tessera::run
