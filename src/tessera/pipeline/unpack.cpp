#include "tessera/pipeline/unpack.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <system_error>

#include "tessera/io/fits.h"

namespace tessera::pipeline {
namespace {

constexpr std::int64_t most_in_memory = 32 << 20;  // as io keeps it
constexpr std::int64_t share_of_ceiling = 64;      // of which each thread holds the planes of a frame

}  // namespace

std::vector<LargeGzip> large_gzip_files(const std::vector<instrument::FrameFile>& frames, std::int64_t memory_bytes) {
  const std::int64_t limit = std::min(most_in_memory, memory_bytes / share_of_ceiling);
  std::vector<LargeGzip> found;
  std::set<std::filesystem::path> seen;
  for (const auto& frame : frames)
    for (const auto* plane : frame.planes())
      if (plane->unpacked_bytes > limit && seen.insert(plane->path).second) found.push_back({plane->path, plane->unpacked_bytes});
  return found;
}

void unpack_large(std::vector<instrument::FrameFile>& frames, const std::filesystem::path& scratch, run::Context& context) {
  const auto large = large_gzip_files(frames, context.memory_bytes());
  if (large.empty()) return;
  const auto folder = scratch / "unpacked";
  std::error_code ignored;  // what fails here fails again, with its reason, when a file is made
  std::filesystem::remove_all(folder, ignored);
  std::filesystem::create_directories(folder, ignored);
  std::map<std::filesystem::path, std::filesystem::path> place;
  for (std::size_t i = 0; i < large.size(); ++i) place[large[i].path] = folder / (std::to_string(i + 1) + ".fits");
  context.stage("unpacking gzip files", static_cast<std::int64_t>(large.size()));
  context.pool().for_each(static_cast<std::int64_t>(large.size()), [&](std::int64_t i) {
    const auto& path = large[static_cast<std::size_t>(i)].path;
    io::unpack_gzip(path, place.at(path));
    context.step();
  });
  for (auto& frame : frames)
    for (auto* plane : frame.planes())
      if (const auto found = place.find(plane->path); found != place.end()) plane->unpacked = found->second;
}

}  // namespace tessera::pipeline
