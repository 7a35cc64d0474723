/// param/namelist.h — MOPEX namelists: `key = value` lines, and blocks `&NAME … &END` of them, in any order. MOPEX guide 9.4.
#pragma once
#include <string_view>

#include "tessera/param/legacy.h"

namespace tessera::param {

/// Reads any text without failing: what MOPEX would pass over in silence (no spaces around =, a missing &END or comma …) is read, and
/// told as a trap with its line.
LegacyConfig read_namelist(std::string_view content);

}  // namespace tessera::param
