#include "tessera/io/table_text.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "tessera/base/text.h"

namespace tessera::io::detail {
namespace {

template <class T>
std::string real_text(T value, const Spelling& s) {
  if (std::isnan(value)) return std::string{s.nan};
  if (std::isinf(value)) return std::string{value > 0 ? s.positive_infinity : s.negative_infinity};
  return fmt::format("{}", value);
}

std::optional<double> to_real(std::string_view cell) {
  const std::string word = text::lower(cell);
  if (word == "nan" || word == "+nan" || word == "-nan") return std::numeric_limits<double>::quiet_NaN();
  if (word == "inf" || word == "+inf" || word == "infinity" || word == "+infinity") return std::numeric_limits<double>::infinity();
  if (word == "-inf" || word == "-infinity") return -std::numeric_limits<double>::infinity();
  return text::to_double(cell);
}

std::optional<std::uint8_t> to_logical(std::string_view cell) {
  const std::string word = text::lower(cell);
  if (word == "t" || word == "true" || word == "1") return std::uint8_t{1};
  if (word == "f" || word == "false" || word == "0") return std::uint8_t{0};
  return std::nullopt;
}

/// "1.25" says no more than the float nearest to it; "329.129598" does.
bool fits_float(double value) {
  if (!std::isfinite(value)) return true;
  const auto narrow = static_cast<float>(value);
  return static_cast<double>(narrow) == value || text::to_double(fmt::format("{}", narrow)) == value;
}

}  // namespace

std::string number_text(double value, const Spelling& spelling) { return real_text(value, spelling); }

std::string cell_text(const Column& column, std::size_t row, const Spelling& spelling) {
  return std::visit(
      [&](const auto& values) -> std::string {
        using T = typename std::decay_t<decltype(values)>::value_type;
        if constexpr (std::is_same_v<T, std::string>) return values[row];
        else if constexpr (std::is_same_v<T, std::uint8_t>) return std::string{values[row] ? spelling.yes : spelling.no};
        else if constexpr (std::is_floating_point_v<T>) return real_text(values[row], spelling);
        else return fmt::format("{}", values[row]);
      },
      column.data);
}

bool CellReader::add(std::string_view cell) {
  switch (type_) {
    case Type::text: texts_.emplace_back(cell); break;
    case Type::logical: {
      const auto value = to_logical(text::trim(cell));
      if (!value) return false;
      logicals_.push_back(*value);
      break;
    }
    case Type::int32:
    case Type::int64: {
      const auto value = text::to_integer(text::trim(cell));
      if (!value) return false;
      integers_.push_back(*value);
      break;
    }
    default: {
      const auto value = to_real(text::trim(cell));
      if (!value) return false;
      reals_.push_back(*value);
    }
  }
  ++count_;
  if (!column_.null.empty()) column_.null.push_back(false);
  return true;
}

void CellReader::add_null() {
  column_.null.resize(count_, false);
  column_.null.push_back(true);
  ++count_;
  switch (type_) {
    case Type::text: texts_.emplace_back(); break;
    case Type::logical: logicals_.push_back(0); break;
    case Type::int32:
    case Type::int64: integers_.push_back(0); break;
    default: reals_.push_back(std::numeric_limits<double>::quiet_NaN());
  }
}

Column CellReader::finish(bool trust_float32) && {
  switch (type_) {
    case Type::text: column_.data = std::move(texts_); break;
    case Type::logical: column_.data = std::move(logicals_); break;
    case Type::int32:
    case Type::int64: {
      bool narrow = type_ == Type::int32;
      for (const std::int64_t v : integers_) narrow = narrow && v == static_cast<std::int32_t>(v);
      if (narrow) column_.data = std::vector<std::int32_t>(integers_.begin(), integers_.end());
      else column_.data = std::move(integers_);
      break;
    }
    default: {
      bool narrow = type_ == Type::float32;
      if (narrow && !trust_float32)
        for (const double v : reals_) narrow = narrow && fits_float(v);
      if (narrow) {
        std::vector<float> floats;
        floats.reserve(reals_.size());
        for (const double v : reals_) floats.push_back(static_cast<float>(v));
        column_.data = std::move(floats);
      } else {
        column_.data = std::move(reals_);
      }
    }
  }
  return std::move(column_);
}

CellReader::Type type_of(const Column& column) {
  using Type = CellReader::Type;
  constexpr Type types[] = {Type::float64, Type::float32, Type::int64, Type::int32, Type::logical, Type::text};
  return types[column.data.index()];
}

CellReader::Type inferred_type(const std::vector<std::string>& cells) {
  bool whole = true, small = true, any = false;
  for (const std::string& cell : cells) {
    if (cell.empty()) continue;
    any = true;
    if (!to_real(cell)) return CellReader::Type::text;
    const auto integer = text::to_integer(cell);
    whole = whole && integer.has_value();
    small = small && integer && *integer == static_cast<std::int32_t>(*integer);
  }
  if (!any) return CellReader::Type::text;
  return !whole ? CellReader::Type::float64 : small ? CellReader::Type::int32 : CellReader::Type::int64;
}

Card::Value inferred_value(std::string_view value) {
  value = text::trim(value);
  if (value.empty()) return {};
  if (value == "T" || value == "F") return value == "T";
  if (const auto integer = text::to_integer(value)) return static_cast<std::int64_t>(*integer);
  if (const auto real = to_real(value)) return *real;
  return std::string{value};
}

}  // namespace tessera::io::detail
