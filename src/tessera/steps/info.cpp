/// steps/info.cpp — what is in these files?
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "tessera/base/files.h"
#include "tessera/base/text.h"
#include "tessera/instrument/inspect.h"
#include "tessera/io/remote.h"
#include "tessera/run/context.h"
#include "tessera/steps/info_aperture.h"
#include "tessera/steps/info_report.h"
#include "tessera/steps/step.h"

namespace fs = std::filesystem;

namespace tessera::steps {
namespace {

struct InfoOptions {
  bool json = false;
  double aperture = 0;
  std::string at;
};

/// Of section `input`, what matters to one file by itself.
struct InfoInput {
  std::string fatal_bits, profile;
  wcs::UnpromisedDistortion distortion = wcs::UnpromisedDistortion::refuse;
};

void describe(param::Schema<InfoOptions>& s) {
  s.field(&InfoOptions::json, "json", "Print one JSON array instead of text.").flag("json");
  s.field(&InfoOptions::aperture, "aperture", "For mosaic_unc.fits: the error of a sum over a circle of this radius, with the correlation of neighbouring pixels; 0: describe the file.")
      .unit("pixel")
      .range(0, 10000)
      .flag("aperture");
  s.field(&InfoOptions::at, "at", "Middle of the circle, x and y in pixels counted from 1; empty: pixels of the median uncertainty.").flag("at").placeholder("'X Y'");
}

void describe(param::Schema<InfoInput>& s) {
  s.field(&InfoInput::fatal_bits, "fatal_bits", "Mask bits that would reject a pixel: a number, names joined by commas, or none; empty: those of the profile.")
      .flag("fatal-bits").placeholder("BITS");
  s.field(&InfoInput::profile, "profile", "Instrument profile; empty: found from the headers.").flag("profile").placeholder("NAME");
  s.field(&InfoInput::distortion, "distortion", "Distortion keywords that CTYPE does not promise: refuse, ignore, or apply them.")
      .choices({{"refuse", wcs::UnpromisedDistortion::refuse}, {"ignore", wcs::UnpromisedDistortion::ignore}, {"apply", wcs::UnpromisedDistortion::apply}});
}

bool is_table_name(const fs::path& path) {
  const std::string ending = text::lower(path.extension().string());
  return ending == ".tbl" || ending == ".xml" || ending == ".vot" || ending == ".ecsv";
}

class Info : public Step {
 public:
  std::string_view name() const override { return "info"; }
  std::string_view summary() const override { return "Describe a file: planes, units, WCS, footprint, profile, mask bits, statistics."; }
  std::string_view description() const override {
    return "For a FITS file: its HDUs, the instrument profile that fits and why, and for each frame in it: the uncertainty and mask planes found, the unit and "
           "how it is read; projection, centre, pixel scale, orientation and corners; filter, exposure and time; the mask bits with the number of pixels that "
           "have them, and which are fatal; the fraction of good pixels, their median and range. A file that cannot serve as a frame is described as far as "
           "possible, with the reason.\n"
           "For a table (IPAC, VOTable, ECSV, FITS): columns, rows and keywords. For run.json, or the output folder that holds it: what was run, and its caveats.";
  }
  std::string_view inputs() const override { return "FILES..."; }
  std::string_view example() const override { return "tessera info SPITZER_I1_46291456_0056_0000_2_cbcd.fits"; }
  bool writes_output() const override { return false; }
  void declare(param::OptionSet& options) override {
    options.add("info", "Form of the report", options_);
    options.add("input", "How frames are read", input_);
  }
  run::Outcome run(const std::vector<std::string>& inputs, const run::RunOptions&, param::OptionSet&, run::Context&) override {
    if (inputs.empty()) throw UsageError{"no file given; name FITS files, tables, or run.json"};
    const auto profiles = instrument::ProfileSet::load(instrument::ProfileSet::default_folders());
    std::vector<InfoReport> reports;
    for (const std::string& input : inputs) reports.push_back(report(input, profiles));
    const std::string text = options_.json ? to_json(reports) : to_text(reports);
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
    return run::Outcome::done;
  }

 private:
  InfoReport report(const std::string& input, const instrument::ProfileSet& profiles) const {
    fs::path path{input};
    if (!files::exists(path) && !io::is_url(input)) throw DataError{fmt::format("{}: no such file, or no permission to see it", input)};
    if (files::is_folder(path)) {
      if (!files::exists(path / "run.json")) throw UsageError{fmt::format("{}: this is a folder without run.json; name the files in it", input)};
      path /= "run.json";
    }
    if (text::lower(path.extension().string()) == ".json") return report_run(path);
    if (options_.aperture > 0) return report_aperture(path, options_.aperture, options_.at);
    if (is_table_name(path)) return report_table(path);
    instrument::InputOptions input_options;
    input_options.fatal_bits = input_.fatal_bits;
    input_options.profile = input_.profile;
    input_options.distortion = input_.distortion;
    return report_fits(instrument::inspect(path, input_options, profiles));
  }

  InfoOptions options_;
  InfoInput input_;
};

}  // namespace

std::unique_ptr<Step> make_info() { return std::make_unique<Info>(); }

}  // namespace tessera::steps
