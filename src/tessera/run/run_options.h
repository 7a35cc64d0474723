/// run/run_options.h — the options every step has: where results go and what the run may use.
#pragma once
#include <string>

#include "tessera/param/schema.h"

namespace tessera::run {

/// Section `output`, for steps that write.
struct OutputOptions {
  std::string output;      // -o
  bool overwrite = false;
};
void describe(param::Schema<OutputOptions>& s);

/// Section `run`.
struct ProcessOptions {
  bool dry_run = false;
  int threads = 0;                    // 0: all processors
  std::string memory = "25%";         // "4G", "25%"
  std::string log_format = "text";    // text | json
  int verbosity = 0;                  // −1 quiet, 1 verbose
};
void describe(param::Schema<ProcessOptions>& s);

/// What a step's run() is told of them; the command line owns their meaning except that of `output` and `overwrite`.
struct RunOptions : OutputOptions, ProcessOptions {
  /// Adds both sections, or only `run` for a step that writes nothing.
  void declare(param::OptionSet& options, bool writes_output);
};

}  // namespace tessera::run
