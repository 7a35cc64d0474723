// tessera rgb: a colour picture from three mosaics.
#include <fmt/format.h>

#include <filesystem>

#include "tessera/images/rgb.h"
#include "tessera/run/context.h"
#include "tessera/steps/step.h"

namespace tessera::steps {
namespace {

namespace fs = std::filesystem;

class Rgb : public Step {
 public:
  std::string_view name() const override { return "rgb"; }
  std::string_view summary() const override { return "Draw three mosaics as one colour picture."; }
  std::string_view description() const override {
    return "Reads three images of one field, the reddest first, and writes a PNG with the scaling of Lupton et al. (2004): brightness goes through an inverse hyperbolic sine, colours stay "
           "what they are however bright a source is. Images on other grids than the first are resampled to its grid by area overlap. The picture has one pixel per pixel of the first image, "
           "rows upwards as on the sky.\nWithout options the sky of each image is black and its noise counts alike; the values that were chosen are shown and stand in the picture as text.";
  }
  std::string_view inputs() const override { return "RED GREEN BLUE"; }
  std::string_view example() const override { return "tessera rgb ch4/mosaic.fits ch2/mosaic.fits ch1/mosaic.fits -o field.png"; }
  bool writes_output() const override { return true; }
  void declare(param::OptionSet& options) override { options.add("rgb", "Brightness and colour", options_); }

  run::Outcome run(const std::vector<std::string>& inputs, const run::RunOptions& run, param::OptionSet&, run::Context& context) override {
    if (inputs.size() != 3) throw UsageError{fmt::format("rgb takes three images, red, green and blue; {} were given", inputs.size())};
    if (run.output.empty()) throw UsageError{"no picture named; add -o OUT.png"};
    const fs::path out{run.output};
    std::error_code ignored;
    if (fs::is_directory(out, ignored)) throw UsageError{fmt::format("{}: is a folder, the name of a picture was expected", out.string())};
    if (out.extension() != ".png") throw UsageError{fmt::format("{}: pictures are PNG files; give a name that ends in .png", out.string())};
    if (fs::exists(out, ignored) && !run.overwrite) throw UsageError{fmt::format("{}: exists; say --overwrite to replace it", out.string())};
    if (run.dry_run) {
      context.log(run::Level::info, fmt::format("{}: would be written", out.string()));
      return run::Outcome::done;
    }
    images::make_rgb({inputs[0], inputs[1], inputs[2]}, options_, out, context);
    context.log(run::Level::info, fmt::format("{}: written", out.string()));
    return run::Outcome::done;
  }

 private:
  images::RgbOptions options_;
};

}  // namespace

std::unique_ptr<Step> make_rgb() { return std::make_unique<Rgb>(); }

}  // namespace tessera::steps
