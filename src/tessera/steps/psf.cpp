// tessera psf: point responses, estimated from stars, or of a mosaic from those of its frames.
#include "tessera/psf_estimate/at.h"
#include "tessera/psf_estimate/estimate.h"

#include <fmt/format.h>

#include "tessera/run/context.h"
#include "tessera/steps/step.h"

namespace tessera::steps {
namespace {

class Psf : public Step {
 public:
  std::string_view name() const override { return "psf"; }
  std::string_view summary() const override { return "The point response (PRF, effective PSF): of a detector or a mosaic from its stars, or of a mosaic at any place from that of its frames."; }
  std::string_view description() const override {
    return "psf estimate: bright isolated stars are found on an image, or on the mosaic of frames (made in OUT/mosaic, or named with --mosaic), and the response of a pixel to a star at every sub-pixel distance is fitted to "
           "all their pixels on all images at once with the stars' positions and fluxes (Anderson & King 2000): this works for undersampled detectors, too.\n"
           "A table may vary over the detector (estimate.degree, estimate.sectors_x and sectors_y, estimate.map).\n"
           "--method mopex makes it as MOPEX's prf_estimate does, as the mean of shifted postage stamps, for well-sampled detectors; stamps.fits then has a status per stamp.\n"
           "The output folder gets psf.fits, which tessera extract --psf takes and photutils' ImagePSF, prfmap.tbl with the tables of sectors, psf_sigma.fits, psf_coverage.fits, stars.fits with a status per star, report.html, run.json and tessera.log.\n"
           "psf at RA,DEC MOSAIC: the effective response of a mosaic of tessera at one or more places (or those of --sources), from the frames that its run.json names there and --psf, which is that of the frames, through the kernel it was made with. "
           "psf.fits gets a table per place, psf.png shows them, places.fits has their widths and which places nothing covers.";
  }
  std::string_view inputs() const override { return "estimate MOSAIC|FRAMES... | at RA,DEC... MOSAIC"; }
  std::string_view example() const override { return "tessera psf estimate r46291456/ch1/bcd --mosaic ch1 -o ch1_psf"; }
  bool writes_output() const override { return true; }
  void declare(param::OptionSet& options) override { options_.declare(options); }
  run::Outcome run(const std::vector<std::string>& inputs, const run::RunOptions& run, param::OptionSet& options, run::Context& context) override {
    const std::string task = inputs.empty() ? "" : inputs.front();
    if (task != "estimate" && task != "at") throw UsageError{fmt::format("the word after psf says what is to be done: estimate or at; found {}", inputs.empty() ? "nothing" : "'" + task + "'")};
    if (task == "at") return at(inputs, run, options, context);
    if (inputs.size() == 1) throw UsageError{"psf estimate: no image given; name a mosaic, or frames"};
    if (run.output.empty() && !run.dry_run) throw UsageError{"no output folder given; add -o OUT (or --dry-run to see what would be read)"};
    const std::vector<std::string> images{inputs.begin() + 1, inputs.end()};
    return psf_estimate::estimate({images, run.output, run.overwrite, run.dry_run, "psf", inputs}, options_, options, context);
  }

 private:
  run::Outcome at(const std::vector<std::string>& inputs, const run::RunOptions& run, param::OptionSet& options, run::Context& context) {
    if (inputs.size() == 1) throw UsageError{"psf at: no mosaic given; as in tessera psf at 120.03,-9.06 mosaic.fits --psf response/psf.fits -o OUT"};
    if (run.output.empty() && !run.dry_run) throw UsageError{"no output folder given; add -o OUT (or --dry-run to see what would be read)"};
    return psf_estimate::response_at({{inputs.begin() + 1, inputs.end() - 1}, inputs.back(), run.output, run.overwrite, run.dry_run, inputs}, options_, options, context);
  }

  psf_estimate::PsfOptions options_;
};

}  // namespace

std::unique_ptr<Step> make_psf() { return std::make_unique<Psf>(); }

}  // namespace tessera::steps
