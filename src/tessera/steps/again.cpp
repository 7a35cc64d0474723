#include "tessera/steps/again.h"

#include <fmt/format.h>

#include <filesystem>

namespace tessera::steps {
namespace {

std::unique_ptr<Step> step_named(const std::string& name) {
  for (auto& step : all())
    if (step->name() == name) return std::move(step);
  throw DataError{fmt::format("the recorded run is of a step \"{}\", which this version of tessera does not have", name)};
}

}  // namespace

WorkingFolder::WorkingFolder(const std::string& folder) : before_{std::filesystem::current_path()} {
  std::error_code code;
  std::filesystem::current_path(folder, code);
  if (code) throw DataError{fmt::format("{}: the folder the first run was started from cannot be entered: {}", folder, code.message())};
}

WorkingFolder::~WorkingFolder() {
  std::error_code code;
  std::filesystem::current_path(before_, code);
}

void take_recorded(param::OptionSet& options, const std::vector<std::pair<std::string, std::string>>& settings) {
  for (const auto& [key, value] : settings) {
    const bool callers = key.starts_with("run.") && key != "run.tile_size" && key != "run.max_pixels";
    if (callers || key == "output.path" || key == "output.overwrite") continue;
    options.assign(key, value, param::Source::file, "the recorded run");
  }
}

run::Outcome run_again(const RecordedRun& recorded, const std::string& output, bool overwrite, const run::RunOptions& run, run::Context& context) {
  auto step = step_named(recorded.verb);
  run::RunOptions now = run;
  now.output = std::filesystem::absolute(output).string();
  now.overwrite = overwrite;
  now.dry_run = false;
  param::OptionSet options;
  step->declare(options);
  run::RunOptions declared = now;
  declared.declare(options, step->writes_output());
  take_recorded(options, recorded.settings);
  const WorkingFolder there{recorded.working_folder};
  step->prepare(recorded.inputs, options);  // what it says of threads and messages is the caller's
  return step->run(recorded.inputs, now, options, context);
}

}  // namespace tessera::steps
