/// picture/palette.h — colours of a picture.
#pragma once
#include <array>
#include <cstdint>

#include "tessera/picture/picture.h"

namespace tessera::picture {

/// 256 colours, 0x00RRGGBB, from the darkest to the brightest.
using ColourTable = std::array<std::uint32_t, 256>;
ColourTable colour_table(Palette palette);

/// Where there is no data: apart from every colour of the palette.
std::uint32_t no_data_colour(Palette palette);

}  // namespace tessera::picture
