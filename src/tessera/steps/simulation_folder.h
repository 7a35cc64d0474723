/// steps/simulation_folder.h — the output folder of a simulation. simulation.toml is written last, so a folder that has it is complete; an unfinished one is made anew.
#pragma once
#include <filesystem>
#include <span>

#include "tessera/run/run_options.h"

namespace tessera::steps {

/// Makes the folder and its `truth`, and removes what an earlier simulation may have left there: files whose names match; nothing else is touched.
/// Throws UsageError when a finished simulation is there and may not be replaced, SystemError.
void prepare_simulation_folder(const std::filesystem::path& out, const run::RunOptions& run, std::span<const char* const> products, std::span<const char* const> truth);
void remove_matching(const std::filesystem::path& folder, std::span<const char* const> patterns);

}  // namespace tessera::steps
