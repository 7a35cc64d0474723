/// io/table_stream.h — a table that is written row by row: only pieces of it are in memory. The file is the same, to the byte, as write_table() makes of the whole.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "tessera/core/table.h"
#include "tessera/io/tables.h"

namespace tessera::io {

class TableStream {
 public:
  virtual ~TableStream() = default;

  /// Rows as they will stand in the file.
  struct Piece {
    std::string bytes;
    Table table;             ///< where the format's library makes the bytes
    std::int64_t rows = 0;
  };

  /// Whether look() wants to see all pieces before the first add(): the widths of IPAC's columns.
  virtual bool looks_first() const { return false; }
  virtual void look(const Table&) {}
  /// Safe from many threads. Throws UsageError: other columns than `widest`, missing values, text wider than in `widest` (FITS).
  virtual Piece make(Table part) const = 0;
  /// In the order of rows. Throws SystemError.
  virtual void add(Piece piece) = 0;
  /// Gives the file its name; without it nothing is left.
  virtual void close() = 0;
};

/// `widest`: a table with the columns, name and cards of the whole; of each column of text it holds the longest, one that is not ASCII and those that begin with "null", where there are such. `rows`: of the whole.
/// Missing values are not held. Throws UsageError when the format cannot hold a column.
std::unique_ptr<TableStream> open_table_stream(Table widest, std::int64_t rows, const std::filesystem::path& path, TableFormat format);

}  // namespace tessera::io
