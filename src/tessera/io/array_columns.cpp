#include "tessera/io/array_columns.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>

#include "tessera/base/error.h"

namespace tessera::io {
namespace {

std::int64_t product(const ArrayColumn& column) {
  std::int64_t n = column.shape.empty() ? 0 : 1;
  for (const std::int64_t length : column.shape) {
    if (length < 1) throw UsageError{fmt::format("array column {}: an axis of length {}; axes have at least one element", column.name, length)};
    if (n > INT32_MAX / length) throw UsageError{fmt::format("array column {}: more than {} elements in a row", column.name, INT32_MAX)};
    n *= length;
  }
  if (n == 0) throw UsageError{fmt::format("array column {}: no shape given; one axis at least is needed", column.name)};
  return n;
}

template <class T>
void append(Table& table, const ArrayColumn& column, std::span<const T> values) {
  const std::int64_t n = product(column);
  const auto elements = static_cast<std::size_t>(n);
  if (values.size() % elements != 0)
    throw UsageError{fmt::format("array column {}: {} values are no whole number of rows of {}", column.name, values.size(), n)};
  const std::size_t rows = values.size() / elements;
  if (!table.columns.empty() && table.rows() != rows)
    throw UsageError{fmt::format("array column {}: {} rows, the table has {}", column.name, rows, table.rows())};
  Card mark;
  mark.key = std::string{array_mark} + column.name;
  mark.value = fmt::format("({})", fmt::join(column.shape, ","));
  table.keywords.push_back(std::move(mark));
  for (std::size_t i = 0; i < elements; ++i) {
    std::vector<T> element(rows);
    for (std::size_t row = 0; row < rows; ++row) element[row] = values[row * elements + i];
    table.add(fmt::format("{}_{}", column.name, i + 1), std::move(element), column.unit, column.description);
  }
}

}  // namespace

void add_array(Table& table, const ArrayColumn& column, std::span<const double> values) { append(table, column, values); }
void add_array(Table& table, const ArrayColumn& column, std::span<const float> values) { append(table, column, values); }
void add_array(Table& table, const ArrayColumn& column, std::span<const std::int32_t> values) { append(table, column, values); }

std::int64_t array_elements(const Table& table, std::string_view name) {
  const Card* mark = table.keyword(std::string{array_mark} + std::string{name});
  const std::string* text = mark ? std::get_if<std::string>(&mark->value) : nullptr;
  if (!text || text->size() < 3) return 0;
  std::int64_t n = 1;
  const char* at = text->data() + 1;
  const char* const end = text->data() + text->size();
  while (at < end) {
    std::int64_t length = 0;
    const auto [next, error] = std::from_chars(at, end, length);
    if (error != std::errc{} || length < 1 || n > INT32_MAX / length) return 0;
    n *= length;
    at = next + 1;  // past the comma or the bracket
  }
  return n;
}

}  // namespace tessera::io
