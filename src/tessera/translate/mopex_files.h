/// translate/mopex_files.h — the files of a MOPEX run: flags first, then what the namelist names. MOPEX guide 9.3, 9.5, 9.6.
#pragma once
#include <string>

#include "tessera/param/legacy.h"
#include "tessera/param/schema.h"
#include "tessera/run/context.h"
#include "tessera/translate/import_report.h"
#include "tessera/translate/mopex_scripts.h"

namespace tessera::translate {

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
void settle_files(const Namelist& namelist, const std::string& fif, const std::string& output, param::OptionSet& options, run::Context& context);

/// grid.file alone, as settle_files() does it.
void settle_fif(const Namelist& namelist, const std::string& fif, const std::string& output, param::OptionSet& options, run::Context& context);

/// The same for a script that measures sources: lists of frames, or the image (whose name is returned; `image`: the value of -i) with what belongs to it, the list of sources, and the point responses, which are also looked for in cal.
/// `no_fit`: a point response is not needed. Throws UsageError when something needed is named by neither flag nor key.
std::string settle_apex_files(const Namelist& namelist, MopexScript script, const std::string& image, bool no_fit, param::OptionSet& options, run::Context& context);

/// The same for prf_estimate.pl: an image (returned; `image`: the value of -i) or a list of frames (then ""), the list of stars, and the PRF map where the array is `split`. Throws UsageError when it has both or neither.
std::string settle_prf_files(const Namelist& namelist, const std::string& image, bool split, param::OptionSet& options, run::Context& context);

struct QaFiles {
  std::string table, image;
};
/// The same for apex_qa.pl: the table of sources, the mosaic where `one`, else lists of frames.
QaFiles settle_qa_files(const Namelist& namelist, bool one, const std::string& table, const std::string& mosaic, param::OptionSet& options, run::Context& context);

/// Every line of the report goes to the log; what needs eyes, and the sum, to the terminal.
void tell_namelist(const Import& import, const Namelist& namelist, run::Context& context);

}  // namespace tessera::translate
