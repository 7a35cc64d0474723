// tessera extract: point sources of a mosaic or of a stack of frames.
#include "tessera/extraction/extract.h"
#include "tessera/run/context.h"
#include "tessera/steps/step.h"

namespace tessera::steps {
namespace {

class Extract : public Step {
 public:
  std::string_view name() const override { return "extract"; }
  std::string_view summary() const override { return "Find point sources and measure their positions and fluxes, on a mosaic or on all its frames at once."; }
  std::string_view description() const override {
    return "One image (a mosaic with the uncertainty and coverage beside it, or a single frame): its background is taken off, a matched filter finds sources, blends are taken apart, and the point response is "
           "fitted to each. Several frames: they are made into a mosaic in OUT/mosaic (or --mosaic names one that is there), sources are found on it, and each is fitted on all frames that see it at once. "
           "With --sources a list of positions is measured instead; positions stay fixed unless fit.positions=free.\n"
           "The output folder gets catalog.fits, detections.fits, sources.reg, report.html, run.json and tessera.log; further formats and maps on request. Fluxes are in uJy where the image's unit allows. An image "
           "without sources gives an empty catalogue.\n"
           "Inputs are files, folders, quoted globs, or @list.txt with one name per line; or parallel lists with -I, -S and -d. The folder of a finished mosaic stands for its mosaic.fits.";
  }
  std::string_view inputs() const override { return "MOSAIC|FRAMES..."; }
  std::string_view example() const override { return "tessera extract ch1/mosaic.fits --psf gaussian:fwhm_pix=1.6 -o ch1_sources"; }
  bool writes_output() const override { return true; }
  void declare(param::OptionSet& options) override { options_.declare(options); }
  run::Outcome run(const std::vector<std::string>& inputs, const run::RunOptions& run, param::OptionSet& options, run::Context& context) override {
    if (run.output.empty() && !run.dry_run) throw UsageError{"no output folder given; add -o OUT (or --dry-run to see the plan only)"};
    return extraction::extract({inputs, run.output, run.overwrite, run.dry_run}, options_, options, context);
  }

 private:
  extraction::ExtractOptions options_;
};

}  // namespace

std::unique_ptr<Step> make_extract() { return std::make_unique<Extract>(); }

}  // namespace tessera::steps
