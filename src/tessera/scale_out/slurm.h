/// scale_out/slurm.h — the batch system Slurm by its commands sbatch, squeue, scontrol and scancel (never sacct, which many clusters lack). What a job did is
/// read from the parts it left, not from its state.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "tessera/run/context.h"
#include "tessera/scale_out/scale_out.h"

namespace tessera::scale_out {

struct SlurmOptions {
  std::string partition, account, time_limit;
  std::int64_t chunk = 0;  ///< frames or tiles per job; 0: at most 1000 jobs
  int throttle = 0, retries = 3, threads = 1;
  std::int64_t memory_bytes = 0;
};

struct CommandResult {
  int code = 0;  ///< 127: no such program
  std::string out, err;
};
/// Runs a program found on PATH and waits for it.
CommandResult run_command(const std::vector<std::string>& arguments);

/// "0-3,7" of rising numbers.
std::string array_of(const std::vector<std::int64_t>& elements);

/// Throws SystemError, one line, where the commands are not there or the controller does not answer.
void require_slurm();
/// Largest index of an array plus one, as the cluster is configured.
std::int64_t largest_array();
/// Returns the job's number. Throws SystemError with sbatch's words.
std::string submit(const std::vector<std::string>& arguments);
/// Jobs of these that wait or run. `answered`: false when the controller could not be asked.
std::int64_t active_jobs(const std::vector<std::string>& jobs, bool& answered);
void cancel(const std::vector<std::string>& jobs);

/// A mosaic whose passes are arrays of jobs; this process plans, submits, watches, and gathers.
run::Outcome make_mosaic_on_slurm(const pipeline::MosaicRequest& request, const SlurmOptions& how, const pipeline::MosaicOptions& options, param::OptionSet& settings, run::Context& context);

}  // namespace tessera::scale_out
