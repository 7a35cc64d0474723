/// io/array_columns.h — columns of fixed-size arrays in FITS tables (WCS-WAVE's VALUES[2,nx,ny], an EPSF of 33×33 in every row).
/// A Table holds such a column as read_table() gives it back: one column per element, name_1 … name_n, the first axis running fastest.
/// A keyword of the table marks them as one array; FitsWriter then stores one column with TDIM, other formats the n columns.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/table.h"

namespace tessera::io {

/// What describes an array column besides its numbers; `shape` as TDIM has it, the first axis fastest.
struct ArrayColumn {
  std::string name;
  std::vector<std::int64_t> shape;
  std::string unit = {}, description = {};
};

/// Appends the column; `values` holds whole rows one after the other. Throws UsageError when the shape is empty or not positive, when
/// the values are no whole number of rows, or when the rows are not as many as those of the columns already there.
void add_array(Table& table, const ArrayColumn& column, std::span<const double> values);
void add_array(Table& table, const ArrayColumn& column, std::span<const float> values);
void add_array(Table& table, const ArrayColumn& column, std::span<const std::int32_t> values);

/// Elements per row of the array column `name`: 0 when the table marks no such array.
std::int64_t array_elements(const Table& table, std::string_view name);

/// Keyword that marks the columns name_1 … name_n as one array, its value "(2,9,14)"; not stored as a card of its own.
inline constexpr std::string_view array_mark = "ARRAY ";

}  // namespace tessera::io
