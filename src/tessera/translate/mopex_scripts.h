/// translate/mopex_scripts.h — the scripts of MOPEX that are run here, and which of them a namelist is for. Guide 6.1, 7, 9, appendix A.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "tessera/param/legacy.h"

namespace tessera::translate {

enum class MopexScript { overlap, mosaic, apex, apex_1frame, apex_user_list, apex_user_list_1frame, aperture, apex_qa, prf_estimate };

/// "apex_1frame.pl"
std::string name_of(MopexScript script);
/// With or without its .pl.
std::optional<MopexScript> script_named(std::string_view word);

/// Whether the script finds or measures sources: its namelist becomes options of tessera extract.
bool measures_sources(MopexScript script);
/// Whether it fits a stack of frames at once.
bool is_multiframe(MopexScript script);
/// Whether it measures given places.
bool takes_list(MopexScript script);

/// The script that a namelist is for, by its blocks and keys. Those of the APEX family differ in little but the files they name.
MopexScript script_for(const param::LegacyConfig& config);

}  // namespace tessera::translate
