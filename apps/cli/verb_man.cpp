// tessera man: manual pages, one or all.
#include <fmt/format.h>

#include "tessera/base/error.h"
#include "tessera/base/files.h"
#include "tessera/base/version.h"
#include "verbs.h"

namespace tessera::cli {

namespace {

struct ManOptions {
  std::string all;
};

void describe(param::Schema<ManOptions>& s) {
  s.field(&ManOptions::all, "all", "Write the pages of all verbs into this folder.").flag("all").placeholder("DIR");
}

class Man final : public Verb {
 public:
  param::Manual manual() const override {
    return {"man", "Print or write manual pages.", "Prints the manual page of STEP, or writes all pages into a folder.", "[STEP]", "tessera man --all man1"};
  }

  void declare(param::OptionSet& options) override { options.add("man", "What to write", chosen_); }

  void run(const std::vector<std::string>& inputs, param::OptionSet&) override {
    if (chosen_.all.empty()) {
      expect_inputs(inputs, 1, 1, "the name of one step, or --all DIR");
      print(param::man_page(find_verb(inputs[0]).page(), version()));
      return;
    }
    expect_inputs(inputs, 0, 0, "");
    std::error_code failure;
    files::fs::create_directories(chosen_.all, failure);
    if (failure) throw SystemError{fmt::format("{}: the folder cannot be made: {}", chosen_.all, failure.message())};
    const files::fs::path folder{chosen_.all};
    const auto verbs = all_verbs();
    files::write_atomic(folder / "tessera.1", param::man_overview(program_summary, pages(verbs), version()));
    for (const auto& verb : verbs)
      files::write_atomic(folder / fmt::format("tessera-{}.1", verb.verb->manual().name), param::man_page(verb.page(), version()));
  }

 private:
  ManOptions chosen_;
};

}  // namespace

std::unique_ptr<Verb> make_man() { return std::make_unique<Man>(); }

}  // namespace tessera::cli
