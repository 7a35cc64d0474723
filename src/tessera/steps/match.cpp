// tessera match: catalogues side by side.
#include "tessera/match/match.h"
#include "tessera/run/context.h"
#include "tessera/steps/step.h"

namespace tessera::steps {
namespace {

class Match : public Step {
 public:
  std::string_view name() const override { return "match"; }
  std::string_view summary() const override { return "Find the same sources in several catalogues, merge their rows, and compare their positions."; }
  std::string_view description() const override {
    return "Rows of two or more catalogues (FITS, IPAC, VOTable, ECSV) are one source when every two of them lie within match.radius and within match.sigmas of their combined errors; the likeliest pairs are taken first, and no "
           "catalogue is in a source twice. The result has one row per source: the mean position, how well the positions agree, and the columns of every catalogue with its name behind, so that ch1 and ch2 become one "
           "table of colours.\n"
           "The first catalogue is the reference: offset, rotation, scale and scatter of every other one against it are in astrometry.tbl and, with plots of the residuals, in report.html. The output folder also gets "
           "run.json and tessera.log.";
  }
  std::string_view inputs() const override { return "CATALOGUE CATALOGUE..."; }
  std::string_view example() const override { return "tessera match ch1/catalog.fits ch2/catalog.fits --names I1,I2 --radius 1 -o bands"; }
  bool writes_output() const override { return true; }
  void declare(param::OptionSet& options) override { options.add("match", "What is one source, and what is kept of it", options_); }
  run::Outcome run(const std::vector<std::string>& inputs, const run::RunOptions& run, param::OptionSet& options, run::Context& context) override {
    if (run.output.empty() && !run.dry_run) throw UsageError{"no output folder given; add -o OUT (or --dry-run to see what would be read)"};
    return match::match({inputs, run.output, run.overwrite, run.dry_run}, options_, options, context);
  }

 private:
  match::MatchOptions options_;
};

}  // namespace

std::unique_ptr<Step> make_match() { return std::make_unique<Match>(); }

}  // namespace tessera::steps
