// tessera hdr: saturated pixels of long exposures from short ones.
#include "tessera/images/hdr.h"

#include <fmt/format.h>

#include <filesystem>

#include "tessera/run/open_frames.h"
#include "tessera/steps/step.h"

namespace tessera::steps {
namespace {

namespace fs = std::filesystem;

class Hdr : public Step {
 public:
  std::string_view name() const override { return "hdr"; }
  std::string_view summary() const override { return "Replace saturated pixels of long exposures by those of short ones."; }
  std::string_view description() const override {
    return "Finds exposures of different lengths at one pointing (as Spitzer's high-dynamic-range mode takes them) and writes each longest one anew: its saturated pixels take value, uncertainty and "
           "mask of the longest exposure that is not saturated there. The output folder gets these frames under their own names, and lists: short.txt, medium.txt, long.txt of the frames given, "
           "hdr.txt of those to make a mosaic of.";
  }
  std::string_view inputs() const override { return "FRAMES..."; }
  std::string_view example() const override { return "tessera hdr r1234/ch1/bcd -o ch1hdr"; }
  bool writes_output() const override { return true; }
  void declare(param::OptionSet& options) override {
    options.add("input", "Frames, and how they are read", input_);
    options.add("hdr", "What is saturated, and what is one pointing", options_);
  }

  run::Outcome run(const std::vector<std::string>& inputs, const run::RunOptions& run, param::OptionSet&, run::Context& context) override {
    if (run.output.empty() && !run.dry_run) throw UsageError{"no output folder given; add -o OUT"};
    const auto profiles = instrument::ProfileSet::load(instrument::ProfileSet::default_folders());
    const auto frames = run::open_frames(inputs, input_, profiles, context);
    instrument::check_consistency(frames, input_);
    if (run.dry_run) {
      for (const auto& set : images::hdr_sets(frames, options_.tolerance)) context.log(run::Level::info, fmt::format("{}: {} shorter", frames[set.frames.front()].label(), set.frames.size() - 1));
      return run::Outcome::done;
    }
    const fs::path out{run.output};
    prepare(out, run.overwrite, frames);
    const auto count = images::write_hdr(frames, options_, out, context);
    context.log(run::Level::info, fmt::format("{}: {} frames, {} of {} saturated pixels replaced", out.string(), count.sets, count.replaced, count.saturated));
    if (count.replaced == count.saturated) return run::Outcome::done;
    context.caveat("still-saturated", fmt::format("{} pixels are saturated or bad in the short exposures too and stay as they are", count.saturated - count.replaced), count.saturated - count.replaced);
    return run::Outcome::done_with_caveats;
  }

 private:
  static void prepare(const fs::path& out, bool overwrite, const std::vector<instrument::FrameFile>& frames) {
    std::error_code code;
    for (const auto& frame : frames)
      if (fs::equivalent(out, frame.image.path.parent_path(), code)) throw UsageError{fmt::format("{}: is the folder of the frames themselves; give another", out.string())};
    if (fs::exists(out, code) && (!fs::is_directory(out, code) || (!fs::is_empty(out, code) && !overwrite)))
      throw UsageError{fmt::format("{}: exists; give another folder, or say --overwrite", out.string())};
    fs::create_directories(out, code);
    if (code) throw SystemError{fmt::format("{}: cannot be made: {}", out.string(), code.message())};
  }

  instrument::InputOptions input_;
  images::HdrOptions options_;
};

}  // namespace

std::unique_ptr<Step> make_hdr() { return std::make_unique<Hdr>(); }

}  // namespace tessera::steps
