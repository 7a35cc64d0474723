// tessera config: files about a step's options, made from their declarations.
#include <fmt/format.h>

#include "tessera/base/error.h"
#include "tessera/param/toml_file.h"
#include "verbs.h"

namespace tessera::cli {

namespace {

struct ConfigOptions {
  std::string make_template, schema, table, check;
};

void describe(param::Schema<ConfigOptions>& s) {
  s.field(&ConfigOptions::make_template, "template", "Print a commented TOML file of the step's options.").choices(step_choices()).flag("template").placeholder("STEP");
  s.field(&ConfigOptions::schema, "schema", "Print the step's options as JSON Schema.").choices(step_choices()).flag("schema").placeholder("STEP");
  s.field(&ConfigOptions::table, "table", "Print the step's options as Markdown tables.").choices(step_choices()).flag("table").placeholder("STEP");
  s.field(&ConfigOptions::check, "check", "Read a TOML file as the given STEP would, and say what it sets.").flag("check").placeholder("FILE");
}

class Config final : public Verb {
 public:
  param::Manual manual() const override {
    return {"config", "Print a template of a configuration file, or check one.",
            "Prints a commented configuration file to start from (--template STEP), or checks one (--check FILE STEP). --schema and --table print the options of a step "
            "for other programs and for the manual.", "[STEP]",
            "tessera config --template mosaic > mosaic.toml"};
  }

  void declare(param::OptionSet& options) override { options.add("config", "What to print", chosen_); }

  void run(const std::vector<std::string>& inputs, param::OptionSet&) override {
    const int wanted = !chosen_.make_template.empty() + !chosen_.schema.empty() + !chosen_.table.empty() + !chosen_.check.empty();
    if (wanted != 1) throw UsageError{"config: give one of --template STEP, --schema STEP, --table STEP, --check FILE STEP"};
    expect_inputs(inputs, chosen_.check.empty() ? 0 : 1, chosen_.check.empty() ? 0 : 1, "the name of one step");
    if (!chosen_.check.empty()) print(check(inputs[0]));
    if (!chosen_.make_template.empty()) print(param::toml_template(find_verb(chosen_.make_template).page()));
    if (!chosen_.schema.empty()) print(param::json_schema(find_verb(chosen_.schema).page()));
    if (!chosen_.table.empty()) print(param::markdown_tables(*find_verb(chosen_.table).options));
  }

 private:
  std::string check(const std::string& step) const {
    const auto verb = find_verb(step);
    param::read_toml_file(chosen_.check, *verb.options);
    std::string s;
    int count = 0;
    for (const auto& setting : verb.options->settings())
      if (setting.source != param::Source::initial) {
        s += fmt::format("{} = {}  ({})\n", setting.key, setting.value, setting.where);
        ++count;
      }
    return s + fmt::format("{}: valid for {}; sets {} option{}\n", chosen_.check, step, count, count == 1 ? "" : "s");
  }

  ConfigOptions chosen_;
};

}  // namespace

std::unique_ptr<Verb> make_config() { return std::make_unique<Config>(); }

}  // namespace tessera::cli
