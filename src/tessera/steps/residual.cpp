// tessera residual: images without the sources of a catalogue, or with them.
#include "tessera/extraction/residual.h"
#include "tessera/run/context.h"
#include "tessera/steps/step.h"

namespace tessera::steps {
namespace {

class Residual : public Step {
 public:
  std::string_view name() const override { return "residual"; }
  std::string_view summary() const override { return "Take the sources of a catalogue off frames or a mosaic, or add them, without fitting anything."; }
  std::string_view description() const override {
    return "Reads positions and fluxes from a catalogue (of tessera extract, MOPEX's extract.tbl, or any table whose columns are named) and writes every image less the point response times the flux of each source: what a "
           "good fit leaves is noise (MOPEX's APEX QA). With --add the sources are added instead, for tests with artificial sources. Everything else in the files stays as it was.\n"
           "The output folder gets Residual/NAME_residual.fits (or Inserted/NAME_inserted.fits) for every image, run.json and tessera.log.\n"
           "The first input is the catalogue; the others are files, folders, quoted globs, or @list.txt with one name per line. The folder of a finished mosaic stands for its mosaic.fits.";
  }
  std::string_view inputs() const override { return "CATALOGUE MOSAIC|FRAMES..."; }
  std::string_view example() const override { return "tessera residual ch1_sources/catalog.fits ch1 --psf gaussian:fwhm_pix=1.6 -o ch1_residual"; }
  bool writes_output() const override { return true; }
  void declare(param::OptionSet& options) override { options_.declare(options); }
  run::Outcome run(const std::vector<std::string>& inputs, const run::RunOptions& run, param::OptionSet& options, run::Context& context) override {
    if (run.output.empty() && !run.dry_run) throw UsageError{"no output folder given; add -o OUT (or --dry-run to see the plan only)"};
    return extraction::residual({inputs, run.output, run.overwrite, run.dry_run}, options_, options, context);
  }

 private:
  extraction::ResidualOptions options_;
};

}  // namespace

std::unique_ptr<Step> make_residual() { return std::make_unique<Residual>(); }

}  // namespace tessera::steps
