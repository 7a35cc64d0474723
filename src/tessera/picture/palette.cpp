#include "tessera/picture/palette.h"

#include <algorithm>
#include <cmath>

namespace tessera::picture {
namespace {

/// Ten equally spaced samples of viridis (S. van der Walt and N. Smith, CC0); linear between them.
constexpr std::array<std::uint32_t, 10> viridis{0x440154, 0x482878, 0x3e4989, 0x31688e, 0x26828e, 0x1f9e89, 0x35b779, 0x6dcd59, 0xb4de2c, 0xfde725};

std::uint32_t blend(std::uint32_t a, std::uint32_t b, double t) {
  std::uint32_t mixed = 0;
  for (const int shift : {16, 8, 0}) {
    const double from = a >> shift & 255u, to = b >> shift & 255u;
    mixed |= static_cast<std::uint32_t>(std::lround(from + t * (to - from))) << shift;
  }
  return mixed;
}

}  // namespace

ColourTable colour_table(Palette palette) {
  ColourTable table{};
  for (std::size_t i = 0; i < table.size(); ++i) {
    const double t = static_cast<double>(i) / 255;
    if (palette == Palette::gray) {
      table[i] = blend(0x000000, 0xffffff, t);
    } else {
      const double place = t * (viridis.size() - 1);
      const auto node = std::min(static_cast<std::size_t>(place), viridis.size() - 2);
      table[i] = blend(viridis[node], viridis[node + 1], place - static_cast<double>(node));
    }
  }
  return table;
}

std::uint32_t no_data_colour(Palette palette) { return palette == Palette::gray ? 0xb9c4d6 : 0xc8c8c8; }

}  // namespace tessera::picture
