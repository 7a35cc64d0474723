#include "tessera/io/tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "tessera/base/error.h"
#include "tessera/base/files.h"
#include "tessera/base/text.h"
#include "tessera/io/byte_source.h"
#include "tessera/io/csv.h"
#include "tessera/io/fits.h"
#include "tessera/io/parquet.h"

namespace tessera::io {
namespace {

constexpr std::int64_t text_limit_bytes = std::int64_t{2} << 30;

constexpr std::array<std::pair<std::string_view, TableFormat>, 14> suffixes{{{".tbl", TableFormat::ipac},
                                                                             {".ipac", TableFormat::ipac},
                                                                             {".xml", TableFormat::votable},
                                                                             {".vot", TableFormat::votable},
                                                                             {".votable", TableFormat::votable},
                                                                             {".ecsv", TableFormat::ecsv},
                                                                             {".fits", TableFormat::fits},
                                                                             {".fit", TableFormat::fits},
                                                                             {".fts", TableFormat::fits},
                                                                             {".cat", TableFormat::fits},
                                                                             {".ldac", TableFormat::fits},
                                                                             {".mt", TableFormat::fits},
                                                                             {".parquet", TableFormat::parquet},
                                                                             {".parq", TableFormat::parquet}}};

std::optional<TableFormat> format_by_content(std::string_view text) {
  if (text.starts_with("SIMPLE  =")) return TableFormat::fits;
  if (text.starts_with("PAR1")) return TableFormat::parquet;
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  if (text.starts_with("# %ECSV")) return TableFormat::ecsv;
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return std::nullopt;
  text.remove_prefix(first);
  if (text.starts_with("<?xml") || text.starts_with("<VOTABLE") || text.starts_with("<!--")) return TableFormat::votable;
  if (text.front() == '\\' || text.front() == '|') return TableFormat::ipac;
  return std::nullopt;
}

/// The table of a FITS file: SExtractor's LDAC keeps its header in a table before the objects; otherwise the first one.
Table read_fits(const std::filesystem::path& path) {
  const FitsFile file{path};
  std::optional<int> chosen = file.find("LDAC_OBJECTS");
  for (const HduInfo& hdu : file.hdus())
    if (!chosen && hdu.kind == HduInfo::Kind::table) chosen = hdu.index;
  if (!chosen) throw DataError{path.string() + ": a FITS file without a table"};
  return file.read_table(*chosen);
}

}  // namespace

std::optional<TableFormat> format_of(const std::filesystem::path& path) {
  std::string name = text::lower(path.filename().string());
  if (name.ends_with(".gz")) name.resize(name.size() - 3);
  for (const auto& [suffix, format] : suffixes)
    if (name.ends_with(suffix)) return format;
  return std::nullopt;
}

TableFormat table_format(const std::string& name) {
  const std::vector<std::string> names{"ipac", "votable", "ecsv", "fits", "parquet"};
  for (std::size_t i = 0; i < names.size(); ++i)
    if (text::lower(name) == names[i]) {
      if (static_cast<TableFormat>(i) == TableFormat::parquet) require_parquet();
      return static_cast<TableFormat>(i);
    }
  const std::string near = text::nearest(name, names);
  throw UsageError{fmt::format("\"{}\" is not a table format (ipac, votable, ecsv, fits, parquet){}", name, near.empty() ? "" : fmt::format("; did you mean {}?", near))};
}

std::string_view suffix_of(TableFormat format) {
  const auto first = std::ranges::find(suffixes, format, &std::pair<std::string_view, TableFormat>::second);
  return first->first;
}

Table read_table(const std::filesystem::path& path) {
  const std::string where = path.string();
  const detail::ByteSource source{path};
  std::vector<std::byte> buffer;
  const auto head_size = static_cast<std::size_t>(std::min<std::int64_t>(source.size(), 4096));
  std::optional<TableFormat> format = format_by_content({reinterpret_cast<const char*>(source.at(0, head_size, buffer)), head_size});
  if (!format) format = format_of(path);
  const std::string name = text::lower(path.filename().string());
  const bool csv = !format && (name.ends_with(".csv") || name.ends_with(".csv.gz"));
  if ((!format && !csv) || source.size() == 0) throw DataError{fmt::format("{}: not a table in one of the formats IPAC, VOTable, ECSV, CSV, FITS, Parquet", where)};
  if (csv) format = TableFormat::ecsv;  // a text format of unknown size as well
  if (*format == TableFormat::fits) return read_fits(path);
  if (*format == TableFormat::parquet) return read_parquet(path);
  if (source.size() > text_limit_bytes)
    throw DataError{fmt::format("{}: {} bytes are too much for a text table; convert it to FITS first", where, detail::grouped(source.size()))};
  const auto size = static_cast<std::size_t>(source.size());
  std::string_view text{reinterpret_cast<const char*>(source.at(0, size, buffer)), size};
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  if (csv) return parse_csv(text, where);
  switch (*format) {
    case TableFormat::ipac: return parse_ipac(text, where);
    case TableFormat::votable: return parse_votable(text, where);
    default: return parse_ecsv(text, where);
  }
}

void write_table(const Table& table, const std::filesystem::path& path, TableFormat format) {
  switch (format) {
    case TableFormat::ipac: files::write_atomic(path, format_ipac(table)); break;
    case TableFormat::votable: files::write_atomic(path, format_votable(table)); break;
    case TableFormat::ecsv: files::write_atomic(path, format_ecsv(table)); break;
    case TableFormat::fits: {
      FitsWriter writer{path};
      writer.add_table(table);
      writer.close();
      break;
    }
    case TableFormat::parquet: write_parquet(table, path); break;
  }
}

}  // namespace tessera::io
