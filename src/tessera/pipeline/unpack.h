/// pipeline/unpack.h — gzip files too large to be kept in memory whenever one is read: unpacked to the scratch folder first.
#pragma once
#include <cstdint>
#include <filesystem>
#include <vector>

#include "tessera/instrument/frame_file.h"
#include "tessera/run/context.h"

namespace tessera::pipeline {

struct LargeGzip {
  std::filesystem::path path;
  std::int64_t unpacked_bytes = 0;
};
/// The gzip files of the frames that will be unpacked under this memory ceiling, in the frames' order, each once.
std::vector<LargeGzip> large_gzip_files(const std::vector<instrument::FrameFile>& frames, std::int64_t memory_bytes);

/// Unpacks them to `scratch`/unpacked and points the frames' planes there. Results do not depend on it. Throws DataError, SystemError.
void unpack_large(std::vector<instrument::FrameFile>& frames, const std::filesystem::path& scratch, run::Context& context);

}  // namespace tessera::pipeline
