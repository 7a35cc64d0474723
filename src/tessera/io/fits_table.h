/// io/fits_table.h — binary and ASCII FITS tables to and from core's Table. Internal to io.
/// What a Table cannot hold (columns of variable length, complex numbers) is left out, and a comment of the table says so.
#pragma once
#include <string>
#include <vector>

#include "tessera/core/table.h"
#include "tessera/io/fits_layout.h"

namespace tessera::io::detail {

Table read_fits_table(const ByteSource& source, const HduLayout& hdu, const std::string& where);

/// A binary table ready to be stored: TTYPEn, TFORMn, TUNITn, the other cards of columns, and rows of big-endian bytes.
struct EncodedTable {
  std::int64_t rows = 0;
  std::vector<std::string> names, forms, units;
  Header column_cards;
  std::string bytes;
};
/// Throws UsageError when a column cannot be held.
EncodedTable encode_table(const Table& table);

/// A comment about a column that a Table cannot hold starts with this; convert turns it into a caveat.
inline constexpr std::string_view left_out_mark = "left out: ";

}  // namespace tessera::io::detail
