/// extraction/extract.h — the whole of tessera extract: images in, catalogue out.
#pragma once
#include <string>
#include <vector>

#include "tessera/extraction/extract_options.h"
#include "tessera/run/record.h"

namespace tessera::extraction {

struct ExtractRequest {
  std::vector<std::string> inputs;
  std::string output;
  bool overwrite = false, dry_run = false;
  std::string verb = "extract";              ///< the step as it is recorded
  std::vector<std::string> arguments{};      ///< its arguments as they are recorded; empty: the inputs
  run::Placement place{};               ///< see OutputFolder
  std::vector<std::string> other_inputs{};   ///< files read beside the images, which a replay must find unchanged
  std::vector<run::KeptText> kept{};
  std::string mosaic_folder = "mosaic";      ///< in `output`, where frames are made into a mosaic
  const std::vector<std::string>& recorded_arguments() const { return arguments.empty() ? inputs : arguments; }
};

/// One image (a mosaic, or a frame): found and fitted on it. Several frames: found on their mosaic, fitted on all frames at once. Throws UsageError, DataError, SystemError, Interrupted.
/// A catalogue without rows is Outcome::nothing_to_do, written all the same.
run::Outcome extract(const ExtractRequest& request, const ExtractOptions& options, param::OptionSet& settings, run::Context& context);

}  // namespace tessera::extraction
