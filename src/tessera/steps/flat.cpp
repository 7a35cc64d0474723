// tessera flat: a flat field from science frames.
#include "tessera/images/flat.h"

#include <fmt/format.h>

#include <filesystem>

#include "tessera/run/open_frames.h"
#include "tessera/steps/step.h"

namespace tessera::steps {
namespace {

namespace fs = std::filesystem;

class FlatStep : public Step {
 public:
  std::string_view name() const override { return "flat"; }
  std::string_view summary() const override { return "Make a flat field from the frames of a dithered stack."; }
  std::string_view description() const override {
    return "Reads frames of one detector that look at different places of a bright sky, divides each by its level, and takes the median over the frames in every pixel of the detector. Sources are "
           "masked in a second round, when the first flat has been divided out. The file has the flat (median 1), its error, and the number of frames that count.";
  }
  std::string_view inputs() const override { return "FRAMES..."; }
  std::string_view example() const override { return "tessera flat frames -o flat.fits"; }
  bool writes_output() const override { return true; }
  void declare(param::OptionSet& options) override {
    options.add("input", "Frames, and how they are read", input_);
    options.add("flat", "The flat field", options_);
  }

  run::Outcome run(const std::vector<std::string>& inputs, const run::RunOptions& run, param::OptionSet&, run::Context& context) override {
    if (run.output.empty()) throw UsageError{"no file named for the flat field; add -o flat.fits"};
    const fs::path out{run.output};
    std::error_code ignored;
    if (fs::is_directory(out, ignored)) throw UsageError{fmt::format("{}: is a folder, the name of a FITS file was expected", out.string())};
    if (fs::exists(out, ignored) && !run.overwrite) throw UsageError{fmt::format("{}: exists; say --overwrite to replace it", out.string())};
    const auto profiles = instrument::ProfileSet::load(instrument::ProfileSet::default_folders());
    const auto frames = run::open_frames(inputs, input_, profiles, context);
    instrument::check_consistency(frames, input_);
    if (run.dry_run) {
      context.log(run::Level::info, fmt::format("{}: would be made from {} frames", out.string(), frames.size()));
      return run::Outcome::done;
    }
    images::make_flat(frames, options_, out, context);
    context.log(run::Level::info, fmt::format("{}: {} frames", out.string(), frames.size()));
    return run::Outcome::done;
  }

 private:
  instrument::InputOptions input_;
  images::FlatOptions options_;
};

}  // namespace

std::unique_ptr<Step> make_flat() { return std::make_unique<FlatStep>(); }

}  // namespace tessera::steps
