/// run/open_frames.h — the frames named on a command line, for steps that work on frames as they are.
#pragma once
#include <string>
#include <vector>

#include "tessera/instrument/frame_file.h"
#include "tessera/run/context.h"

namespace tessera::run {

/// Headers of all frames that `inputs` name, read in parallel. Throws UsageError when there is none, DataError for one that is no frame.
/// The frames point into `profiles`.
std::vector<instrument::FrameFile> open_frames(const std::vector<std::string>& inputs, const instrument::InputOptions& options, const instrument::ProfileSet& profiles, Context& context);

}  // namespace tessera::run
