/// run/scratch_file.h — an open file of floats in the scratch folder, to which tiles add rows in any order.
#pragma once
#include <filesystem>
#include <span>

namespace tessera::run {

class ScratchFile {
 public:
  /// `content`: what it holds, for messages. Throws SystemError, as all that follows does.
  ScratchFile(const std::filesystem::path& path, const char* content);
  ~ScratchFile();
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;
  /// `at`: a number of floats from the beginning. Safe from many threads for different places.
  void write(std::span<const float> row, std::int64_t at) const;
  /// What was never written reads as 0.
  void read(std::span<float> row, std::int64_t at) const;

 private:
  [[noreturn]] void fail(const char* doing) const;
  std::filesystem::path path_;
  const char* content_;
  int fd_;
};

}  // namespace tessera::run
