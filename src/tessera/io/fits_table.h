/// io/fits_table.h — binary and ASCII FITS tables to and from core's Table. Internal to io.
/// What a Table cannot hold (columns of variable length, complex numbers) is left out, and a comment of the table says so.
#pragma once
#include <string>
#include <vector>

#include "tessera/core/table.h"
#include "tessera/io/fits_layout.h"

namespace tessera::io::detail {

Table read_fits_table(const ByteSource& source, const HduLayout& hdu, const std::string& where);

/// How one column, or one element of an array column, is stored.
struct StoredColumn {
  const Column* column = nullptr;
  std::string form;
  std::size_t bytes = 0;
  std::int64_t null = 0;  // stands for a missing integer
};

/// A binary table ready to be stored: TTYPEn, TFORMn, TUNITn and the other cards of columns. Looks at the table, which must outlive it.
struct EncodedTable {
  std::int64_t rows = 0;
  std::size_t row_bytes = 0;
  std::vector<std::string> names, forms, units;
  Header column_cards;
  std::vector<StoredColumn> columns;
};
/// Throws UsageError when a column cannot be held.
EncodedTable encode_table(const Table& table);
/// Rows from … to − 1 as big-endian bytes.
std::string encode_rows(const EncodedTable& table, std::int64_t from, std::int64_t to);

/// A comment about a column that a Table cannot hold starts with this; convert turns it into a caveat.
inline constexpr std::string_view left_out_mark = "left out: ";

}  // namespace tessera::io::detail
