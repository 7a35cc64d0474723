/// instrument/input_names.h — the files that the words of a command line name, for those who open them in their own way.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "tessera/instrument/frame_file.h"

namespace tessera::instrument {

/// As expand_inputs() has them, one entry per file, and no file is opened.
std::vector<std::filesystem::path> expand_names(const std::vector<std::string>& arguments, const InputOptions& options, const ProfileSet& profiles, std::vector<std::string>& notes);

}  // namespace tessera::instrument
