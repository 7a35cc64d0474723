/// io/byte_source.h — the bytes of one file at any offset: a plain file is read in place, of a remote one (io/remote.h) ranges are fetched, a gzip file is inflated
/// into memory once, or, where it is large, again and again as it is read. Internal to io.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tessera::io::detail {

class RemoteFile;

/// Most bytes a gzip file may unfold to: far above any camera's frame, far below what a machine can hold.
constexpr std::int64_t gzip_limit_bytes = std::int64_t{64} << 30;
/// Most bytes that ByteSource::expect() fetches.
constexpr std::int64_t expected_bytes = std::int64_t{4} << 20;
/// A gzip file that unfolds to more than this is not kept in memory.
constexpr std::int64_t gzip_kept_bytes = std::int64_t{32} << 20;

/// "1 234 567".
std::string grouped(std::int64_t number);

bool looks_gzipped(std::string_view first_bytes);

/// The content of a gzip file (all members) from its beginning to its end, piece by piece.
class GzipStream {
 public:
  /// `read(offset, count, buffer)` gives bytes of the packed file of `packed_bytes`. Messages name `where`.
  using Read = std::function<const std::byte*(std::int64_t offset, std::size_t count, std::vector<std::byte>& buffer)>;
  GzipStream(Read read, std::int64_t packed_bytes, std::string where, std::int64_t limit_bytes = gzip_limit_bytes);
  ~GzipStream();
  GzipStream(const GzipStream&) = delete;
  GzipStream& operator=(const GzipStream&) = delete;
  /// The next bytes, at most as many as `out` holds; 0 at the end. Throws DataError when damaged, cut short or above `limit_bytes`.
  std::size_t next(std::span<std::byte> out);
  std::int64_t position() const { return position_; }  ///< bytes given so far

 private:
  struct State;
  Read read_;
  std::int64_t packed_bytes_, limit_bytes_, next_in_ = 0, position_ = 0;
  std::string where_;
  std::vector<std::byte> packed_;
  std::unique_ptr<State> state_;
  bool between_members_ = false, ended_ = false;
};

class ByteSource {
 public:
  /// Throws DataError: absent, a folder, unreadable, a compression we do not read (named), a damaged gzip stream. What a gzip file unfolds to is
  /// kept in memory up to `kept_bytes`; a larger one is inflated anew, from its beginning, whenever bytes before the last ones are asked for.
  explicit ByteSource(const std::filesystem::path& path, std::int64_t kept_bytes = gzip_kept_bytes);
  ~ByteSource();
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  std::int64_t size() const { return size_; }
  bool gzipped() const { return gzipped_; }
  bool remote() const { return remote_ != nullptr; }
  /// Bytes that will be read soon, in pieces: of a remote file the first `expected_bytes` of them are fetched at once.
  void expect(std::int64_t offset, std::int64_t count) const;
  /// Whether reading backwards costs inflating from the beginning.
  bool streamed() const { return gzipped_ && memory_.empty(); }
  /// The whole content of a gzip file, from now on in memory however large; empty for a plain file.
  std::span<const std::byte> memory() const;
  /// Pointer to `count` bytes from `offset`: into memory, or into `buffer` after filling it. Throws DataError when the
  /// file ends before that.
  const std::byte* at(std::int64_t offset, std::size_t count, std::vector<std::byte>& buffer) const;

 private:
  void open_plain(const std::filesystem::path& path);
  void inflate(std::int64_t kept_bytes);
  const std::byte* packed_at(std::int64_t offset, std::size_t count, std::vector<std::byte>& buffer) const;
  std::unique_ptr<GzipStream> stream() const;
  void stream_to(std::int64_t offset, std::span<std::byte> out) const;
  std::string where_;
  int descriptor_ = -1;
  std::unique_ptr<RemoteFile> remote_;
  std::int64_t size_ = 0, file_bytes_ = 0;
  bool gzipped_ = false;
  mutable std::vector<std::byte> memory_;
  mutable std::unique_ptr<GzipStream> stream_;  // where a large gzip file is being read
};

}  // namespace tessera::io::detail
