#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <unordered_set>

#include "tessera/base/error.h"
#include "tessera/io/array_columns.h"
#include "tessera/io/bytes.h"
#include "tessera/io/fits_table.h"

namespace tessera::io::detail {
namespace {

/// A value that the column does not hold: the lowest of its type, or the next free one above.
template <class T>
std::int64_t free_value(const std::vector<T>& values) {
  const std::unordered_set<T> used{values.begin(), values.end()};
  T candidate = std::numeric_limits<T>::min();
  while (used.contains(candidate)) ++candidate;
  return candidate;
}

StoredColumn plan(const Column& column) {
  StoredColumn s{&column, {}, 0, 0};
  const bool nulls = std::find(column.null.begin(), column.null.end(), true) != column.null.end();
  std::visit(
      [&](const auto& values) {
        using T = typename std::decay_t<decltype(values)>::value_type;
        s.bytes = sizeof(T);
        if constexpr (std::is_same_v<T, double>) s.form = "D";
        else if constexpr (std::is_same_v<T, float>) s.form = "E";
        else if constexpr (std::is_same_v<T, std::uint8_t>) s.form = "L";
        else if constexpr (std::is_same_v<T, std::string>) {
          s.bytes = 1;
          for (const std::string& v : values) s.bytes = std::max(s.bytes, v.size());
          s.form = fmt::format("{}A", s.bytes);
        } else {
          s.form = sizeof(T) == 8 ? "K" : "J";
          if (nulls) s.null = free_value(values);
        }
      },
      column.data);
  return s;
}

void check(const Column& column) {
  if (column.name.empty()) throw UsageError{"a FITS table needs a name for each column"};
  const auto* values = std::get_if<std::vector<std::string>>(&column.data);
  if (!values) return;
  // FITS text is ASCII; UTF-8 letters are let through because readers show them, a zero byte would end the text.
  for (const std::string& v : *values)
    if (v.find('\0') != std::string::npos) throw UsageError{fmt::format("column {}: a FITS table cannot hold text with a zero byte", column.name)};
}

template <class T>
void store_be(char* to, T value) {
  using U = typename UnsignedOf<sizeof(T)>::type;
  const U u = swap_bytes(std::bit_cast<U>(value));
  std::memcpy(to, &u, sizeof u);
}

/// Cells of rows from … to − 1, the first at `out`, each `stride` bytes behind the one before; what is not written is zero.
void put_cells(char* out, std::size_t stride, const StoredColumn& s, std::size_t from, std::size_t to) {
  std::visit(
      [&](const auto& values) {
        using T = typename std::decay_t<decltype(values)>::value_type;
        for (std::size_t row = from; row < to; ++row, out += stride) {
          const bool null = s.column->is_null(row);
          if constexpr (std::is_same_v<T, std::string>) {
            if (!null) std::ranges::copy(values[row], out);  // readers drop the zero bytes behind; blanks some of them show
          } else if constexpr (std::is_same_v<T, std::uint8_t>) {
            *out = null ? '\0' : values[row] ? 'T' : 'F';
          } else if constexpr (std::is_floating_point_v<T>) {
            store_be<T>(out, null ? std::numeric_limits<T>::quiet_NaN() : values[row]);
          } else {
            store_be<T>(out, null ? static_cast<T>(s.null) : values[row]);
          }
        }
      },
      s.column->data);
}

void add_cards(Header& cards, const StoredColumn& s, int number) {
  const auto key = [&](const char* stem) { return stem + std::to_string(number); };
  const bool nulls = std::find(s.column->null.begin(), s.column->null.end(), true) != s.column->null.end();
  if (nulls && (s.form == "K" || s.form == "J")) cards.set(key("TNULL"), s.null);
  if (!s.column->ucd.empty()) cards.set(key("TUCD"), s.column->ucd);
  if (!s.column->description.empty()) cards.set(key("TCOMM"), s.column->description);
}

/// The array that starts at column `first`, or nothing: its elements must follow one another and be numbers of one type.
struct Array {
  std::string name, shape;
  std::size_t elements = 0;
};
std::optional<Array> array_at(const Table& table, std::size_t first) {
  const std::string& column = table.columns[first].name;
  if (!column.ends_with("_1")) return {};
  Array array;
  array.name = column.substr(0, column.size() - 2);
  array.elements = static_cast<std::size_t>(array_elements(table, array.name));
  if (array.elements == 0) return {};
  array.shape = std::get<std::string>(table.keyword(std::string{array_mark} + array.name)->value);
  for (std::size_t i = 0; i < array.elements; ++i) {
    const Column* element = first + i < table.columns.size() ? &table.columns[first + i] : nullptr;
    if (!element || element->name != fmt::format("{}_{}", array.name, i + 1) || element->data.index() != table.columns[first].data.index())
      throw UsageError{fmt::format("array column {}{}: element {} is absent or of another type", array.name, array.shape, i + 1)};
    const bool text = std::holds_alternative<std::vector<std::string>>(element->data);
    if (text || std::find(element->null.begin(), element->null.end(), true) != element->null.end())
      throw UsageError{fmt::format("array column {}{}: element {} is text or has missing values; arrays hold numbers", array.name, array.shape, i + 1)};
  }
  return array;
}

}  // namespace

EncodedTable encode_table(const Table& table) {
  EncodedTable out;
  out.rows = static_cast<std::int64_t>(table.rows());
  auto& plans = out.columns;
  for (std::size_t i = 0; i < table.columns.size();) {
    const std::optional<Array> array = array_at(table, i);
    const std::size_t elements = array ? array->elements : 1;
    const Column& column = table.columns[i];
    for (std::size_t k = 0; k < elements; ++k) {
      check(table.columns[i + k]);
      plans.push_back(plan(table.columns[i + k]));
    }
    const StoredColumn& first = plans[plans.size() - elements];
    out.names.push_back(array ? array->name : column.name);
    out.forms.push_back(array ? fmt::format("{}{}", elements, first.form) : first.form);
    out.units.push_back(column.unit);
    const int number = static_cast<int>(out.names.size());
    if (array) out.column_cards.set(fmt::format("TDIM{}", number), array->shape);
    add_cards(out.column_cards, first, number);
    i += elements;
  }
  if (out.names.size() > 999) throw UsageError{fmt::format("a FITS table holds at most 999 columns, not {}", out.names.size())};
  for (const auto& s : plans) out.row_bytes += s.bytes;
  return out;
}

std::string encode_rows(const EncodedTable& table, std::int64_t from, std::int64_t to) {
  std::string out(static_cast<std::size_t>(to - from) * table.row_bytes, '\0');
  constexpr std::size_t at_once = 64;  // rows that stay in the processor's nearest cache while their columns are written
  for (auto row = static_cast<std::size_t>(from), end = static_cast<std::size_t>(to); row < end; row += at_once) {
    char* cell = out.data() + (row - static_cast<std::size_t>(from)) * table.row_bytes;
    for (const auto& s : table.columns) {
      put_cells(cell, table.row_bytes, s, row, std::min(row + at_once, end));
      cell += s.bytes;
    }
  }
  return out;
}

}  // namespace tessera::io::detail
