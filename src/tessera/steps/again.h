/// steps/again.h — running a recorded request once more: what resume and replay share.
#pragma once
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tessera/steps/step.h"

namespace tessera::steps {

struct RecordedRun {
  std::string verb, working_folder;
  std::vector<std::string> inputs;
  std::vector<std::pair<std::string, std::string>> settings;  ///< every option with its value
};

/// Runs it from the folder it was first run in, with `output`, `overwrite` and the present run's threads and memory. Options of section `run`
/// and `output` are the caller's, all others as recorded.
pipeline::Outcome run_again(const RecordedRun& recorded, const std::string& output, bool overwrite, const RunOptions& run, pipeline::Context& context);

}  // namespace tessera::steps
