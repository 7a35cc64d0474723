/// tests/fuzz/fuzz.h — what the fuzz targets share. A reader may refuse bytes with DataError or UsageError; anything else that
/// leaves it ends the program, and so is a finding.
#pragma once
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "tessera/base/error.h"

namespace tessera::fuzz {

/// Runs a reader on bytes.
template <class Read>
int read_or_refuse(const Read& read) {
  try {
    read();
  } catch (const DataError&) {
  } catch (const UsageError&) {
  }
  return 0;
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) { return {reinterpret_cast<const char*>(data), size}; }

/// The bytes as a file that has a name but stands on no disk.
class MemoryFile {
 public:
  MemoryFile(const std::uint8_t* data, std::size_t size) : descriptor_{::memfd_create("fuzz", MFD_CLOEXEC)} {
    if (descriptor_ < 0 || ::write(descriptor_, data, size) != static_cast<ssize_t>(size)) {
      std::perror("memfd");
      std::abort();
    }
  }
  ~MemoryFile() { ::close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  std::filesystem::path path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

}  // namespace tessera::fuzz
