#include "tessera/io/parquet.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <utility>
#include <vector>

#include "tessera/base/error.h"
#include "tessera/base/files.h"
#include "tessera/io/fits_table.h"
#include "tessera/io/parquet_module_private.h"
#include "tessera/io/table_streams_private.h"
#include "tessera/io/tables.h"

namespace tessera::io {
namespace {

namespace fs = std::filesystem;

struct Module {
  decltype(&tessera_parquet_library) arrow = nullptr;
  decltype(&tessera_parquet_write) write = nullptr;
  decltype(&tessera_parquet_read) read = nullptr;
  decltype(&tessera_parquet_begin) begin = nullptr;
  decltype(&tessera_parquet_add) add = nullptr;
  decltype(&tessera_parquet_end) end = nullptr;
  decltype(&tessera_parquet_abandon) abandon = nullptr;
  decltype(&tessera_parquet_rows) rows = nullptr;
  std::string why;  // it is not there
};

std::vector<fs::path> module_places() {
  constexpr const char* name = "tessera_parquet.so";
  if (const char* file = std::getenv("TESSERA_PARQUET")) return {file};
  std::vector<fs::path> places;
  std::error_code code;
  const fs::path program = fs::read_symlink("/proc/self/exe", code);
  if (!code) {
    places.push_back(program.parent_path() / name);
    places.push_back(program.parent_path().parent_path() / name);
    places.push_back(program.parent_path().parent_path() / TESSERA_LIBRARY_FOLDER / "tessera" / name);
  }
  return places;
}

Module load() {
  Module m;
  for (const fs::path& place : module_places()) {
    if (!files::exists(place)) continue;
    void* handle = dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
      m.why = dlerror();
      continue;
    }
    m.arrow = reinterpret_cast<decltype(m.arrow)>(dlsym(handle, "tessera_parquet_library"));
    m.write = reinterpret_cast<decltype(m.write)>(dlsym(handle, "tessera_parquet_write"));
    m.read = reinterpret_cast<decltype(m.read)>(dlsym(handle, "tessera_parquet_read"));
    m.begin = reinterpret_cast<decltype(m.begin)>(dlsym(handle, "tessera_parquet_begin"));
    m.add = reinterpret_cast<decltype(m.add)>(dlsym(handle, "tessera_parquet_add"));
    m.end = reinterpret_cast<decltype(m.end)>(dlsym(handle, "tessera_parquet_end"));
    m.abandon = reinterpret_cast<decltype(m.abandon)>(dlsym(handle, "tessera_parquet_abandon"));
    m.rows = reinterpret_cast<decltype(m.rows)>(dlsym(handle, "tessera_parquet_rows"));
    if (m.arrow && m.write && m.read && m.begin && m.add && m.end && m.abandon && m.rows) return m;
    m = {};
    m.why = place.string() + " is not of this version";
  }
  return m;
}

const Module& module() {
  static const Module loaded = load();
  return loaded;
}

/// Columns take unit, UCD and description of the fields of that name.
void describe_columns(Table& table, const std::string& votable, const std::string& where) {
  if (votable.empty()) return;
  Table fields;
  try {
    fields = parse_votable(votable, where);
  } catch (const Error&) {  // a file of others: its columns can be read without
    return;
  }
  table.name = fields.name;
  table.keywords = fields.keywords;
  for (Column& c : table.columns)
    if (const Column* field = fields.find(c.name)) c.unit = field->unit, c.ucd = field->ucd, c.description = field->description;
}

}  // namespace

std::string parquet_library() { return module().write ? module().arrow() : ""; }

void require_parquet() {
  if (module().write) return;
  throw UsageError{fmt::format("this build reads and writes no Parquet: Apache Arrow was not there when it was made{}; run scripts/arrow.sh and build again, or choose fits, votable, ecsv or ipac", module().why.empty() ? "" : " (" + module().why + ")")};
}

Table read_parquet(const fs::path& path) {
  require_parquet();
  Table table;
  std::string votable, error;
  if (module().read(path.c_str(), &table, &votable, &error) != 0) throw DataError{fmt::format("{}: not a Parquet table that can be read: {}", path.string(), error)};
  for (std::string& comment : table.comments) comment = std::string{detail::left_out_mark} + comment;
  describe_columns(table, votable, path.string());
  return table;
}

void write_parquet(const Table& table, const fs::path& path) {
  require_parquet();
  const fs::path unfinished = files::temporary_name(path);
  std::string error;
  if (module().write(&table, format_votable_fields(table).c_str(), unfinished.c_str(), &error) != 0) {
    std::error_code ignored;
    fs::remove(unfinished, ignored);
    throw SystemError{fmt::format("{}: cannot be written: {}", path.string(), error)};
  }
  files::commit(unfinished, path);
}

namespace {

/// Groups of rows are those of the whole table, however it comes in pieces.
class ParquetStream : public TableStream {
 public:
  ParquetStream(Table widest, const fs::path& path) : path_{path}, temporary_{files::temporary_name(path)}, columns_{std::move(widest)} {
    require_parquet();
    file_ = module().begin(&columns_, format_votable_fields(columns_).c_str(), temporary_.c_str(), &error_);
    check(file_ != nullptr);
  }
  ~ParquetStream() override {
    if (file_) module().abandon(file_);
    std::error_code ignored;
    if (!committed_) fs::remove(temporary_, ignored);
  }
  Piece make(Table part) const override {
    detail::require_columns(part, columns_, path_);
    const auto rows = static_cast<std::int64_t>(part.rows());
    return {{}, std::move(part), rows};
  }
  void add(Piece piece) override {
    const auto group = static_cast<std::size_t>(module().rows());
    for (std::size_t from = 0, all = piece.table.rows(); from < all;) {
      const auto to = std::min(all, from + group - held_.rows());
      take(piece.table, from, to);
      from = to;
      if (held_.rows() == group) flush();
    }
  }
  void close() override {
    if (held_.rows() > 0) flush();
    check(module().end(std::exchange(file_, nullptr), &error_) == 0);
    files::commit(temporary_, path_);
    committed_ = true;
  }

 private:
  void take(const Table& from, std::size_t first, std::size_t last) {
    if (held_.columns.empty())
      for (const Column& c : from.columns) held_.columns.push_back({c.name, std::visit([](const auto& v) -> Column::Data { return std::decay_t<decltype(v)>{}; }, c.data), {}, {}, {}, {}});
    for (std::size_t i = 0; i < from.columns.size(); ++i)
      std::visit([&](const auto& values) {
        auto& to = std::get<std::decay_t<decltype(values)>>(held_.columns[i].data);
        to.insert(to.end(), values.begin() + static_cast<std::ptrdiff_t>(first), values.begin() + static_cast<std::ptrdiff_t>(last));
      }, from.columns[i].data);
  }
  void flush() {
    check(module().add(file_, &held_, &error_) == 0);
    held_ = {};
  }
  void check(bool done) const {
    if (!done) throw SystemError{fmt::format("{}: cannot be written: {}", path_.string(), error_)};
  }
  fs::path path_, temporary_;
  const Table columns_;
  std::string error_;
  void* file_ = nullptr;
  Table held_;
  bool committed_ = false;
};

}  // namespace

std::unique_ptr<TableStream> detail::parquet_stream(Table widest, const fs::path& path) { return std::make_unique<ParquetStream>(std::move(widest), path); }

}  // namespace tessera::io
