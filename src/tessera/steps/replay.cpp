#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "tessera/base/files.h"
#include "tessera/run/record.h"
#include "tessera/steps/run_record.h"

namespace tessera::steps {
namespace {

namespace fs = std::filesystem;

RunRecord read_record(const std::string& path) { return parse_run_record(files::read(path), path); }

/// A folder of its own beside the system's temporary files, removed at the end.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    auto pattern = (fs::temp_directory_path() / "tessera-replay-XXXXXX").string();
    if (!::mkdtemp(pattern.data())) throw SystemError{fmt::format("{}: no temporary folder can be made; give -o OUT", pattern)};
    path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code code;
    fs::remove_all(path_, code);
  }
  fs::path path() const { return path_; }

 private:
  fs::path path_;
};

class Replay : public Step {
 public:
  std::string_view name() const override { return "replay"; }
  std::string_view summary() const override { return "Repeat a recorded run and say whether the data agree."; }
  std::string_view description() const override {
    return "Reads run.json, checks by checksum that the inputs are unchanged, repeats the run with the same options, and compares every product with the "
           "recorded checksum. Exit code 0: all agree; 1: inputs or products differ, and each is named. Products go to a temporary folder, or are kept with -o.";
  }
  std::string_view inputs() const override { return "run.json"; }
  std::string_view example() const override { return "tessera replay ch1/run.json"; }
  bool writes_output() const override { return true; }
  void declare(param::OptionSet&) override {}

  run::Outcome run(const std::vector<std::string>& inputs, const run::RunOptions& run, param::OptionSet&, run::Context& context) override {
    if (inputs.size() != 1) throw UsageError{fmt::format("replay takes one run.json, {} were given", inputs.size())};
    const auto before = read_record(files::is_folder(inputs.front()) ? record_in(inputs.front(), "") : inputs.front());
    check_inputs(before);
    TemporaryFolder temporary;
    const auto out = run.output.empty() ? temporary.path() / "out" : fs::path{run.output};
    run_again(before.run, out.string(), run.overwrite, run, context);
    compare(before, read_record(record_in(out, inputs.front())), context);
    return run::Outcome::done;
  }

 private:
  /// The record of a run in its folder: named as `like`, or as one of the steps names it.
  static std::string record_in(const fs::path& folder, const fs::path& like) {
    for (const fs::path& name : {like.filename(), fs::path{"run.json"}})
      if (!name.empty() && files::exists(folder / name)) return (folder / name).string();
    for (const auto script : {"mosaic", "overlap", "apex", "apex_1frame", "apex_user_list", "apex_user_list_1frame", "aperture", "apex_qa"})
      if (const fs::path record = folder / fmt::format("run_{}.json", script); files::exists(record)) return record.string();
    return (folder / "run.json").string();
  }

  static void check_inputs(const RunRecord& record) {
    std::vector<std::string> changed;
    const fs::path base = record.run.working_folder;
    for (const auto& [path, sum] : record.inputs)
      if (!sum.empty() && files::sha256_file(base / path) != sum) changed.push_back(path);  // empty: not recorded, with output.input_checksums = false
    if (!changed.empty())
      throw DataError{fmt::format("{} of {} input files changed since the recorded run, the first is {}; the run cannot be repeated with them", changed.size(),
                                  record.inputs.size(), changed.front())};
  }

  static void compare(const RunRecord& before, const RunRecord& now, run::Context& context) {
    std::vector<std::string> differ;
    for (const auto& [name, sum] : before.datasums) {
      const auto found = now.datasums.find(name);
      const bool same = found != now.datasums.end() && found->second == sum;
      context.log(same ? run::Level::info : run::Level::warning, fmt::format("{}: {}", name, same ? "agrees" : "differs"));
      if (!same) differ.push_back(name);
    }
    if (!differ.empty()) throw DataError{fmt::format("{} of {} products differ from the recorded run: {}", differ.size(), before.datasums.size(), text::join(differ, ", "))};
    context.log(run::Level::info, fmt::format("all {} products agree with the recorded run", before.datasums.size()));
  }
};

}  // namespace

std::unique_ptr<Step> make_replay() { return std::make_unique<Replay>(); }

}  // namespace tessera::steps
