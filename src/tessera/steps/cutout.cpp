// tessera cutout: native pixels about a position out of spectral images.
#include "tessera/cube/cutout.h"

#include "tessera/run/context.h"
#include "tessera/steps/step.h"

namespace tessera::steps {
namespace {

class Cutout : public Step {
 public:
  std::string_view name() const override { return "cutout"; }
  std::string_view summary() const override { return "Cut the pixels about a position out of SPHEREx spectral images."; }
  std::string_view description() const override {
    return "Finds the Level-2 spectral images that show a position, by detector, wavelength there and time, and writes each as a file with the pixels about it alone: no resampling, every other HDU and card as it was, the WCS "
           "moved along. What comes out is read like a whole frame by all verbs for SPHEREx.\n"
           "The first input is the position (RA,DEC in degrees or sexagesimal); frames are files, folders, quoted globs, or @list.txt. The output folder also gets cutouts.tbl, run.json and tessera.log.";
  }
  std::string_view inputs() const override { return "RA,DEC FRAMES..."; }
  std::string_view example() const override { return "tessera cutout 210.8023,54.3489 frames --size 3m --wavelengths 3.2-3.4 -o pah"; }
  bool writes_output() const override { return true; }
  void declare(param::OptionSet& options) override {
    options.add("input", "Frames that count, and calibration", input_);
    options.add("cutout", "What is cut out of which frames", options_);
  }
  run::Outcome run(const std::vector<std::string>& inputs, const run::RunOptions& run, param::OptionSet& options, run::Context& context) override {
    if (run.output.empty() && !run.dry_run) throw UsageError{"no output folder given; add -o OUT (or --dry-run to see how many frames there are)"};
    return cube::make_cutouts({inputs, run.output, run.overwrite, run.dry_run}, input_, options_, options, context);
  }

 private:
  cube::InputOptions input_;
  cube::CutoutOptions options_;
};

}  // namespace

std::unique_ptr<Step> make_cutout() { return std::make_unique<Cutout>(); }

}  // namespace tessera::steps
