#include "tessera/cube/strip_maps.h"

#include <algorithm>
#include <cmath>

namespace tessera::cube {
namespace {

Image<std::uint8_t> narrow(const Image<std::int32_t>& from, Box box) {
  auto to = Image<std::uint8_t>::unfilled(box);
  std::ranges::transform(from.pixels(), to.pixels().begin(), [](std::int32_t v) { return static_cast<std::uint8_t>(v); });
  return to;
}

}  // namespace

Image<std::uint8_t> StripMaps::strips(const spherex::SpectralFrame& frame, Box window) const {
  const auto& products = calibration_.of(frame.detector());
  if (!products.fixed_strips()) return narrow(products.strips(frame, window), window);
  const int dx = static_cast<int>(std::lround(frame.x_offset())), dy = static_cast<int>(std::lround(frame.y_offset()));
  auto& whole = whole_[static_cast<std::size_t>(frame.detector() - 1)];
  std::call_once(whole.read, [&] {
    const Box all{0, 0, frame.detector_width(), frame.detector_height()};
    whole.strip = narrow(products.strips(frame, {all.x0 - dx, all.y0 - dy, all.x1 - dx, all.y1 - dy}), all);
  });
  const Box part{window.x0 + dx, window.y0 + dy, window.x1 + dx, window.y1 + dy};
  if (!whole.strip.box().contains(part)) return narrow(products.strips(frame, window), window);  // a frame of another size: its own answer, or its own error
  auto out = Image<std::uint8_t>::unfilled(window);
  for (int y = part.y0; y < part.y1; ++y) std::ranges::copy(whole.strip.row(y).subspan(static_cast<std::size_t>(part.x0), static_cast<std::size_t>(part.width())), out.row(y - dy).begin());
  return out;
}

}  // namespace tessera::cube
