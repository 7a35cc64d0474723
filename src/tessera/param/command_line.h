/// param/command_line.h — argv against an OptionSet: flags from the declarations, -c, --set, and positional inputs anywhere.
#pragma once
#include <string>
#include <vector>

#include "tessera/param/schema.h"

namespace tessera::param {

/// What was given besides options.
struct CommandLine {
  std::vector<std::string> inputs;
  std::vector<std::string> files;  ///< of -c, in order
  bool help = false;               ///< -h or --help: whatever follows was not read
};

/// Reads `arguments` (without program and verb): --flag VALUE, --flag=VALUE, -fVALUE, -f VALUE, --flag / --no-flag for
/// booleans, clusters of one-letter flags, --set section.option=VALUE, -c FILE.toml; `--` ends options. Values may be negative
/// numbers. A list flag given twice adds to the list. Files of -c are read at the end, each over the one before; flags and
/// --set win over them. Throws UsageError: unknown flag (names the nearest), value missing or not wanted, and all of OptionSet's.
CommandLine read_command_line(const std::vector<std::string>& arguments, OptionSet& options);

}  // namespace tessera::param
