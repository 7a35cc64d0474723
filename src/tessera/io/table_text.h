/// io/table_text.h — cells and keywords of tables as text, shared by the text formats. Internal to io.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/table.h"

namespace tessera::io::detail {

/// How a format spells the numbers that have no digits.
struct Spelling {
  std::string_view nan = "NaN", positive_infinity = "Inf", negative_infinity = "-Inf", yes = "true", no = "false";
};
/// Shortest text that reads back to the same value of the column's type. Not for null cells.
std::string cell_text(const Column& column, std::size_t row, const Spelling& spelling);
std::string number_text(double value, const Spelling& spelling);

/// Collects a column from text cells.
class CellReader {
 public:
  enum class Type { logical, int32, int64, float32, float64, text };
  CellReader(Column described, Type type) : column_{std::move(described)}, type_{type} {}
  /// False when the text is no value of this type.
  bool add(std::string_view cell);
  void add_null();
  std::size_t size() const { return count_; }
  Type type() const { return type_; }
  /// Whole numbers declared 32-bit that do not fit make the column 64-bit. Without `trust_float32` a column
  /// declared float stays double when its text says more than a float holds.
  Column finish(bool trust_float32 = true) &&;
  const Column& described() const { return column_; }

 private:
  Column column_;
  Type type_;
  std::size_t count_ = 0;
  std::vector<std::int64_t> integers_;
  std::vector<double> reals_;
  std::vector<std::uint8_t> logicals_;
  std::vector<std::string> texts_;
};

CellReader::Type type_of(const Column& column);
/// The narrowest of int32 … int64, float64, text that holds all cells (empty cells count for nothing).
CellReader::Type inferred_type(const std::vector<std::string>& cells);

/// A keyword's value from bare text: T or F, a whole number, a number, else the text.
Card::Value inferred_value(std::string_view text);

}  // namespace tessera::io::detail
