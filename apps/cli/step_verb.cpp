// A step run from the command line: its options and those of every run, threads, memory, messages.
#include <unistd.h>

#include "console.h"
#include "resources.h"
#include "tessera/base/error.h"

#include "tessera/run/context.h"
#include "verbs.h"

namespace tessera::cli {

namespace {

constexpr std::int64_t one_heap_below = std::int64_t{2} << 30;  // a ceiling: there memory is dearer than a few per cent of time

class StepVerb final : public Verb {
 public:
  explicit StepVerb(std::unique_ptr<steps::Step> step) : step_{std::move(step)} {}

  param::Manual manual() const override {
    const auto text = [](std::string_view s) { return std::string{s}; };
    return {text(step_->name()), text(step_->summary()), text(step_->description()), text(step_->inputs()), text(step_->example())};
  }

  void declare(param::OptionSet& options) override {
    step_->declare(options);
    run_.declare(options, step_->writes_output());
  }

  void run(const std::vector<std::string>& inputs, param::OptionSet& options) override {
    ConsoleOptions how;
    how.memory_bytes = memory_ceiling(run_.memory, parallel::physical_memory());
    if (how.memory_bytes < one_heap_below) share_one_heap();
    step_->prepare(inputs, options);
    how.threads = run_.threads;
    how.json = run_.log_format == "json";
    how.verbosity = run_.verbosity;
    how.terminal = !how.json && isatty(STDERR_FILENO) != 0;
    how.width = terminal_width(stderr);
    Console console{how};
    try {
      if (step_->run(inputs, run_, options, console) == run::Outcome::nothing_to_do)
        console.log(run::Level::info, "nothing to do");
    } catch (const std::exception& e) {
      console.finish(e.what());
      throw;
    }
    console.finish();
  }

 private:
  std::unique_ptr<steps::Step> step_;
  run::RunOptions run_;
};

}  // namespace

std::unique_ptr<Verb> make_step_verb(std::unique_ptr<steps::Step> step) { return std::make_unique<StepVerb>(std::move(step)); }

}  // namespace tessera::cli
