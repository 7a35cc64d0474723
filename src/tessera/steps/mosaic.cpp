#include "tessera/pipeline/mosaic.h"

#include "tessera/base/text.h"
#include "tessera/run/context.h"
#include "tessera/scale_out/slurm.h"
#include "tessera/steps/scale_options.h"
#include "tessera/steps/step.h"

namespace tessera::steps {
namespace {

class Mosaic : public Step {
 public:
  std::string_view name() const override { return "mosaic"; }
  std::string_view summary() const override { return "Coadd frames into one mosaic, with backgrounds matched and outliers rejected."; }
  std::string_view description() const override {
    return "Reads calibrated exposures with their uncertainties and masks (found by the camera's profile), defines an output grid that holds them all, matches "
           "their backgrounds over all overlaps, resamples every frame by exact area overlap, rejects outliers by comparing the values of all frames in each "
           "output pixel, and averages.\n"
           "The output folder gets mosaic.fits, mosaic_unc.fits (1 sigma), mosaic_cov.fits (number of frames), mosaic_exp.fits (seconds), mosaic.png, "
           "coverage.png, report.html (everything at a glance), FIF.tbl, header_list.tbl, offsets.tbl, run.json and tessera.log. Give the same command again to continue an interrupted run. Results "
           "do not depend on the number of threads, the tiles or the memory ceiling.\n"
           "Inputs are files, folders (the camera's standard images in them), quoted globs, or @list.txt with one name per line; or parallel lists with -I, -S and -d.";
  }
  std::string_view inputs() const override { return "FRAMES..."; }
  std::string_view example() const override { return "tessera mosaic r46291456/ch1/bcd -o ch1"; }
  bool writes_output() const override { return true; }
  void declare(param::OptionSet& options) override {
    options_.declare(options);
    options.add("run", "Who does the work", executor_);
  }
  run::Outcome run(const std::vector<std::string>& inputs, const run::RunOptions& run, param::OptionSet& options, run::Context& context) override {
    if (run.output.empty() && !run.dry_run) throw UsageError{"no output folder given; add -o OUT (or --dry-run to see the plan only)"};
    const pipeline::MosaicRequest request{inputs, run.output, run.overwrite, run.dry_run};
    if (!executor_.plan_only.empty() && !run.dry_run) return scale_out::make_plan_only(request, executor_.plan_only, options_, options, context);
    if (executor_.executor == "slurm" && !run.dry_run) return scale_out::make_mosaic_on_slurm(request, slurm_options(), options_, options, context);
    return pipeline::make_mosaic(request, options_, options, context);
  }

 private:
  scale_out::SlurmOptions slurm_options() const {
    const auto memory = text::parse_bytes(executor_.job_memory);
    if (!memory || *memory < (std::int64_t{256} << 20)) throw UsageError{"run.job_memory = '" + executor_.job_memory + "': an amount of at least 256M was expected, as in 4G"};
    return {executor_.partition, executor_.account, executor_.time_limit, executor_.chunk, executor_.throttle, executor_.retries, executor_.job_threads, *memory};
  }

  pipeline::MosaicOptions options_;
  ExecutorOptions executor_;
};

}  // namespace

std::unique_ptr<Step> make_mosaic() { return std::make_unique<Mosaic>(); }

}  // namespace tessera::steps
