#include "tessera/io/byte_source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "tessera/base/error.h"

namespace tessera::io::detail {
namespace {

/// Name and remedy of a compression that is recognised only to be refused by name; empty when it is none of them.
std::string refused_compression(std::string_view head) {
  if (head.starts_with("\x1f\x9d")) return "compressed by Unix compress (.Z), which is not read; uncompress it first";
  if (head.starts_with("BZh")) return "compressed by bzip2, which is not read; bunzip2 it first";
  if (head.starts_with(std::string_view{"\xfd\x37zXZ", 5})) return "compressed by xz, which is not read; unxz it first";
  if (head.starts_with("\x28\xb5\x2f\xfd")) return "compressed by zstd, which is not read; unzstd it first";
  if (head.starts_with("PK\x03\x04")) return "a zip archive, which is not read; unzip it first";
  return {};
}

struct Inflater {
  z_stream stream{};
  Inflater() {
    if (inflateInit2(&stream, 15 + 16) != Z_OK) throw SystemError{"no memory for gzip"};
  }
  ~Inflater() { inflateEnd(&stream); }
};

}  // namespace

std::string grouped(std::int64_t number) {
  std::string digits = std::to_string(number);
  const std::size_t first = digits.starts_with('-') ? 1 : 0;
  for (std::size_t i = digits.size(); i > first + 3;) digits.insert(i -= 3, " ");
  return digits;
}

bool looks_gzipped(std::string_view first_bytes) { return first_bytes.starts_with("\x1f\x8b"); }

std::vector<std::byte> inflate_gzip(std::span<const std::byte> packed, const std::string& where, std::int64_t limit_bytes) {
  std::vector<std::byte> out;
  std::size_t next_in = 0;
  bool finished = false;
  Inflater z;
  std::vector<std::byte> piece(1u << 18);
  for (;;) {
    if (z.stream.avail_in == 0) {
      const std::size_t n = std::min<std::size_t>(packed.size() - next_in, 1u << 30);
      z.stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(packed.data() + next_in));
      z.stream.avail_in = static_cast<uInt>(n);
      next_in += n;
    }
    if (finished) {
      // Another member may follow; anything else behind the last one is padding, as gzip itself takes it.
      if (z.stream.avail_in < 2 || z.stream.next_in[0] != 0x1f || z.stream.next_in[1] != 0x8b) return out;
      inflateReset(&z.stream);
      finished = false;
    }
    z.stream.next_out = reinterpret_cast<Bytef*>(piece.data());
    z.stream.avail_out = static_cast<uInt>(piece.size());
    const int status = inflate(&z.stream, Z_NO_FLUSH);
    const std::size_t got = piece.size() - z.stream.avail_out;
    if (static_cast<std::int64_t>(out.size() + got) > limit_bytes)
      throw DataError{fmt::format("{}: unfolds to more than {} bytes; decompress it first", where, grouped(limit_bytes))};
    out.insert(out.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(got));
    if (status == Z_STREAM_END) finished = true;
    else if (status == Z_BUF_ERROR || (status == Z_OK && got == 0 && z.stream.avail_in == 0 && next_in == packed.size()))
      throw DataError{fmt::format("{}: truncated: the gzip stream ends after {} bytes without its end mark; fetch the file again",
                                  where, grouped(static_cast<std::int64_t>(packed.size())))};
    else if (status != Z_OK)
      throw DataError{fmt::format("{}: damaged gzip stream ({})", where, z.stream.msg ? z.stream.msg : "bad data")};
  }
}

ByteSource::ByteSource(const std::filesystem::path& path) : where_{path.string()} {
  try {
    open_plain(path);
    std::vector<std::byte> buffer;
    const auto head_size = static_cast<std::size_t>(std::min<std::int64_t>(size_, 8));
    const std::byte* head_bytes = at(0, head_size, buffer);
    const std::string_view head{reinterpret_cast<const char*>(head_bytes), head_size};
    if (const std::string refused = refused_compression(head); !refused.empty()) throw DataError{where_ + ": " + refused};
    if (looks_gzipped(head)) {
      std::vector<std::byte> packed;
      at(0, static_cast<std::size_t>(size_), packed);
      memory_ = inflate_gzip(packed, where_);
      size_ = static_cast<std::int64_t>(memory_.size());
      ::close(descriptor_);
      descriptor_ = -1;
    }
  } catch (...) {
    if (descriptor_ >= 0) ::close(descriptor_);
    throw;
  }
}

ByteSource::~ByteSource() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void ByteSource::open_plain(const std::filesystem::path& path) {
  // Non-blocking, so that a pipe given by mistake is refused below instead of waited for.
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor_ < 0) {
    if (errno == ENOENT || errno == ENOTDIR) throw DataError{where_ + ": no such file"};
    throw DataError{fmt::format("{}: cannot be read ({})", where_, std::strerror(errno))};
  }
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0) throw DataError{fmt::format("{}: cannot be read ({})", where_, std::strerror(errno))};
  if (S_ISDIR(status.st_mode)) throw DataError{where_ + ": is a folder, a file was expected"};
  if (!S_ISREG(status.st_mode)) throw DataError{where_ + ": is not an ordinary file"};
  size_ = status.st_size;
}

const std::byte* ByteSource::at(std::int64_t offset, std::size_t count, std::vector<std::byte>& buffer) const {
  if (offset < 0 || offset > size_ || static_cast<std::int64_t>(count) > size_ - offset)
    throw DataError{fmt::format("{}: truncated: {} bytes found, {} expected", where_, grouped(size_),
                                grouped(offset + static_cast<std::int64_t>(count)))};
  if (descriptor_ < 0) return memory_.data() + offset;
  if (buffer.size() < count) buffer.resize(count);
  for (std::size_t done = 0; done < count;) {
    const ssize_t got = ::pread(descriptor_, buffer.data() + done, count - done, offset + static_cast<std::int64_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw DataError{fmt::format("{}: read error ({})", where_, std::strerror(errno))};
    if (got == 0) throw DataError{where_ + ": became shorter while it was read"};
    done += static_cast<std::size_t>(got);
  }
  return buffer.data();
}

}  // namespace tessera::io::detail
