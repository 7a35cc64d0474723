/// io/table_pieces.h — a FITS table of which only a part is in memory at a time.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>

#include "tessera/core/table.h"

namespace tessera::io {

/// Rows from … to − 1.
using TablePiece = std::function<Table(std::int64_t from, std::int64_t to)>;

/// The same file, to the byte, as write_table() of the whole. `widest`: a table with the columns, name and cards of the whole; of each column of text it holds the longest, as that says how wide the column is. Missing values are not
/// held, nor text wider than in `widest`, nor other columns: UsageError. Whole file or nothing. Throws SystemError on writing.
void write_fits_table(const Table& widest, std::int64_t rows, const TablePiece& piece, const std::filesystem::path& path);

}  // namespace tessera::io
