#include "tessera/steps/scale_options.h"

namespace tessera::steps {

void describe(param::Schema<ExecutorOptions>& s) {
  s.field(&ExecutorOptions::plan_only, "plan_only", "Write the plan to this file and stop; tessera work does pieces of it, in any number of processes, and tessera gather makes the products.")
      .flag("plan-only")
      .placeholder("PLAN.json");
  s.field(&ExecutorOptions::executor, "executor", "Who does the work: this process, or jobs of the batch system Slurm, which this process submits, watches and gathers.")
      .choices({{"local", "local"}, {"slurm", "slurm"}})
      .flag("executor");
  s.field(&ExecutorOptions::partition, "partition", "Slurm: the partition; empty: the cluster's default.").placeholder("NAME");
  s.field(&ExecutorOptions::account, "account", "Slurm: the account that is charged; empty: the user's default.").placeholder("NAME");
  s.field(&ExecutorOptions::time_limit, "time_limit", "Slurm: the longest a job may take, as sbatch --time reads it; empty: the partition's default.").placeholder("D-HH:MM:SS");
  s.field(&ExecutorOptions::chunk, "chunk", "Slurm: frames or tiles per job; 0: 64 frames or 8 tiles, more where a pass would be more than 1000 jobs.").range(0, 1e9);
  s.field(&ExecutorOptions::throttle, "throttle", "Slurm: jobs of a pass that may run at once; 0: as many as the cluster allows.").range(0, 1e6);
  s.field(&ExecutorOptions::retries, "retries", "Slurm: how often jobs that failed are submitted again.").range(0, 100);
  s.field(&ExecutorOptions::job_threads, "job_threads", "Slurm: processors, and threads, of a job.").range(1, 4096);
  s.field(&ExecutorOptions::job_memory, "job_memory", "Slurm: memory of a job, and the ceiling it keeps below (nine tenths of it).").placeholder("SIZE");
}

void describe(param::Schema<WorkOptions>& s) {
  s.field(&WorkOptions::frames, "frames", "Measure these frames of the plan: A-B, both counted from 0 and both in; all: every one.").flag("frames").placeholder("A-B");
  s.field(&WorkOptions::tiles, "tiles", "Do these tiles of the plan: A-B, both counted from 0 and both in; all: every one.").flag("tiles").placeholder("A-B");
  s.field(&WorkOptions::pass, "pass", "What to do on the tiles, or solve: the one solve for all offsets.")
      .choices({{"frames", "frames"}, {"solve", "solve"}, {"clusters", "clusters"}, {"outliers", "outliers"}, {"coadd", "coadd"}})
      .flag("pass");
}

}  // namespace tessera::steps
