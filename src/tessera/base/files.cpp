#include "tessera/base/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <memory>
#include <system_error>
#include <vector>

#include "tessera/base/error.h"

namespace tessera::files {
namespace {

std::string reason(int number) { return std::generic_category().message(number); }

class Descriptor {
 public:
  Descriptor(const fs::path& path, int flags, mode_t mode = 0) {
    do {
      fd_ = ::open(path.c_str(), flags | O_CLOEXEC, mode);
    } while (fd_ < 0 && errno == EINTR);
  }
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  bool valid() const { return fd_ >= 0; }
  int get() const { return fd_; }
  /// False, with errno set, when the system reports a late write error.
  bool close() {
    const int fd = std::exchange(fd_, -1);
    return fd < 0 || ::close(fd) == 0 || errno == EINTR;
  }

 private:
  int fd_ = -1;
};

ssize_t read_some(int fd, char* buffer, std::size_t size) {
  ssize_t count = 0;
  do {
    count = ::read(fd, buffer, size);
  } while (count < 0 && errno == EINTR);
  return count;
}

/// Without waiting: a named pipe that nobody writes to reads as empty and does not hang the run.
constexpr int for_reading = O_RDONLY | O_NONBLOCK;

/// A folder is an error here and not only at the first read.
Descriptor& require_readable(Descriptor& file, const fs::path& path) {
  struct stat status {};
  int error = 0;
  if (!file.valid() || ::fstat(file.get(), &status) != 0) {
    error = errno;
  } else if (S_ISDIR(status.st_mode)) {
    error = EISDIR;
  } else if (::fcntl(file.get(), F_SETFL, 0) != 0) {  // from here on a pipe's reader waits for its writer
    error = errno;
  }
  if (error != 0) throw DataError{fmt::format("cannot read {}: {}", path.string(), reason(error))};
  return file;
}

bool write_all(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t count = ::write(fd, content.data(), content.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    content.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

[[noreturn]] void fail_writing(const fs::path& path, const fs::path& temporary, int error) {
  ::unlink(temporary.c_str());
  throw SystemError{fmt::format("cannot write {}: {}", path.string(), reason(error))};
}

fs::path folder_of(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : fs::path{"."}; }

class Sha256 {
 public:
  Sha256() : context_{EVP_MD_CTX_new(), &EVP_MD_CTX_free} {
    check(context_ && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
  }
  void add(std::string_view bytes) { check(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1); }
  std::string hex() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    check(EVP_DigestFinal_ex(context_.get(), digest.data(), &size) == 1);
    std::string text;
    text.reserve(2 * static_cast<std::size_t>(size));
    for (unsigned i = 0; i < size; ++i) fmt::format_to(std::back_inserter(text), "{:02x}", digest[i]);
    return text;
  }

 private:
  static void check(bool ok) {
    if (!ok) throw SystemError{"the SHA-256 of libcrypto is not available; check the OpenSSL configuration"};
  }
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

}  // namespace

bool exists(const fs::path& path) {
  std::error_code code;
  return fs::exists(path, code);
}

bool is_folder(const fs::path& path) {
  std::error_code code;
  return fs::is_directory(path, code);
}

std::string read(const fs::path& path, std::size_t limit_bytes) {
  Descriptor file{path, for_reading};
  require_readable(file, path);
  std::string content;
  std::vector<char> buffer(1u << 16);
  for (;;) {
    const ssize_t count = read_some(file.get(), buffer.data(), buffer.size());
    if (count < 0) throw DataError{fmt::format("cannot read {}: {}", path.string(), reason(errno))};
    if (count == 0) return content;
    if (static_cast<std::size_t>(count) > limit_bytes - content.size()) {
      throw DataError{fmt::format("{} is longer than the {} bytes expected of such a file", path.string(), limit_bytes)};
    }
    content.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

fs::path temporary_name(const fs::path& path) {
  const std::string name = path.filename().string();
  std::string hidden = fmt::format(".{}.part", name);
  // A name near the file system's limit has no room for more letters; its hash stands for it.
  if (hidden.size() > NAME_MAX) hidden = fmt::format(".{}.part", sha256(name).substr(0, 32));
  return path.parent_path() / hidden;
}

void commit(const fs::path& temporary, const fs::path& path) {
  Descriptor file{temporary, O_RDONLY};
  if (!file.valid() || ::fsync(file.get()) != 0) fail_writing(path, temporary, errno);
  if (::rename(temporary.c_str(), path.c_str()) != 0) fail_writing(path, temporary, errno);
  // Some file systems cannot sync a folder (EINVAL): there the rename is as durable as it gets.
  Descriptor folder{folder_of(path), O_RDONLY | O_DIRECTORY};
  if (folder.valid() && ::fsync(folder.get()) != 0 && errno == EIO) {
    throw SystemError{fmt::format("cannot sync the folder of {}: {}", path.string(), reason(errno))};
  }
}

void write_atomic(const fs::path& path, std::string_view content) {
  const fs::path temporary = temporary_name(path);
  Descriptor file{temporary, O_WRONLY | O_CREAT | O_TRUNC, 0666};
  if (!file.valid()) {
    throw SystemError{fmt::format("cannot write {}: {}", path.string(), reason(errno))};
  }
  if (!write_all(file.get(), content) || !file.close()) fail_writing(path, temporary, errno);
  commit(temporary, path);
}

std::string sha256(std::string_view bytes) {
  Sha256 hash;
  hash.add(bytes);
  return hash.hex();
}

std::string sha256_file(const fs::path& path) {
  Descriptor file{path, for_reading};
  require_readable(file, path);
  Sha256 hash;
  std::vector<char> buffer(1u << 18);
  for (;;) {
    const ssize_t count = read_some(file.get(), buffer.data(), buffer.size());
    if (count < 0) throw DataError{fmt::format("cannot read {}: {}", path.string(), reason(errno))};
    if (count == 0) return hash.hex();
    hash.add({buffer.data(), static_cast<std::size_t>(count)});
  }
}

}  // namespace tessera::files
