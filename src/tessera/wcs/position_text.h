/// wcs/position_text.h — a position on the sky as people write it.
#pragma once
#include <optional>
#include <string_view>

#include "tessera/wcs/sky_wcs.h"

namespace tessera::wcs {

/// "188.73 -1.2", "188.73,-1.2", "12:34:56.7 -01:02:03", "12h34m56.7s,-01d02m03s": right ascension (hours where it has parts) and declination. Nothing when it is none.
std::optional<SkyPoint> parse_position(std::string_view text);

}  // namespace tessera::wcs
