#include <fmt/format.h>

#include "tessera/run/output_folder.h"
#include "tessera/steps/again.h"

namespace tessera::steps {
namespace {

class Resume : public Step {
 public:
  std::string_view name() const override { return "resume"; }
  std::string_view summary() const override { return "Continue an interrupted run."; }
  std::string_view description() const override {
    return "Continues the run that was interrupted in the output folder OUT, with the same inputs and options; finished tiles are kept. The result is the same, to "
           "the bit, as that of an undisturbed run. Of an input file that changed since, what depends on it is done again.";
  }
  std::string_view inputs() const override { return "OUT"; }
  std::string_view example() const override { return "tessera resume ch1"; }
  bool writes_output() const override { return false; }
  void declare(param::OptionSet&) override {}
  run::Outcome run(const std::vector<std::string>& inputs, const run::RunOptions& run, param::OptionSet&, run::Context& context) override {
    if (inputs.size() != 1) throw UsageError{fmt::format("resume takes one output folder, {} were given", inputs.size())};
    const auto request = run::unfinished_request(inputs.front());
    return run_again({request.verb, request.working_folder, request.inputs, request.settings}, inputs.front(), false, run, context);
  }
};

}  // namespace

std::unique_ptr<Step> make_resume() { return std::make_unique<Resume>(); }

}  // namespace tessera::steps
