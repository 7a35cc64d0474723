// tessera import: the configuration of an older program as options of tessera mosaic.
#include <fmt/format.h>

#include <cstdio>
#include <filesystem>

#include "tessera/base/error.h"
#include "tessera/base/files.h"
#include "tessera/base/text.h"
#include "tessera/param/namelist.h"
#include "tessera/param/swarp_config.h"
#include "tessera/param/toml_file.h"
#include "tessera/run/context.h"
#include "tessera/steps/step.h"
#include "tessera/translate/import_report.h"

namespace tessera::steps {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t longest_file = 1u << 20;
constexpr std::size_t most_settings = 2000;  // the longest known namelist has 250

enum class Dialect { by_content, mopex, swarp };

struct ImportOptions {
  Dialect format = Dialect::by_content;
  std::string table;
};

void describe(param::Schema<ImportOptions>& s) {
  s.field(&ImportOptions::format, "format", "What the file is: a MOPEX namelist or a SWarp configuration; auto goes by its content.")
      .choices({{"auto", Dialect::by_content}, {"mopex", Dialect::mopex}, {"swarp", Dialect::swarp}})
      .flag("format");
  s.field(&ImportOptions::table, "table", "Print the list of all known keys as a Markdown table, and read nothing; mopex: of overlap.pl and mosaic.pl, apex: of the APEX scripts.")
      .choices({{"none", ""}, {"mopex", "mopex"}, {"apex", "apex"}, {"swarp", "swarp"}})
      .flag("table")
      .placeholder("PROGRAM");
}

// A namelist is known by a block, or by a first setting with =; SWarp's lines have none.
Dialect dialect_of(const std::string& content, const fs::path& name) {
  std::vector<param::LegacyTrap> ignored;
  const std::string suffix = text::lower(name.extension().string());
  if (suffix == ".nl") return Dialect::mopex;
  if (suffix == ".swarp") return Dialect::swarp;
  for (const std::string& line : param::legacy::lines(content, ignored)) {
    const std::string_view body = text::trim(param::legacy::without_comment(line));
    if (body.empty()) continue;
    return body.front() == '&' || body.find('=') != std::string_view::npos ? Dialect::mopex : Dialect::swarp;
  }
  throw DataError{fmt::format("{}: has no settings", name.string())};
}

// The text goes through the reader of `tessera mosaic -c`, extract or residual, which must take it: else this file has a defect.
void check(const std::string& toml, translate::Program program) {
  translate::ProgramOptions bound;
  param::OptionSet options;
  bound.declare(program, options);
  param::read_toml(toml, "the translation", options);
}

class ImportStep : public Step {
 public:
  std::string_view name() const override { return "import"; }
  std::string_view summary() const override { return "Translate a MOPEX namelist or a SWarp configuration."; }
  std::string_view description() const override {
    return "Prints options for tessera mosaic (TOML, for -c) made from a MOPEX namelist of overlap.pl or mosaic.pl, or from a SWarp configuration; and options for tessera extract, residual or psf estimate from one of the APEX scripts or prf_estimate.pl. Every setting of the "
           "file is accounted for, with its line, in comments and on standard error: the option it became, what differs in meaning, what does not exist here yet, what is not "
           "needed. Slips that MOPEX passes over in silence (no spaces around =, a missing &END or comma, letters for digits …) are read and told.\n"
           "Names of files belong to one data set and not to the options: they are shown as a command line. Give -o to write a file.";
  }
  std::string_view inputs() const override { return "NAME.nl|NAME.swarp"; }
  std::string_view example() const override { return "tessera import mosaic_I1.nl -o mosaic.toml"; }
  bool writes_output() const override { return true; }
  void declare(param::OptionSet& options) override { options.add("import", "What is read", options_); }

  run::Outcome run(const std::vector<std::string>& inputs, const run::RunOptions& run, param::OptionSet&, run::Context& context) override {
    if (!options_.table.empty()) {
      if (!inputs.empty()) throw UsageError{"import --table reads no file; leave out its name"};
      print(options_.table == "mopex" ? translate::key_table("mopex", translate::mopex_rules()) : options_.table == "apex" ? translate::key_table("mopex", translate::apex_rules(), translate::Program::extract) + "\n## Keys of apex_qa.pl\n\n" + translate::key_table("mopex", translate::qa_rules(), translate::Program::residual) + "\n## Keys of prf_estimate.pl\n\n" + translate::key_table("mopex", translate::prf_rules(), translate::Program::psf) : translate::key_table("swarp", translate::swarp_rules()));
      return run::Outcome::done;
    }
    if (inputs.size() != 1) throw UsageError{fmt::format("import takes one file, {} were given", inputs.size())};
    const fs::path in = inputs[0], out = run.output;
    if (!run.output.empty()) refuse_output(in, out, run.overwrite);
    const std::string content = files::read(in, longest_file);
    if (content.find('\0') != std::string::npos) throw DataError{fmt::format("{}: is no text file; a namelist or a SWarp configuration was expected", in.string())};
    const Dialect dialect = options_.format == Dialect::by_content ? dialect_of(content, in) : options_.format;
    const param::LegacyConfig config = dialect == Dialect::mopex ? param::read_namelist(content) : param::read_swarp_config(content);
    if (config.settings.empty()) throw DataError{fmt::format("{}: has no settings", in.string())};
    if (config.settings.size() > most_settings)
      throw DataError{fmt::format("{}: has {} settings, more than any configuration ({})", in.string(), config.settings.size(), most_settings)};

    const auto script = translate::script_for(config);
    translate::Import import = dialect == Dialect::mopex ? translate::import_namelist(config, script) : translate::Import{config, "swarp", translate::swarp_rules()};
    const std::string kind = dialect == Dialect::mopex ? translate::translate_namelist(import, script) : translate::translate_swarp(import);
    const std::string toml = import.toml(kind);
    check(toml, import.program());
    tell(import, context);
    if (run.output.empty()) print(toml);
    else if (!run.dry_run) files::write_atomic(out, toml);
    if (!run.output.empty()) context.log(run::Level::info, fmt::format("{}: {}written", out.string(), run.dry_run ? "would be " : ""));
    const long open = import.count(translate::Fate::missing), bad = import.count(translate::Fate::refused) + import.count(translate::Fate::unknown);
    if (open > 0) context.caveat("not-there-yet", fmt::format("{}: settings that ask for something not there yet", in.string()), open);
    if (bad > 0) context.caveat("not-taken-over", fmt::format("{}: settings that are unknown or have no usable value", in.string()), bad);
    return open + bad > 0 ? run::Outcome::done_with_caveats : run::Outcome::done;
  }

 private:
  static void print(const std::string& s) { std::fwrite(s.data(), 1, s.size(), stdout); }

  static void refuse_output(const fs::path& in, const fs::path& out, bool overwrite) {
    std::error_code ignored;
    if (fs::is_directory(out, ignored)) throw UsageError{fmt::format("{}: is a folder, the name of a file was expected", out.string())};
    if (fs::equivalent(in, out, ignored)) throw UsageError{fmt::format("{}: is the input itself; give another name", out.string())};
    if (files::exists(out) && !overwrite) throw UsageError{fmt::format("{}: exists; say --overwrite to replace it", out.string())};
  }

  static void tell(const translate::Import& import, run::Context& context) {
    for (const translate::Import::Line& line : import.report()) {
      const bool loud = line.trap || line.fate == translate::Fate::missing || line.fate == translate::Fate::refused || line.fate == translate::Fate::unknown;
      context.log(loud ? run::Level::warning : run::Level::info, param::legacy::printable(line.text, 600));
    }
  }

  ImportOptions options_;
};

}  // namespace

std::unique_ptr<Step> make_import() { return std::make_unique<ImportStep>(); }

}  // namespace tessera::steps
