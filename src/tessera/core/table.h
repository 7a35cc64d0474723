/// core/table.h — a table with typed, documented columns; knows no file format.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "tessera/core/header.h"

namespace tessera {

/// One column. A row is null where `null` is non-empty and true there; NaN in a double column is a value of its own.
struct Column {
  using Data = std::variant<std::vector<double>, std::vector<float>, std::vector<std::int64_t>, std::vector<std::int32_t>,
                            std::vector<std::uint8_t> /* logical: 0 or 1 */, std::vector<std::string>>;
  std::string name;
  Data data;
  std::string unit;         ///< VOUnits where possible, "" for none
  std::string ucd;          ///< UCD1+, "" for none
  std::string description;
  std::vector<bool> null;   ///< empty: no nulls
  std::size_t size() const;
  bool is_null(std::size_t row) const { return !null.empty() && null[row]; }
};

class Table {
 public:
  std::vector<Column> columns;
  std::vector<Card> keywords;          ///< table-level keywords, in order; Card::comment holds a remark
  std::vector<std::string> comments;   ///< free text lines
  std::string name;

  std::size_t rows() const { return columns.empty() ? 0 : columns.front().size(); }
  const Column* find(std::string_view column_name) const;  ///< exact name, then case-insensitive; null if absent
  const Card* keyword(std::string_view key) const;
  /// Appends a column; throws UsageError when its length differs from the table's.
  Column& add(Column column);
  template <class T>
  Column& add(std::string column_name, std::vector<T> data, std::string unit = {}, std::string description = {},
              std::string ucd = {}) {
    Column c;
    c.name = std::move(column_name);
    c.data = std::move(data);
    c.unit = std::move(unit);
    c.description = std::move(description);
    c.ucd = std::move(ucd);
    return add(std::move(c));
  }
  /// Any numeric column as doubles (null becomes NaN); throws DataError naming the column when absent or text.
  std::vector<double> numbers(std::string_view column_name) const;
  /// Any column as text; throws DataError naming the column when absent.
  std::vector<std::string> texts(std::string_view column_name) const;
};

}  // namespace tessera
