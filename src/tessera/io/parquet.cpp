#include "tessera/io/parquet.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <cstdlib>
#include <vector>

#include "tessera/base/error.h"
#include "tessera/base/files.h"
#include "tessera/io/fits_table.h"
#include "tessera/io/parquet_module_private.h"
#include "tessera/io/tables.h"

namespace tessera::io {
namespace {

namespace fs = std::filesystem;

struct Module {
  decltype(&tessera_parquet_library) library = nullptr;
  decltype(&tessera_parquet_write) write = nullptr;
  decltype(&tessera_parquet_read) read = nullptr;
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
    m.library = reinterpret_cast<decltype(m.library)>(dlsym(handle, "tessera_parquet_library"));
    m.write = reinterpret_cast<decltype(m.write)>(dlsym(handle, "tessera_parquet_write"));
    m.read = reinterpret_cast<decltype(m.read)>(dlsym(handle, "tessera_parquet_read"));
    if (m.library && m.write && m.read) return m;
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

std::string parquet_library() { return module().write ? module().library() : ""; }

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

}  // namespace tessera::io
