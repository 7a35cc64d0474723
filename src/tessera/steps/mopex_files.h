/// steps/mopex_files.h — the files of a MOPEX run: flags first, then what the namelist names. MOPEX guide 9.3, 9.5, 9.6.
#pragma once
#include <string>

#include "tessera/param/legacy.h"
#include "tessera/param/schema.h"
#include "tessera/pipeline/context.h"

namespace tessera::steps {

struct Namelist {
  std::string path;      ///< where it was found
  std::string content;
  param::LegacyConfig config;
  /// "line N of NAME.nl"
  std::string where(int line) const;
};

/// Reads `name`, or cdf/NAME where that is not there. Throws DataError, UsageError for what is no namelist.
Namelist read_namelist_file(const std::string& name);

/// Fills input.images … and grid.file from the namelist where no flag has done so; `fif` is the value of -F. "none" for a flag leaves out what the
/// namelist names, with a caveat. Throws DataError for a file that is not there, with its key, line and the flag that replaces or drops it.
void settle_files(const Namelist& namelist, const std::string& fif, const std::string& output, param::OptionSet& options, pipeline::Context& context);

}  // namespace tessera::steps
