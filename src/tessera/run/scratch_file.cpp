#include "tessera/run/scratch_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "tessera/base/error.h"

namespace tessera::run {

ScratchFile::ScratchFile(const std::filesystem::path& path, const char* content) : path_{path}, content_{content}, fd_{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)} {
  if (fd_ < 0) fail("opening");
}
ScratchFile::~ScratchFile() { ::close(fd_); }

void ScratchFile::write(std::span<const float> row, std::int64_t at) const {
  if (::pwrite(fd_, row.data(), row.size_bytes(), at * static_cast<std::int64_t>(sizeof(float))) != static_cast<ssize_t>(row.size_bytes())) fail("writing");
}

void ScratchFile::read(std::span<float> row, std::int64_t at) const {
  std::fill(row.begin(), row.end(), 0.0f);
  if (::pread(fd_, row.data(), row.size_bytes(), at * static_cast<std::int64_t>(sizeof(float))) < 0) fail("reading");
}

void ScratchFile::fail(const char* doing) const {
  throw SystemError{fmt::format("{}: {} {} failed: {}; free space or choose another output folder", path_.string(), doing, content_, std::strerror(errno))};
}

}  // namespace tessera::run
