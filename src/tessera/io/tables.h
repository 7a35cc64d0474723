/// io/tables.h — tables in and out of files: IPAC (.tbl), VOTable (.xml .vot), ECSV (.ecsv), FITS (.fits), Parquet (.parquet), chosen by name.
#pragma once
#include <filesystem>
#include <optional>
#include <string>

#include "tessera/core/table.h"

namespace tessera::io {

enum class TableFormat { ipac, votable, ecsv, fits, parquet };

std::optional<TableFormat> format_of(const std::filesystem::path& path);   ///< by suffix
TableFormat table_format(const std::string& name);                        ///< throws UsageError with the list, or when this build has no Parquet
std::string_view suffix_of(TableFormat format);                           ///< ".fits", ".tbl", ".xml", ".ecsv"

/// By content where that tells, else by suffix. Throws DataError with path and line.
Table read_table(const std::filesystem::path& path);
/// Whole file or nothing. Throws UsageError when the format cannot hold a column, SystemError on writing.
void write_table(const Table& table, const std::filesystem::path& path, TableFormat format);

// Text forms, for tests and for writing into other containers. `where` is the path named in messages.
Table parse_ipac(std::string_view text, const std::string& where);
std::string format_ipac(const Table& table);
Table parse_votable(std::string_view text, const std::string& where);
std::string format_votable(const Table& table);
std::string format_votable_fields(const Table& table);   ///< without DATA
Table parse_ecsv(std::string_view text, const std::string& where);
std::string format_ecsv(const Table& table);

}  // namespace tessera::io
