/// param/swarp_config.h — configuration files of SWarp (and its sisters): lines of `KEY value # comment`.
#pragma once
#include <string_view>

#include "tessera/param/legacy.h"

namespace tessera::param {

/// Reads any text without failing. Values keep their commas; keys are in upper case as SWarp wants them, else a trap says so.
LegacyConfig read_swarp_config(std::string_view content);

}  // namespace tessera::param
