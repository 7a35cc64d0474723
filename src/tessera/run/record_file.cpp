#include "tessera/run/record_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "tessera/base/files.h"

namespace tessera::run {
namespace {

constexpr std::size_t longest_head = 1 << 16;
constexpr std::size_t hex = 64;

struct RecordHead {
  std::uint64_t id = 0, bytes = 0;
  char sha256[hex] = {};
};

[[noreturn]] void fail(const std::filesystem::path& path, const char* doing) {
  throw SystemError{fmt::format("{}: {} failed: {}; free space or mend the folder, then give the same command again", path.string(), doing, std::strerror(errno))};
}

/// False at the end of the file.
bool read_at(int file, void* into, std::size_t bytes, std::uint64_t at, const std::filesystem::path& path) {
  auto* p = static_cast<char*>(into);
  while (bytes > 0) {
    const ssize_t done = ::pread(file, p, bytes, static_cast<off_t>(at));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) throw SystemError{fmt::format("{}: reading failed: {}", path.string(), std::strerror(errno))};
    if (done == 0) return false;
    p += done, at += static_cast<std::uint64_t>(done), bytes -= static_cast<std::size_t>(done);
  }
  return true;
}

/// A temporary name that no other process has, on this host or another.
std::filesystem::path own_name(const std::filesystem::path& path) {
  char host[256] = {};
  ::gethostname(host, sizeof host - 1);
  return files::temporary_name(path.parent_path() / fmt::format("{}.{}.{}", path.filename().string(), host, ::getpid()));
}

}  // namespace

void ByteReader::refuse() const { throw DataError{fmt::format("{}: a record ends too early; it is damaged or of another version: delete the file", where_)}; }

RecordReader::RecordReader(std::filesystem::path path) : path_{std::move(path)} {
  file_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status {};
  if (file_ < 0 || ::fstat(file_, &status) != 0) {
    const int error = errno;
    if (file_ >= 0) ::close(file_);
    throw DataError{fmt::format("{}: cannot be read: {}", path_.string(), std::strerror(error))};
  }
  size_ = static_cast<std::uint64_t>(status.st_size);
  std::string start(std::min<std::size_t>(longest_head, size_), '\0');
  read_at(file_, start.data(), start.size(), 0, path_);
  const auto line_end = start.find('\n');
  if (line_end == std::string::npos) {
    ::close(file_);
    throw DataError{fmt::format("{}: no file of records of tessera", path_.string())};
  }
  head_ = start.substr(0, line_end);
  end_ = line_end + 1;
  RecordHead record;
  while (end_ + sizeof record <= size_ && read_at(file_, &record, sizeof record, end_, path_)) {
    if (record.bytes > size_ - end_ - sizeof record) break;
    entries_.push_back({record.id, end_ + sizeof record, record.bytes, std::string(record.sha256, hex)});
    end_ += sizeof record + record.bytes;
  }
}

RecordReader::~RecordReader() { ::close(file_); }

std::string RecordReader::read(const RecordEntry& entry) const {
  std::string bytes(entry.bytes, '\0');
  if (!read_at(file_, bytes.data(), bytes.size(), entry.offset, path_) || files::sha256(bytes) != entry.sha256)
    throw DataError{fmt::format("{}: record {} is damaged (its checksum does not hold); delete the file, and the work in it is done again", path_.string(), entry.id)};
  return bytes;
}

RecordWriter::RecordWriter(std::filesystem::path path, std::string_view head, bool append)
    : path_{std::move(path)}, temporary_{append ? path_ : own_name(path_)}, append_{append} {
  std::uint64_t keep = 0;
  if (append && files::exists(path_)) {
    try {
      const RecordReader before{path_};
      if (before.head() == head) keep = before.end();
    } catch (const DataError&) {
      keep = 0;
    }
  }
  file_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | (keep ? 0 : O_TRUNC), 0666);
  if (file_ < 0) fail(temporary_, "opening");
  if (keep && (::ftruncate(file_, static_cast<off_t>(keep)) != 0 || ::lseek(file_, 0, SEEK_END) < 0)) fail(temporary_, "truncating");
  if (!keep) write(std::string{head} + "\n");
}

RecordWriter::~RecordWriter() {
  if (file_ < 0) return;
  ::close(file_);
  if (!append_) ::unlink(temporary_.c_str());
}

void RecordWriter::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t done = ::write(file_, bytes.data(), bytes.size());
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) fail(temporary_, "writing");
    bytes.remove_prefix(static_cast<std::size_t>(done));
  }
}

void RecordWriter::add(std::uint64_t id, std::string_view payload) {
  RecordHead record{id, payload.size(), {}};
  std::memcpy(record.sha256, files::sha256(payload).data(), hex);
  std::string bytes{reinterpret_cast<const char*>(&record), sizeof record};
  bytes += payload;
  const std::lock_guard lock{mutex_};
  write(bytes);
}

void RecordWriter::commit() {
  if (::close(std::exchange(file_, -1)) != 0 && errno != EINTR) fail(temporary_, "closing");
  files::commit(temporary_, path_);
}

}  // namespace tessera::run
