// tessera convert: one table file into another format.
#include <fmt/format.h>

#include <filesystem>

#include "tessera/base/text.h"
#include "tessera/io/fits.h"
#include "tessera/io/tables.h"
#include "tessera/run/context.h"
#include "tessera/steps/step.h"

namespace tessera::steps {
namespace {

namespace fs = std::filesystem;

enum class WantedFormat { by_name, ipac, votable, ecsv, fits };

struct ConvertOptions {
  WantedFormat format = WantedFormat::by_name;
  std::string table;
};

void describe(param::Schema<ConvertOptions>& s) {
  s.field(&ConvertOptions::format, "format", "Format to write; auto goes by the suffix of OUT (.tbl, .xml or .vot, .ecsv, .fits).")
      .choices({{"auto", WantedFormat::by_name},
                {"ipac", WantedFormat::ipac},
                {"votable", WantedFormat::votable},
                {"ecsv", WantedFormat::ecsv},
                {"fits", WantedFormat::fits}})
      .flag("format");
  s.field(&ConvertOptions::table, "table", "Extension of a FITS file with several tables: its EXTNAME, or its number from 1. Default: the first table, or LDAC_OBJECTS.")
      .flag("table")
      .placeholder("NAME");
}

io::TableFormat output_format(const ConvertOptions& options, const fs::path& out) {
  switch (options.format) {
    case WantedFormat::ipac: return io::TableFormat::ipac;
    case WantedFormat::votable: return io::TableFormat::votable;
    case WantedFormat::ecsv: return io::TableFormat::ecsv;
    case WantedFormat::fits: return io::TableFormat::fits;
    case WantedFormat::by_name: break;
  }
  // A compressed suffix would promise what is not written.
  const auto format = out.extension() == ".gz" ? std::nullopt : io::format_of(out);
  if (!format)
    throw UsageError{fmt::format("{}: the suffix names no table format (.tbl, .xml, .vot, .ecsv, .fits); say --format ipac, votable, ecsv or fits", out.string())};
  return *format;
}

Table read_input(const fs::path& in, const std::string& extension) {
  if (extension.empty()) return io::read_table(in);
  const io::FitsFile file{in};
  if (const auto found = file.find(extension)) return file.read_table(*found);
  if (const auto number = text::to_integer(extension); number && *number >= 0 && *number < static_cast<long long>(file.hdus().size()))
    return file.read_table(static_cast<int>(*number));
  std::vector<std::string> names;
  for (const io::HduInfo& hdu : file.hdus())
    if (hdu.kind == io::HduInfo::Kind::table) names.push_back(hdu.name.empty() ? std::to_string(hdu.index) : hdu.name);
  throw DataError{fmt::format("{}: has no table \"{}\"; it has {}", in.string(), extension, names.empty() ? "none" : text::join(names, ", "))};
}

class Convert : public Step {
 public:
  std::string_view name() const override { return "convert"; }
  std::string_view summary() const override { return "Convert a table between IPAC, VOTable, ECSV and FITS."; }
  std::string_view description() const override {
    return "Reads a table and writes it in another format, with units, UCDs, descriptions, missing values and keywords. The format of IN is recognised by its "
           "content (plain or gzip); that of OUT follows from its suffix or --format. Columns of arrays with variable length and of complex numbers are left out, "
           "with a caveat and a comment in OUT; an array of fixed length n becomes n columns name_1 … name_n.";
  }
  std::string_view inputs() const override { return "IN [OUT]"; }
  std::string_view example() const override { return "tessera convert offsets.tbl offsets.xml"; }
  bool writes_output() const override { return true; }
  void declare(param::OptionSet& options) override { options.add("convert", "Which table, and the format to write", options_); }

  run::Outcome run(const std::vector<std::string>& inputs, const run::RunOptions& run, param::OptionSet&, run::Context& context) override {
    const auto [in, out] = paths(inputs, run);
    const io::TableFormat format = output_format(options_, out);
    std::error_code ignored;
    if (fs::is_directory(out, ignored)) throw UsageError{fmt::format("{}: is a folder, the name of a file was expected", out.string())};
    if (fs::equivalent(in, out, ignored)) throw UsageError{fmt::format("{}: is the input itself; give another name", out.string())};
    if (fs::exists(out, ignored) && !run.overwrite) throw UsageError{fmt::format("{}: exists; say --overwrite to replace it", out.string())};
    const Table table = read_input(in, options_.table);
    const std::string summary = fmt::format("{}: {} rows, {} columns, {} keywords", in.string(), table.rows(), table.columns.size(), table.keywords.size());
    context.log(run::Level::info, summary);
    bool caveats = false;
    for (const std::string& line : table.comments) {
      constexpr std::string_view mark = "left out: ";
      if (!line.starts_with(mark)) continue;
      context.caveat("left-out", line.substr(mark.size()));
      caveats = true;
    }
    if (run.dry_run) {
      context.log(run::Level::info, fmt::format("{}: would be written", out.string()));
    } else {
      io::write_table(table, out, format);
      context.log(run::Level::info, fmt::format("{}: written", out.string()));
    }
    return caveats ? run::Outcome::done_with_caveats : run::Outcome::done;
  }

 private:
  static std::pair<fs::path, fs::path> paths(const std::vector<std::string>& inputs, const run::RunOptions& run) {
    if (inputs.empty()) throw UsageError{"convert takes a table to read, none was given"};
    if (inputs.size() > 2) throw UsageError{fmt::format("convert takes IN and OUT, {} names were given", inputs.size())};
    if (inputs.size() == 2 && !run.output.empty()) throw UsageError{fmt::format("the output is named twice: {} and -o {}", inputs[1], run.output)};
    if (inputs.size() == 1 && run.output.empty()) throw UsageError{"convert needs the name of the file to write: tessera convert IN OUT"};
    return {inputs[0], inputs.size() == 2 ? inputs[1] : run.output};
  }

  ConvertOptions options_;
};

}  // namespace

std::unique_ptr<Step> make_convert() { return std::make_unique<Convert>(); }

}  // namespace tessera::steps
