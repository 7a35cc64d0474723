// tessera completion bash|zsh|fish.
#include <fmt/format.h>

#include "tessera/base/error.h"
#include "tessera/base/text.h"
#include "verbs.h"

namespace tessera::cli {

namespace {

class Completion final : public Verb {
 public:
  param::Manual manual() const override {
    return {"completion", "Print a completion script for a shell.",
            "Prints a script that completes verbs, options, their choices and file names in bash, zsh or fish.", "bash|zsh|fish",
            "source <(tessera completion bash)"};
  }
  void declare(param::OptionSet&) override {}

  void run(const std::vector<std::string>& inputs, param::OptionSet&) override {
    expect_inputs(inputs, 1, 1, "the name of a shell: bash, zsh or fish");
    const auto verbs = all_verbs();
    if (inputs[0] == "bash")
      print(param::bash_completion(pages(verbs)));
    else if (inputs[0] == "zsh")
      print(param::zsh_completion(pages(verbs)));
    else if (inputs[0] == "fish")
      print(param::fish_completion(pages(verbs)));
    else
      throw UsageError{fmt::format("unknown shell '{}'; expected bash, zsh or fish", inputs[0])};
  }
};

}  // namespace

std::unique_ptr<Verb> make_completion() { return std::make_unique<Completion>(); }

}  // namespace tessera::cli
