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
#include "tessera/io/remote_file.h"

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

}  // namespace

std::string grouped(std::int64_t number) {
  std::string digits = std::to_string(number);
  const std::size_t first = digits.starts_with('-') ? 1 : 0;
  for (std::size_t i = digits.size(); i > first + 3;) digits.insert(i -= 3, " ");
  return digits;
}

bool looks_gzipped(std::string_view first_bytes) { return first_bytes.starts_with("\x1f\x8b"); }

struct GzipStream::State {
  z_stream stream{};
  State() {
    if (inflateInit2(&stream, 15 + 16) != Z_OK) throw SystemError{"no memory for gzip"};
  }
  ~State() { inflateEnd(&stream); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
};

GzipStream::GzipStream(Read read, std::int64_t packed_bytes, std::string where, std::int64_t limit_bytes)
    : read_{std::move(read)}, packed_bytes_{packed_bytes}, limit_bytes_{limit_bytes}, where_{std::move(where)}, state_{std::make_unique<State>()} {}
GzipStream::~GzipStream() = default;

std::size_t GzipStream::next(std::span<std::byte> out) {
  z_stream& z = state_->stream;
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(std::min<std::size_t>(out.size(), 1u << 30));
  const uInt wanted = z.avail_out;
  while (z.avail_out > 0 && !ended_) {
    // Between members two bytes tell whether another follows; anything else behind the last one is padding, as gzip itself takes it.
    if (z.avail_in < (between_members_ ? 2u : 1u) && next_in_ < packed_bytes_) {
      const std::int64_t from = next_in_ - static_cast<std::int64_t>(z.avail_in);
      const auto n = static_cast<std::size_t>(std::min<std::int64_t>(packed_bytes_ - from, 1 << 18));
      z.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(read_(from, n, packed_)));
      z.avail_in = static_cast<uInt>(n);
      next_in_ = from + static_cast<std::int64_t>(n);
    }
    if (between_members_) {
      ended_ = z.avail_in < 2 || z.next_in[0] != 0x1f || z.next_in[1] != 0x8b;
      if (ended_) break;
      inflateReset(&z);
      between_members_ = false;
    }
    const uInt in_before = z.avail_in, out_before = z.avail_out;
    const int status = ::inflate(&z, Z_NO_FLUSH);
    if (status == Z_STREAM_END) between_members_ = true;
    else if (status != Z_OK && status != Z_BUF_ERROR) throw DataError{fmt::format("{}: damaged gzip stream ({})", where_, z.msg ? z.msg : "bad data")};
    else if (in_before == z.avail_in && out_before == z.avail_out && next_in_ == packed_bytes_)
      throw DataError{fmt::format("{}: truncated: the gzip stream ends after {} bytes without its end mark; fetch the file again", where_, grouped(packed_bytes_))};
  }
  const std::size_t got = wanted - z.avail_out;
  position_ += static_cast<std::int64_t>(got);
  if (position_ > limit_bytes_) throw DataError{fmt::format("{}: unfolds to more than {} bytes; decompress it first", where_, grouped(limit_bytes_))};
  return got;
}

ByteSource::ByteSource(const std::filesystem::path& path, std::int64_t kept_bytes) : where_{path.string()} {
  try {
    if (is_url(where_)) {
      remote_ = std::make_unique<RemoteFile>(where_);
      size_ = file_bytes_ = remote_->size();
    } else {
      open_plain(path);
    }
    std::vector<std::byte> buffer;
    const auto head_size = static_cast<std::size_t>(std::min<std::int64_t>(size_, 8));
    const std::byte* head_bytes = at(0, head_size, buffer);
    const std::string_view head{reinterpret_cast<const char*>(head_bytes), head_size};
    if (const std::string refused = refused_compression(head); !refused.empty()) throw DataError{where_ + ": " + refused};
    if (looks_gzipped(head)) inflate(kept_bytes);
  } catch (...) {
    if (descriptor_ >= 0) ::close(descriptor_);
    throw;
  }
}

std::unique_ptr<GzipStream> ByteSource::stream() const {
  return std::make_unique<GzipStream>([this](std::int64_t offset, std::size_t count, std::vector<std::byte>& buffer) { return packed_at(offset, count, buffer); }, file_bytes_, where_);
}

/// Finds out the size of the content, and keeps it when it is small.
void ByteSource::inflate(std::int64_t kept_bytes) {
  gzipped_ = true;
  const auto all = stream();
  std::vector<std::byte> piece(std::size_t{1} << 18);
  bool keep = true;
  while (const std::size_t got = all->next(piece)) {
    keep = keep && all->position() <= kept_bytes;
    if (keep) memory_.insert(memory_.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(got));
    else if (!memory_.empty()) memory_ = {};
  }
  size_ = all->position();
  if (!keep) return;
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
}

std::span<const std::byte> ByteSource::memory() const {
  if (streamed() && size_ > 0) {
    std::vector<std::byte> whole(static_cast<std::size_t>(size_));
    stream_to(0, whole);
    memory_ = std::move(whole);
    stream_.reset();
  }
  return memory_;
}

void ByteSource::stream_to(std::int64_t offset, std::span<std::byte> out) const {
  if (!stream_ || stream_->position() > offset) stream_ = stream();
  std::vector<std::byte> passed(std::size_t{1} << 18);
  const auto fill = [&](std::span<std::byte> wanted) {
    while (!wanted.empty()) {
      const std::size_t got = stream_->next(wanted);
      if (got == 0) throw DataError{where_ + ": became shorter while it was read"};
      wanted = wanted.subspan(got);
    }
  };
  while (stream_->position() < offset) fill(std::span{passed}.first(static_cast<std::size_t>(std::min<std::int64_t>(offset - stream_->position(), static_cast<std::int64_t>(passed.size())))));
  fill(out);
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
  size_ = file_bytes_ = status.st_size;
}

const std::byte* ByteSource::at(std::int64_t offset, std::size_t count, std::vector<std::byte>& buffer) const {
  if (offset < 0 || offset > size_ || static_cast<std::int64_t>(count) > size_ - offset)
    throw DataError{fmt::format("{}: truncated: {} bytes found, {} expected", where_, grouped(size_),
                                grouped(offset + static_cast<std::int64_t>(count)))};
  if (!gzipped_) return packed_at(offset, count, buffer);
  if (!memory_.empty()) return memory_.data() + offset;
  if (buffer.size() < count) buffer.resize(count);
  stream_to(offset, {buffer.data(), count});
  return buffer.data();
}

void ByteSource::expect(std::int64_t offset, std::int64_t count) const {
  if (remote_ && !gzipped_ && offset >= 0 && offset < size_) remote_->expect(offset, std::min(count, size_ - offset));
}

/// Bytes of the file as it lies on disk.
const std::byte* ByteSource::packed_at(std::int64_t offset, std::size_t count, std::vector<std::byte>& buffer) const {
  if (buffer.size() < count) buffer.resize(count);
  if (remote_) {
    remote_->read(offset, {buffer.data(), count});
    return buffer.data();
  }
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
