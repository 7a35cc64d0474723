// tessera spectrum: forced spectra of listed sources from SPHEREx spectral images.
#include "tessera/run/context.h"
#include "tessera/spectrum/spectrum.h"
#include "tessera/steps/step.h"

namespace tessera::steps {
namespace {

class Spectrum : public Step {
 public:
  std::string_view name() const override { return "spectrum"; }
  std::string_view summary() const override { return "Spectra of listed sources from SPHEREx spectral images, by a joint fit on every image."; }
  std::string_view description() const override {
    return "SOURCES is one position or a table (IPAC, VOTable, ECSV, CSV, FITS, Parquet) of any length; positions and shapes stay as given, only fluxes are fitted. On every frame a square of 15 x 15 pixels about each source "
           "gets the local background taken off, and all listed sources in it, and those of --neighbours, are fitted at once with the point response of their place. Wavelengths come from CWAVE and CBAND of the calibration, or from "
           "the frame's WCS-WAVE where there is none.\n"
           "Each file is opened once for all sources, and only the rows that hold them are read. The output folder gets measurements (a row per source and frame), spectra (a row per source, with the means of the 102 channels), "
           "frames, for few sources a VOTable and a picture each, report.html, run.json and tessera.log. Choices of ours where the mission's documents are silent are listed in the manual page of the step.";
  }
  std::string_view inputs() const override { return "SOURCES FRAMES..."; }
  std::string_view example() const override { return "tessera spectrum 188.7321,-1.2034 level2/ -o target"; }
  bool writes_output() const override { return true; }
  void declare(param::OptionSet& options) override { options_.declare(options); }
  run::Outcome run(const std::vector<std::string>& inputs, const run::RunOptions& run, param::OptionSet& options, run::Context& context) override {
    if (inputs.empty()) throw UsageError{"no sources given; as in tessera spectrum 188.73,-1.2 FRAMES... -o OUT, or a table in the place of the position"};
    if (inputs.size() == 1) throw UsageError{"no frames given; name spectral images, folders, patterns, URLs or @list.txt behind the sources"};
    if (run.output.empty() && !run.dry_run) throw UsageError{"no output folder given; add -o OUT (or --dry-run to see what would be read)"};
    return spectrum::spectrum({inputs, run.output, run.overwrite, run.dry_run}, options_, options, context);
  }

 private:
  spectrum::SpectrumOptions options_;
};

}  // namespace

std::unique_ptr<Step> make_spectrum() { return std::make_unique<Spectrum>(); }

}  // namespace tessera::steps
