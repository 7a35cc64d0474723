#include "tessera/run/run_options.h"

namespace tessera::run {

void describe(param::Schema<OutputOptions>& s) {
  s.field(&OutputOptions::output, "path", "Where results are written: a folder, or a file for steps that make one.")
      .flag("output", 'o')
      .placeholder("PATH")
      .namelist("", "OUTPUT_DIR")
      .swarp("IMAGEOUT_NAME");
  s.field(&OutputOptions::overwrite, "overwrite", "Replace results that are there already.").flag("overwrite");
}

void describe(param::Schema<ProcessOptions>& s) {
  s.field(&ProcessOptions::dry_run, "dry_run", "Print the plan and the forecast of memory, disk and time, and stop.").flag("dry-run");
  s.field(&ProcessOptions::threads, "threads", "Number of threads; 0: one per processor.")
      .range(0, 4096)
      .flag("threads")
      .placeholder("N")
      .namelist("", "ncpu_multiprocess")
      .swarp("NTHREADS");
  s.field(&ProcessOptions::memory, "memory", "Memory ceiling: bytes with K, M, G or T, or a percentage of the machine's memory.")
      .flag("memory")
      .placeholder("SIZE");
  s.field(&ProcessOptions::log_format, "log_format", "Messages on standard error as text, or as one JSON object per line.")
      .choices({{"text", "text"}, {"json", "json"}})
      .flag("log-format");
  s.field(&ProcessOptions::verbosity, "verbosity", "Messages shown: quiet = warnings and caveats only, verbose = details too.")
      .choices({{"normal", 0}, {"quiet", -1}, {"verbose", 1}})
      .shortcut("verbose", 'v', "verbose")
      .shortcut("quiet", 'q', "quiet")
      .namelist("", "verbose")
      .swarp("VERBOSE_TYPE");
}

void RunOptions::declare(param::OptionSet& options, bool writes_output) {
  if (writes_output) options.add("output", "Where results go", static_cast<OutputOptions&>(*this));
  options.add("run", "Resources and messages", static_cast<ProcessOptions&>(*this));
}

}  // namespace tessera::run
