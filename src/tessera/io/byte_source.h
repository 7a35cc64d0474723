/// io/byte_source.h — the bytes of one file at any offset: a plain file is read in place, a gzip file is inflated into
/// memory once, with a limit. Internal to io.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tessera::io::detail {

/// Most bytes a gzip file may unfold to: far above any camera's frame, far below what a machine can hold.
constexpr std::int64_t gzip_limit_bytes = std::int64_t{8} << 30;

/// "1 234 567".
std::string grouped(std::int64_t number);

/// The content of a gzip file (all members). Throws DataError naming `where` when damaged, cut short or above `limit_bytes`.
std::vector<std::byte> inflate_gzip(std::span<const std::byte> packed, const std::string& where,
                                    std::int64_t limit_bytes = gzip_limit_bytes);
bool looks_gzipped(std::string_view first_bytes);

class ByteSource {
 public:
  /// Throws DataError: absent, a folder, unreadable, a compression we do not read (named).
  explicit ByteSource(const std::filesystem::path& path);
  ~ByteSource();
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  std::int64_t size() const { return size_; }
  /// The whole content when it is held in memory (gzip), else empty.
  std::span<const std::byte> memory() const { return memory_; }
  /// Pointer to `count` bytes from `offset`: into memory, or into `buffer` after filling it. Throws DataError when the
  /// file ends before that.
  const std::byte* at(std::int64_t offset, std::size_t count, std::vector<std::byte>& buffer) const;

 private:
  void open_plain(const std::filesystem::path& path);
  std::string where_;
  int descriptor_ = -1;
  std::int64_t size_ = 0;
  std::vector<std::byte> memory_;
};

}  // namespace tessera::io::detail
