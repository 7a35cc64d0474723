/// io/parquet.h — tables as Parquet, by Apache Arrow's library, which a build may lack: it stands in a module beside the program that is loaded when a table asks for it.
/// Written by VOParquet 1.0 (IVOA Note 2025-01-16): units, UCDs and descriptions as a VOTable without rows among the file's keys.
#pragma once
#include <filesystem>
#include <string>

#include "tessera/core/table.h"

namespace tessera::io {

/// "Arrow 26.0.1", or "" when there is no module.
std::string parquet_library();
/// Throws UsageError when there is no module; for steps that would find out only at their end.
void require_parquet();
/// Columns of dates, lists and structures are left out, which a comment of the table says. Throws DataError with the path.
Table read_parquet(const std::filesystem::path& path);
/// Whole file or nothing; zstd. Throws SystemError on writing.
void write_parquet(const Table& table, const std::filesystem::path& path);

}  // namespace tessera::io
