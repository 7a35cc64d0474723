#include "tessera/extraction/fit_sky.h"

#include <cmath>
#include <limits>
#include <vector>

#include "tessera/background/frame_sky.h"
#include "tessera/core/statistics.h"

namespace tessera::extraction {
namespace {

background::FrameSkyOptions method_of(const FitSkyOptions& options) {
  background::FrameSkyOptions how;
  how.method = options.method == FitSky::mesh ? background::SkyMethod::mesh : options.method == FitSky::median ? background::SkyMethod::median : background::SkyMethod::panels;
  how.window_x = options.window_x, how.window_y = options.window_y, how.dropped = options.dropped, how.panel_filter = options.panel_filter;
  background::check(how);
  return how;
}

/// The last finite value before, then behind, each pixel of its row.
void fill_rows(Image<float>& sky) {
  const Box box = sky.box();
  for (int y = box.y0; y < box.y1; ++y) {
    float last = std::numeric_limits<float>::quiet_NaN();
    const auto visit = [&](int x) {
      if (std::isfinite(sky(x, y))) last = sky(x, y);
      else sky(x, y) = last;
    };
    for (int x = box.x0; x < box.x1; ++x) visit(x);
    for (int x = box.x1 - 1; x >= box.x0; --x) visit(x);
  }
}

}  // namespace

Image<float> sky_for_fit(const FrameView& frame, const Image<std::uint8_t>& sources, const FitSkyOptions& options) {
  const Box box = frame.value.box();
  if (options.method == FitSky::none) return Image<float>{box};
  Frame quiet{box};
  for (int y = box.y0; y < box.y1; ++y)
    for (int x = box.x0; x < box.x1; ++x) {
      if (!frame.good(x, y) || sources(x, y)) continue;
      quiet.good(x, y) = 1, quiet.value(x, y) = frame.value(x, y), quiet.variance(x, y) = frame.variance(x, y);
    }
  Image<float> sky = background::frame_sky(quiet.view(), method_of(options));
  std::vector<float> known;
  for (const float v : sky.pixels())
    if (std::isfinite(v)) known.push_back(v);
  const float middle = known.empty() ? 0.0F : static_cast<float>(statistics::median_inplace(std::span<float>{known}));
  fill_rows(sky);
  for (float& v : sky.pixels())
    if (!std::isfinite(v)) v = middle;
  return sky;
}

}  // namespace tessera::extraction
