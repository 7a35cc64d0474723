#include "tessera/background/cell_sample.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "tessera/background/lattice.h"

namespace tessera::background {

std::uint64_t scramble(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

std::vector<Seen> sample_cells(std::span<const CellMap> frames, std::span<const int> members, int step) {
  std::vector<Seen> seen;
  for (std::size_t f = 0; f < members.size(); ++f) {
    const CellMap& map = frames[members[f]];
    for (int j = floor_div(map.cells.y0, step); j <= floor_div(map.cells.y1 - 1, step); ++j)
      for (int i = floor_div(map.cells.x0, step); i <= floor_div(map.cells.x1 - 1, step); ++i) {
        const std::uint64_t key = (static_cast<std::uint64_t>(static_cast<std::uint32_t>(j)) << 32) | static_cast<std::uint32_t>(i);
        const auto place = scramble(key) % (static_cast<std::uint64_t>(step) * static_cast<std::uint64_t>(step));
        const int x = i * step + static_cast<int>(place) % step, y = j * step + static_cast<int>(place) / step;
        if (!map.cells.contains(x, y) || !(map.variance(x, y) > 0)) continue;
        Seen one{key, static_cast<int>(f), map.variance(x, y), 0, 0};
        if (!map.u.empty()) one.u = map.u(x, y), one.v = map.v(x, y);
        if (std::isfinite(one.u + one.v)) seen.push_back(one);
      }
  }
  std::sort(seen.begin(), seen.end(), [](const Seen& a, const Seen& b) { return std::pair{a.cell, a.frame} < std::pair{b.cell, b.frame}; });
  return seen;
}

}  // namespace tessera::background
