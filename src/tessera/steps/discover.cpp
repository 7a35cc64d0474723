// tessera discover: sources that no list names, from SPHEREx spectral images.
#include "tessera/discover/discover.h"

#include "tessera/run/context.h"
#include "tessera/steps/step.h"

namespace tessera::steps {
namespace {

class Discover : public Step {
 public:
  std::string_view name() const override { return "discover"; }
  std::string_view summary() const override { return "Find sources in a region of SPHEREx spectral images, all channels together."; }
  std::string_view description() const override {
    return "Makes a spectral cube of the region as tessera cube does (OUT/cube), takes the sky off each plane, runs a matched filter with the response of the channel over it, combines the planes' significances to one image by their "
           "chi square, and lists its peaks: detections.fits and detections.ecsv with position, significance, number of channels, brightest channel and a quick flux, and quicklook.fits with the flux of each source in each channel.\n"
           "With --measure the list goes through tessera spectrum (OUT/spectra), which fits the native pixels: fluxes for use come from there. Sources are taken as points.";
  }
  std::string_view inputs() const override { return "RA,DEC FRAMES..."; }
  std::string_view example() const override { return "tessera discover 210.8023,54.3489 frames --size 30m --measure -o field"; }
  bool writes_output() const override { return true; }
  void declare(param::OptionSet& options) override { options_.declare(options); }
  run::Outcome run(const std::vector<std::string>& inputs, const run::RunOptions& run, param::OptionSet& options, run::Context& context) override {
    if (run.output.empty() && !run.dry_run) throw UsageError{"no output folder given; add -o OUT (or --dry-run to see the plan only)"};
    return discover::discover({inputs, run.output, run.overwrite, run.dry_run}, options_, options, context);
  }

 private:
  discover::DiscoverOptions options_;
};

}  // namespace

std::unique_ptr<Step> make_discover() { return std::make_unique<Discover>(); }

}  // namespace tessera::steps
