// tessera help [STEP].
#include <fmt/format.h>

#include <algorithm>

#include "resources.h"
#include "verbs.h"

namespace tessera::cli {

namespace {

class Help final : public Verb {
 public:
  param::Manual manual() const override {
    return {"help", "Explain a step and its options.", "Prints what STEP does and all its options; without STEP, lists the verbs.", "[STEP]", "tessera help mosaic"};
  }
  void declare(param::OptionSet&) override {}

  void run(const std::vector<std::string>& inputs, param::OptionSet&) override {
    expect_inputs(inputs, 0, 1, "the name of one step");
    print(inputs.empty() ? overview() : param::help_text(find_verb(inputs[0]).page(), terminal_width(stdout)));
  }

 private:
  static std::string overview() {
    std::string s = fmt::format("tessera — {}\n\nUsage: tessera VERB [inputs] [options]\n\n", program_summary);
    const auto verbs = all_verbs();
    std::size_t width = 0;
    for (const auto& v : verbs) width = std::max(width, v.verb->manual().name.size());
    for (const auto& v : verbs) s += fmt::format("  {:<{}}  {}\n", v.verb->manual().name, width, v.verb->manual().summary);
    return s + "\n'tessera help VERB' explains one, 'tessera --version' tells the version.\n";
  }
};

}  // namespace

std::unique_ptr<Verb> make_help() { return std::make_unique<Help>(); }

}  // namespace tessera::cli
