#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "tessera/base/error.h"
#include "tessera/base/text.h"
#include "tessera/io/bytes.h"
#include "tessera/io/fits_table.h"
#include "tessera/io/fits_table_columns.h"

namespace tessera::io::detail {
namespace {

/// All rows of a table as one span of bytes.
struct Rows {
  const std::byte* first = nullptr;
  std::int64_t count = 0, stride = 0;
  const std::byte* at(std::int64_t row, const FitsColumn& c) const { return first + row * stride + c.offset; }
};

Column described(const FitsColumn& c, std::int64_t element, std::int64_t elements) {
  Column out;
  out.name = elements == 1 ? c.name : fmt::format("{}_{}", c.name, element + 1);
  out.unit = c.unit;
  out.ucd = c.ucd;
  out.description = c.description;
  return out;
}

void mark_null(Column& column, std::int64_t row, std::int64_t rows) {
  if (column.null.empty()) column.null.assign(static_cast<std::size_t>(rows), false);
  column.null[static_cast<std::size_t>(row)] = true;
}

/// Element `e` of each row as floating point (`Value`), stored as `Raw`.
template <class Raw, class Value>
Column real_column(const Rows& rows, const FitsColumn& c, std::int64_t e) {
  Column out = described(c, e, c.repeat);
  std::vector<Value> values(static_cast<std::size_t>(rows.count));
  for (std::int64_t r = 0; r < rows.count; ++r) {
    const auto raw = load_be<Raw>(rows.at(r, c) + e * static_cast<std::int64_t>(sizeof(Raw)));
    if constexpr (std::is_integral_v<Raw>) {
      if (c.null && static_cast<std::int64_t>(raw) == *c.null) {
        mark_null(out, r, rows.count);
        continue;
      }
    }
    values[static_cast<std::size_t>(r)] =
        c.scale == 1 && c.zero == 0 ? static_cast<Value>(raw) : static_cast<Value>(c.zero + c.scale * static_cast<double>(raw));
  }
  out.data = std::move(values);
  return out;
}

template <class Raw, class Value>
Column integer_column(const Rows& rows, const FitsColumn& c, std::int64_t e, const std::string& name) {
  Column out = described(c, e, c.repeat);
  std::vector<Value> values(static_cast<std::size_t>(rows.count));
  const bool unsigned64 = c.zero == 0x1p63;
  const std::int64_t zero = unsigned64 ? 0 : static_cast<std::int64_t>(c.zero);
  for (std::int64_t r = 0; r < rows.count; ++r) {
    const auto raw = static_cast<std::int64_t>(load_be<Raw>(rows.at(r, c) + e * static_cast<std::int64_t>(sizeof(Raw))));
    if (c.null && raw == *c.null) {
      mark_null(out, r, rows.count);
      continue;
    }
    std::int64_t value = 0;
    if (unsigned64 ? raw >= 0 : __builtin_add_overflow(raw, zero, &value) || value != static_cast<std::int64_t>(static_cast<Value>(value)))
      throw DataError{fmt::format("{}: column {}, row {}: the number does not fit in {} bits", name, c.name, r + 1, 8 * sizeof(Value))};
    if (unsigned64) value = raw - std::numeric_limits<std::int64_t>::min();
    values[static_cast<std::size_t>(r)] = static_cast<Value>(value);
  }
  out.data = std::move(values);
  return out;
}

/// An integer column keeps integers unless TSCAL/TZERO make them fractions; 16- and 32-bit unsigned ones get room.
template <class Raw>
Column whole_column(const Rows& rows, const FitsColumn& c, std::int64_t e, const std::string& name) {
  if (c.scale != 1 || c.zero != std::floor(c.zero) || (std::fabs(c.zero) > 9e15 && c.zero != 0x1p63)) return real_column<Raw, double>(rows, c, e);
  const bool small = sizeof(Raw) < 4 ? std::fabs(c.zero) < 1e9 : sizeof(Raw) == 4 && c.zero == 0;
  return small ? integer_column<Raw, std::int32_t>(rows, c, e, name) : integer_column<Raw, std::int64_t>(rows, c, e, name);
}

Column logical_column(const Rows& rows, const FitsColumn& c, std::int64_t e) {
  Column out = described(c, e, c.repeat);
  std::vector<std::uint8_t> values(static_cast<std::size_t>(rows.count));
  for (std::int64_t r = 0; r < rows.count; ++r) {
    const auto letter = static_cast<char>(rows.at(r, c)[e]);
    if (letter != 'T' && letter != 'F') mark_null(out, r, rows.count);
    values[static_cast<std::size_t>(r)] = letter == 'T';
  }
  out.data = std::move(values);
  return out;
}

Column bit_column(const Rows& rows, const FitsColumn& c, std::int64_t e) {
  Column out = described(c, e, c.repeat);
  std::vector<std::uint8_t> values(static_cast<std::size_t>(rows.count));
  for (std::int64_t r = 0; r < rows.count; ++r)
    values[static_cast<std::size_t>(r)] = (std::to_integer<unsigned>(rows.at(r, c)[e / 8]) >> (7 - e % 8)) & 1u;
  out.data = std::move(values);
  return out;
}

std::string trimmed_text(const std::byte* bytes, std::int64_t width) {
  std::string_view s{reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(width)};
  s = s.substr(0, s.find('\0'));
  while (s.ends_with(' ')) s.remove_suffix(1);
  return std::string{s};
}

Column text_column(const Rows& rows, const FitsColumn& c, std::int64_t e) {
  Column out = described(c, e, c.text_width > 0 ? c.repeat / c.text_width : 1);
  std::vector<std::string> values(static_cast<std::size_t>(rows.count));
  for (std::int64_t r = 0; r < rows.count; ++r) values[static_cast<std::size_t>(r)] = trimmed_text(rows.at(r, c) + e * c.text_width, c.text_width);
  out.data = std::move(values);
  return out;
}

void add_binary(Table& table, const Rows& rows, const FitsColumn& c, const std::string& name) {
  if (c.kind == 'P' || c.kind == 'Q' || c.kind == 'C' || c.kind == 'M') {
    const bool complex = c.kind == 'C' || c.kind == 'M';
    table.comments.push_back(fmt::format("{}column {} ({})", left_out_mark, c.name, complex ? "complex numbers" : "arrays of variable length"));
    return;
  }
  if (c.kind == 'A' && c.repeat == 0) table.add(text_column(rows, c, 0));
  const std::int64_t elements = c.kind == 'A' ? (c.text_width > 0 ? c.repeat / c.text_width : 0) : c.repeat;
  if (static_cast<std::int64_t>(table.columns.size()) + elements > 100'000)
    throw DataError{fmt::format("{}: column {} unfolds to {} columns; that is an image, not a table", name, c.name, elements)};
  for (std::int64_t e = 0; e < elements; ++e) {
    switch (c.kind) {
      case 'L': table.add(logical_column(rows, c, e)); break;
      case 'X': table.add(bit_column(rows, c, e)); break;
      case 'B': table.add(whole_column<std::uint8_t>(rows, c, e, name)); break;
      case 'I': table.add(whole_column<std::int16_t>(rows, c, e, name)); break;
      case 'J': table.add(whole_column<std::int32_t>(rows, c, e, name)); break;
      case 'K': table.add(whole_column<std::int64_t>(rows, c, e, name)); break;
      case 'E': table.add(c.scale == 1 && c.zero == 0 ? real_column<float, float>(rows, c, e) : real_column<float, double>(rows, c, e)); break;
      case 'D': table.add(real_column<double, double>(rows, c, e)); break;
      default: table.add(text_column(rows, c, e));
    }
  }
}

/// One field of an ASCII table as a number: blanks anywhere are nothing, a missing point is implied by the format.
std::optional<double> ascii_number(std::string_view field, int decimals) {
  std::string digits;
  for (const char ch : field)
    if (ch != ' ') digits += ch;
  const auto value = text::to_double(digits);
  if (value && decimals > 0 && digits.find_first_of(".eEdD") == std::string::npos) return *value / std::pow(10.0, decimals);
  return value;
}

void add_ascii(Table& table, const Rows& rows, const FitsColumn& c, const std::string& name) {
  if (c.kind == 'A') {
    table.add(text_column(rows, c, 0));
    return;
  }
  const bool whole = c.kind == 'I' && c.scale == 1 && c.zero == 0;
  Column out = described(c, 0, 1);
  std::vector<std::int64_t> integers(whole ? static_cast<std::size_t>(rows.count) : 0);
  std::vector<double> reals(whole ? 0 : static_cast<std::size_t>(rows.count));
  for (std::int64_t r = 0; r < rows.count; ++r) {
    const std::string_view field = text::trim({reinterpret_cast<const char*>(rows.at(r, c)), static_cast<std::size_t>(c.bytes)});
    if (field.empty() || (!c.null_text.empty() && field == c.null_text)) {
      mark_null(out, r, rows.count);
      continue;
    }
    const auto integer = whole ? text::to_integer(field) : std::nullopt;
    const auto real = whole ? std::nullopt : ascii_number(field, c.decimals);
    if (!integer && !real) throw DataError{fmt::format("{}: column {}, row {}: \"{}\" is not a number", name, c.name, r + 1, field)};
    if (whole) integers[static_cast<std::size_t>(r)] = *integer;
    else reals[static_cast<std::size_t>(r)] = c.zero + c.scale * *real;
  }
  if (whole) out.data = std::move(integers);
  else out.data = std::move(reals);
  table.add(std::move(out));
}

void add_keywords(Table& table, const HduLayout& hdu) {
  const Header header = Header::parse(hdu.cards);
  for (const Card& card : header.cards()) {
    if (card.key == "COMMENT") table.comments.push_back(card.comment);
    else if (card.key == "HISTORY") table.comments.push_back("HISTORY " + card.comment);
    else if (!card.key.empty() && !is_structural(card.key) && !is_column_keyword(card.key)) table.keywords.push_back(card);
  }
}

}  // namespace

Table read_fits_table(const ByteSource& source, const HduLayout& hdu, const std::string& where) {
  const std::string name = hdu_name(where, hdu);
  if (hdu.info.kind != HduInfo::Kind::table) throw DataError{name + ": is not a table"};
  Table table;
  table.name = hdu.info.name;
  add_keywords(table, hdu);
  const std::vector<FitsColumn> columns = fits_columns(hdu, where);
  std::vector<std::byte> buffer;
  Rows rows{nullptr, hdu.info.axes[1], hdu.info.axes[0]};
  if (rows.stride == 0) rows.count = 0;  // rows without bytes hold nothing, however many the header claims
  rows.first = source.at(hdu.data_offset, static_cast<std::size_t>(rows.stride * rows.count), buffer);
  for (const FitsColumn& c : columns) {
    if (hdu.ascii_table) add_ascii(table, rows, c, name);
    else add_binary(table, rows, c, name);
  }
  return table;
}

}  // namespace tessera::io::detail
