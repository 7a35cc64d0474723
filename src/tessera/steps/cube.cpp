// tessera cube: spectral images to one spectral cube.
#include "tessera/cube/cube.h"

#include "tessera/run/context.h"
#include "tessera/steps/step.h"

namespace tessera::steps {
namespace {

class Cube : public Step {
 public:
  std::string_view name() const override { return "cube"; }
  std::string_view summary() const override { return "Make a spectral cube of a target from SPHEREx spectral images."; }
  std::string_view description() const override {
    return "Cuts each Level-2 spectral image into its strips of nearly one wavelength, resamples those that lie on the target, and coadds them channel by channel with one weight for each exposure and strip. "
           "Zodiacal light is subtracted by the model in each frame; pixels with flags that the mission's mosaics drop are left out.\n"
           "The first input is the centre (RA,DEC in degrees or sexagesimal); frames are files, folders, quoted globs, or @list.txt. The output folder gets cube.fits (IMAGE, VARIANCE, WEIGHT, NHITS, FLAGS, "
           "SPECTRAL_CHANNELS, WCS-WAVE, with WAVE_EFF when asked for), exposures.tbl, pictures of the planes, a contact sheet, a picture in colours, report.html, run.json and tessera.log. Results do not depend on the number of threads or the memory ceiling.";
  }
  std::string_view inputs() const override { return "RA,DEC FRAMES..."; }
  std::string_view example() const override { return "tessera cube 210.8023,54.3489 frames --size 30m --pixel 9 -o m101"; }
  bool writes_output() const override { return true; }
  void declare(param::OptionSet& options) override { options_.declare(options); }
  run::Outcome run(const std::vector<std::string>& inputs, const run::RunOptions& run, param::OptionSet& options, run::Context& context) override {
    if (run.output.empty() && !run.dry_run) throw UsageError{"no output folder given; add -o OUT (or --dry-run to see the plan only)"};
    return cube::make_cube({inputs, run.output, run.overwrite, run.dry_run}, options_, options, context);
  }

 private:
  cube::CubeOptions options_;
};

}  // namespace

std::unique_ptr<Step> make_cube() { return std::make_unique<Cube>(); }

}  // namespace tessera::steps
