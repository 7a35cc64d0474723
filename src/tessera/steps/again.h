/// steps/again.h — running a recorded request once more: what resume and replay share.
#pragma once
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "tessera/run/context.h"
#include "tessera/steps/step.h"

namespace tessera::steps {

struct RecordedRun {
  std::string verb, working_folder;
  std::vector<std::string> inputs;
  std::vector<std::pair<std::string, std::string>> settings;  ///< every option with its value
};

/// Changes the working folder and back: recorded inputs may be relative to where the first run stood.
class WorkingFolder {
 public:
  explicit WorkingFolder(const std::string& folder);
  ~WorkingFolder();
  WorkingFolder(const WorkingFolder&) = delete;
  WorkingFolder& operator=(const WorkingFolder&) = delete;

 private:
  std::filesystem::path before_;
};

/// Gives options their recorded values; those of sections `run` and `output` that are the caller's are left out.
void take_recorded(param::OptionSet& options, const std::vector<std::pair<std::string, std::string>>& settings);

/// Runs it from the folder it was first run in, with `output`, `overwrite` and the present run's threads and memory. Options of section `run`
/// and `output` are the caller's, all others as recorded.
run::Outcome run_again(const RecordedRun& recorded, const std::string& output, bool overwrite, const run::RunOptions& run, run::Context& context);

}  // namespace tessera::steps
