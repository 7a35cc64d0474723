// tessera steps: what there is.
#include <fmt/format.h>

#include <algorithm>

#include "verbs.h"

namespace tessera::cli {

namespace {

class Steps final : public Verb {
 public:
  param::Manual manual() const override { return {"steps", "List the steps.", "Lists every step with one line on what it does.", "", "tessera steps"}; }
  void declare(param::OptionSet&) override {}

  void run(const std::vector<std::string>& inputs, param::OptionSet&) override {
    expect_inputs(inputs, 0, 0, "");
    const auto all = steps::all();
    std::size_t width = 0;
    for (const auto& step : all) width = std::max(width, step->name().size());
    std::string s;
    for (const auto& step : all) s += fmt::format("{:<{}}  {}\n", step->name(), width, step->summary());
    print(s);
  }
};

}  // namespace

std::unique_ptr<Verb> make_steps() { return std::make_unique<Steps>(); }

}  // namespace tessera::cli
