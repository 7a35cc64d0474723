#include "tessera/pipeline/overlap.h"

#include "tessera/run/context.h"
#include "tessera/steps/step.h"

namespace tessera::steps {
namespace {

class Overlap : public Step {
 public:
  std::string_view name() const override { return "overlap"; }
  std::string_view summary() const override { return "Match the backgrounds of overlapping frames: a table of offsets, and corrected frames on request."; }
  std::string_view description() const override {
    return "Finds for each frame the constant, plane or surface to subtract so that overlapping frames agree, as tessera mosaic does on its way, and stops there.\n"
           "The output folder gets offsets.tbl (which tessera mosaic --offsets takes), header_list.tbl, FIF.tbl, run.json and tessera.log; with --corrected the frames with their backgrounds "
           "subtracted in Overlap_corr, all their other data and cards kept; with --quicklook a coarse mosaic without bright objects.\n"
           "Inputs are files, folders (the camera's standard images in them), quoted globs, or @list.txt with one name per line; or parallel lists with -I, -S and -d.";
  }
  std::string_view inputs() const override { return "FRAMES..."; }
  std::string_view example() const override { return "tessera overlap r46291456/ch1/bcd -o ch1_overlap --quicklook"; }
  bool writes_output() const override { return true; }
  void declare(param::OptionSet& options) override { options_.declare(options); }
  run::Outcome run(const std::vector<std::string>& inputs, const run::RunOptions& run, param::OptionSet& options, run::Context& context) override {
    if (run.output.empty() && !run.dry_run) throw UsageError{"no output folder given; add -o OUT (or --dry-run to see the plan only)"};
    return pipeline::match_overlaps({inputs, run.output, run.overwrite, run.dry_run, "overlap"}, options_, options, context);
  }

 private:
  pipeline::OverlapOptions options_;
};

}  // namespace

std::unique_ptr<Step> make_overlap() { return std::make_unique<Overlap>(); }

}  // namespace tessera::steps
