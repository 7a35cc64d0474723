/// run/record_file.h — numbered records with checksums in one file: what a pass leaves for a later one, for a resumed run, or for another process.
/// First line: JSON (schema, plan, pass, and more of the writer's). Then records: number, size, SHA-256 in hex, bytes. Numbers in this machine's byte order.
#pragma once
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "tessera/base/error.h"
#include "tessera/core/image.h"

namespace tessera::run {

/// Puts values one after another, as they lie in memory.
class ByteWriter {
 public:
  template <class T>
    requires std::is_trivially_copyable_v<T>
  void put(const T& value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  template <class T>
    requires std::is_trivially_copyable_v<T>
  void put(const std::vector<T>& values) {
    put(static_cast<std::uint64_t>(values.size()));
    bytes_.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
  }
  void put(const std::string& text) {
    put(static_cast<std::uint64_t>(text.size()));
    bytes_ += text;
  }
  template <class T>
  void put(const Image<T>& image) {
    put(image.box());
    bytes_.append(reinterpret_cast<const char*>(image.pixels().data()), image.pixels().size_bytes());
  }
  const std::string& bytes() const { return bytes_; }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

/// Takes them again. Throws DataError, which names `where`, when the bytes end too early.
class ByteReader {
 public:
  ByteReader(std::string_view bytes, std::string where) : bytes_{bytes}, where_{std::move(where)} {}
  template <class T>
    requires std::is_trivially_copyable_v<T>
  void get(T& value) {
    std::memcpy(&value, next(sizeof value), sizeof value);
  }
  template <class T>
    requires std::is_trivially_copyable_v<T>
  T get() {
    T value{};
    get(value);
    return value;
  }
  template <class T>
    requires std::is_trivially_copyable_v<T>
  void get(std::vector<T>& values) {
    const auto count = get<std::uint64_t>();
    if (count > left() / sizeof(T)) refuse();
    values.resize(count);
    if (count) std::memcpy(values.data(), next(count * sizeof(T)), count * sizeof(T));
  }
  void get(std::string& text) {
    const auto count = get<std::uint64_t>();
    if (count > left()) refuse();
    text.assign(next(count), count);
  }
  template <class T>
  void get(Image<T>& image) {
    const auto box = get<Box>();
    if (box.x1 < box.x0 || box.y1 < box.y0 || static_cast<std::uint64_t>(box.area()) > left() / sizeof(T)) refuse();
    image.reset(box);
    const auto bytes = image.pixels().size_bytes();
    if (bytes) std::memcpy(image.pixels().data(), next(bytes), bytes);
  }
  std::size_t position() const { return at_; }
  std::size_t left() const { return bytes_.size() - at_; }

 private:
  const char* next(std::size_t count) {
    if (count > left()) refuse();
    const char* p = bytes_.data() + at_;
    at_ += count;
    return p;
  }
  [[noreturn]] void refuse() const;
  std::string_view bytes_;
  std::string where_;
  std::size_t at_ = 0;
};

struct RecordEntry {
  std::uint64_t id = 0, offset = 0, bytes = 0;  ///< `offset`: of the payload in the file
  std::string sha256;
};

/// Reads the places of all records, and single ones.
class RecordReader {
 public:
  /// Throws DataError when the file cannot be read or is none of these. A torn tail (a crash, a full disk) is left aside.
  explicit RecordReader(std::filesystem::path path);
  ~RecordReader();
  RecordReader(const RecordReader&) = delete;
  RecordReader& operator=(const RecordReader&) = delete;
  const std::string& head() const { return head_; }  ///< the first line
  const std::vector<RecordEntry>& entries() const { return entries_; }
  const std::filesystem::path& path() const { return path_; }
  bool whole() const { return end_ == size_; }       ///< false: something follows the last whole record
  std::uint64_t end() const { return end_; }         ///< of the last whole record
  /// Throws DataError when the checksum does not hold.
  std::string read(const RecordEntry& entry) const;

 private:
  std::filesystem::path path_;
  int file_ = -1;
  std::string head_;
  std::vector<RecordEntry> entries_;
  std::uint64_t end_ = 0, size_ = 0;
};

/// Writes a file of records under a temporary name; commit() gives it its own at once, so that a name that is there stands for a whole file.
class RecordWriter {
 public:
  /// `head`: one line. With `append` it goes on with the file at `path` itself where that has this head, behind its last whole record, else begins it anew;
  /// then there is nothing to commit. Throws SystemError.
  RecordWriter(std::filesystem::path path, std::string_view head, bool append = false);
  ~RecordWriter();
  RecordWriter(const RecordWriter&) = delete;
  RecordWriter& operator=(const RecordWriter&) = delete;
  /// Safe from many threads. Throws SystemError.
  void add(std::uint64_t id, std::string_view payload);
  void commit();

 private:
  void write(std::string_view bytes);
  std::filesystem::path path_, temporary_;
  int file_ = -1;
  bool append_ = false;
  std::mutex mutex_;
};

}  // namespace tessera::run
