#include "tessera/io/table_stream.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "tessera/base/error.h"
#include "tessera/base/files.h"
#include "tessera/io/table_parts.h"
#include "tessera/io/table_streams_private.h"

namespace tessera::io {
namespace {

namespace fs = std::filesystem;

/// A file of text under its temporary name until it is whole.
class TextFile {
 public:
  explicit TextFile(const fs::path& path) : path_{path}, temporary_{files::temporary_name(path)}, out_{temporary_, std::ios::binary} { check(); }
  ~TextFile() {
    if (committed_) return;
    out_.close();
    std::error_code ignored;
    fs::remove(temporary_, ignored);
  }
  TextFile(const TextFile&) = delete;
  TextFile& operator=(const TextFile&) = delete;
  void write(const std::string& bytes) {
    out_.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    check();
  }
  void commit() {
    out_.close();
    check();
    files::commit(temporary_, path_);
    committed_ = true;
  }

 private:
  void check() {
    if (!out_) throw SystemError{fmt::format("{}: cannot be written: {}", path_.string(), std::strerror(errno))};
  }
  fs::path path_, temporary_;
  std::ofstream out_;
  bool committed_ = false;
};

class TextStream : public TableStream {
 public:
  TextStream(Table widest, const fs::path& path) : widest_{std::move(widest)}, file_{path}, path_{path} {}
  Piece make(Table part) const override {
    detail::require_columns(part, widest_, path_);
    Piece piece;
    piece.rows = static_cast<std::int64_t>(part.rows());
    append(part, piece.bytes);
    return piece;
  }
  void add(Piece piece) override {
    begin();
    file_.write(piece.bytes);
  }
  void close() override {
    begin();
    file_.write(tail());
    file_.commit();
  }

 protected:
  virtual std::string head() const = 0;
  virtual void append(const Table& part, std::string& out) const = 0;
  virtual std::string tail() const { return {}; }
  const Table widest_;

 private:
  void begin() {
    if (!begun_) file_.write(head());
    begun_ = true;
  }
  TextFile file_;
  fs::path path_;
  bool begun_ = false;
};

class VotableStream : public TextStream {
 public:
  using TextStream::TextStream;

 private:
  std::string head() const override { return detail::votable_head(widest_, true); }
  void append(const Table& part, std::string& out) const override { detail::append_votable_rows(part, out); }
  std::string tail() const override { return detail::votable_tail(widest_, true); }
};

class EcsvStream : public TextStream {
 public:
  using TextStream::TextStream;

 private:
  std::string head() const override { return detail::ecsv_head(widest_); }
  void append(const Table& part, std::string& out) const override { detail::append_ecsv_rows(part, out); }
};

class IpacStream : public TextStream {
 public:
  IpacStream(Table widest, const fs::path& path) : TextStream{std::move(widest), path}, columns_{detail::ipac_columns(widest_)} {}
  bool looks_first() const override { return true; }
  void look(const Table& part) override { detail::widen(columns_, part); }

 private:
  std::string head() const override { return detail::ipac_head(widest_, columns_); }
  void append(const Table& part, std::string& out) const override { detail::append_ipac_rows(part, columns_, out); }
  std::vector<detail::IpacColumn> columns_;
};

}  // namespace

void detail::require_columns(const Table& part, const Table& whole, const fs::path& path) {
  bool same = part.columns.size() == whole.columns.size();
  for (std::size_t i = 0; same && i < part.columns.size(); ++i) same = part.columns[i].name == whole.columns[i].name && part.columns[i].data.index() == whole.columns[i].data.index();
  if (!same) throw UsageError{fmt::format("{}: rows with other columns than those of the whole", path.string())};
}

std::unique_ptr<TableStream> open_table_stream(Table widest, std::int64_t rows, const fs::path& path, TableFormat format) {
  switch (format) {
    case TableFormat::ipac: return std::make_unique<IpacStream>(std::move(widest), path);
    case TableFormat::votable: return std::make_unique<VotableStream>(std::move(widest), path);
    case TableFormat::ecsv: return std::make_unique<EcsvStream>(std::move(widest), path);
    case TableFormat::fits: return detail::fits_stream(std::move(widest), rows, path);
    case TableFormat::parquet: return detail::parquet_stream(std::move(widest), path);
  }
  return {};
}

}  // namespace tessera::io
