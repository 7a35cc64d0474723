/// steps/scale_options.h — options of a run that is cut into pieces: who does them, and how many at once.
#pragma once
#include <string>

#include "tessera/param/schema.h"

namespace tessera::steps {

/// Section `run` of a mosaic.
struct ExecutorOptions {
  std::string plan_only;
  std::string executor = "local";
  std::string partition, account, time_limit;
  int chunk = 0, throttle = 0, retries = 3, job_threads = 1;
  std::string job_memory = "4G";
};
void describe(param::Schema<ExecutorOptions>& s);

/// Section `work`.
struct WorkOptions {
  std::string frames, tiles, pass = "coadd";
};
void describe(param::Schema<WorkOptions>& s);

}  // namespace tessera::steps
