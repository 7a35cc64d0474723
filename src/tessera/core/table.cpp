#include "tessera/core/table.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <type_traits>

#include "tessera/base/error.h"
#include "tessera/base/text.h"

namespace tessera {
namespace {

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && text::starts_with_nocase(a, b);
}

const Column& require(const Table& table, std::string_view column_name) {
  if (const Column* column = table.find(column_name)) return *column;
  std::vector<std::string> names;
  for (const auto& column : table.columns) names.push_back(column.name);
  const std::string label = table.name.empty() ? "table" : "table " + table.name;
  throw DataError{fmt::format("{}: column '{}' not found; it has {}", label, column_name,
                              names.empty() ? "no columns" : text::join(names, ", "))};
}

template <class T>
std::string element_text(const T& value) {
  if constexpr (std::is_same_v<T, std::string>) {
    return value;
  } else if constexpr (std::is_same_v<T, std::uint8_t>) {
    return value ? "T" : "F";
  } else {
    return fmt::format("{}", value);
  }
}

}  // namespace

std::size_t Column::size() const {
  return std::visit([](const auto& values) { return values.size(); }, data);
}

const Column* Table::find(std::string_view column_name) const {
  for (const auto& column : columns) {
    if (column.name == column_name) return &column;
  }
  for (const auto& column : columns) {
    if (same_name(column.name, column_name)) return &column;
  }
  return nullptr;
}

const Card* Table::keyword(std::string_view key) const {
  for (const auto& card : keywords) {
    if (same_name(card.key, key)) return &card;
  }
  return nullptr;
}

Column& Table::add(Column column) {
  if (!columns.empty() && column.size() != rows()) {
    throw UsageError{
        fmt::format("column '{}' has {} rows, the table has {}", column.name, column.size(), rows())};
  }
  if (!column.null.empty() && column.null.size() != column.size()) {
    throw UsageError{fmt::format("column '{}' has {} rows but {} null marks", column.name, column.size(), column.null.size())};
  }
  return columns.emplace_back(std::move(column));
}

std::vector<double> Table::numbers(std::string_view column_name) const {
  const Column& column = require(*this, column_name);
  std::vector<double> result;
  result.reserve(column.size());
  std::visit(
      [&](const auto& values) {
        using T = typename std::decay_t<decltype(values)>::value_type;
        if constexpr (std::is_same_v<T, std::string>) {
          throw DataError{fmt::format("column '{}' holds text, numbers are needed", column.name)};
        } else {
          for (const T value : values) result.push_back(static_cast<double>(value));
        }
      },
      column.data);
  for (std::size_t row = 0; row < result.size(); ++row) {
    if (column.is_null(row)) result[row] = std::numeric_limits<double>::quiet_NaN();
  }
  return result;
}

std::vector<std::string> Table::texts(std::string_view column_name) const {
  const Column& column = require(*this, column_name);
  std::vector<std::string> result;
  result.reserve(column.size());
  std::visit(
      [&](const auto& values) {
        for (std::size_t row = 0; row < values.size(); ++row) {
          result.push_back(column.is_null(row) ? std::string{} : element_text(values[row]));
        }
      },
      column.data);
  return result;
}

}  // namespace tessera
