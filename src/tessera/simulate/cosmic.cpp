#include "tessera/simulate/cosmic.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <unordered_map>

namespace tessera::simulate {

namespace {

/// Calls hit(x, y, path) for each pixel that the segment from (x, y) along (dx, dy) crosses, in order; `path` is the length inside.
/// Ends when hit() says false.
template <class Hit>
void trace(double x, double y, double dx, double dy, double length, Hit hit) {
  constexpr double never = 1e300;
  int px = static_cast<int>(std::floor(x + 0.5)), py = static_cast<int>(std::floor(y + 0.5));
  const int sx = dx > 0 ? 1 : -1, sy = dy > 0 ? 1 : -1;
  const auto to_edge = [](double position, int pixel, int step, double slope) {
    return std::abs(slope) < 1e-12 ? never : (pixel + 0.5 * step - position) / slope;
  };
  for (double at = 0; at < length;) {
    const double tx = to_edge(x, px, sx, dx), ty = to_edge(y, py, sy, dy);
    const double next = std::min({tx, ty, length});
    if (!hit(px, py, next - at)) return;
    if (tx <= next) px += sx;
    if (ty <= next) py += sy;
    at = next;
  }
}

}  // namespace

CosmicRays cosmic_rays(const DefectOptions& o, Box frame, Random random) {
  CosmicRays rays;
  const auto wanted = static_cast<std::size_t>(std::llround(o.cosmic_fraction * static_cast<double>(frame.area())));
  std::unordered_map<std::int64_t, double> charge;
  charge.reserve(2 * wanted);
  while (charge.size() < wanted) {
    const double x = random.uniform(-0.5, frame.width() - 0.5), y = random.uniform(-0.5, frame.height() - 0.5);
    const double angle = random.uniform(0, 2 * std::numbers::pi);
    const double length = random.power_law(1, std::max(1.0, o.cosmic_length_max_pix), 1);
    const double per_pixel = random.power_law(o.cosmic_min_e, o.cosmic_max_e, o.cosmic_slope);
    ++rays.tracks;
    trace(x, y, std::cos(angle), std::sin(angle), length, [&](int px, int py, double path) {
      // A mere touch of a corner leaves no charge worth the name, and would flag a pixel that is as good as untouched.
      if (px < 0 || py < 0 || px >= frame.width() || py >= frame.height()) return false;
      if (path < 0.05) return true;
      const std::int64_t index = static_cast<std::int64_t>(py) * frame.width() + px;
      if (charge.size() == wanted && !charge.contains(index)) return false;
      charge[index] += per_pixel * path;
      return true;
    });
  }
  rays.hits.assign(charge.begin(), charge.end());
  std::sort(rays.hits.begin(), rays.hits.end());
  return rays;
}

Image<std::uint8_t> detector_defects(const DefectOptions& o, Box frame, Random random) {
  Image<std::uint8_t> flags{frame};
  const double area = static_cast<double>(frame.area());
  const auto place = [&](std::int64_t count, std::uint8_t bits) {
    for (std::int64_t done = 0; done < count;) {
      std::uint8_t& pixel = flags.pixels()[random.below(static_cast<std::uint64_t>(frame.area()))];
      if (pixel) continue;
      pixel = bits;
      ++done;
    }
  };
  const std::int64_t n_dead = std::llround(o.dead_fraction * area), n_hot = std::llround(o.hot_fraction * area);
  const std::int64_t n_hidden = std::llround(o.unmasked_fraction * static_cast<double>(n_hot));
  place(n_dead, Flag::dead);
  place(n_hot - n_hidden, Flag::hot);
  place(n_hidden, Flag::hot | Flag::hidden);
  return flags;
}

}  // namespace tessera::simulate
