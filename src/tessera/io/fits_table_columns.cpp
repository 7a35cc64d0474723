#include "tessera/io/fits_table_columns.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tessera/base/error.h"
#include "tessera/base/text.h"

namespace tessera::io::detail {
namespace {

constexpr std::string_view kinds = "LXBIJKAEDCMPQ";
constexpr std::int64_t kind_bytes[] = {1, 1, 1, 2, 4, 8, 1, 4, 8, 8, 16, 8, 16};

std::size_t digits_at(std::string_view s, std::size_t from) {
  std::size_t end = from;
  while (end < s.size() && s[end] >= '0' && s[end] <= '9') ++end;
  return end;
}

struct Declaration {
  const CardText& cards;
  const std::string& name;  // of the HDU
  std::string number;       // of the column

  std::string text(const char* stem) const { return cards.text(stem + number).value_or(""); }
  [[noreturn]] void fail(const char* stem, const char* expected) const {
    throw DataError{fmt::format("{}: {}{} = {}: {} was expected", name, stem, number, cards.text(stem + number).value_or("absent"), expected)};
  }
  double number_or(const char* stem, double fallback) const {
    if (!cards.text(stem + number)) return fallback;
    const auto value = cards.number(stem + number);
    if (!value || !std::isfinite(*value)) fail(stem, "a number");
    return *value;
  }
};

/// "20A", "13X", "3E", "1PB(120)", and "20A5" (strings of 5 in 20), an old way to say TDIM.
void read_binary_form(const Declaration& d, FitsColumn& c) {
  const std::string form = d.text("TFORM");
  const std::size_t at = digits_at(form, 0);
  const auto repeat = at == 0 ? 1 : text::to_integer(form.substr(0, at)).value_or(-1);
  c.kind = at < form.size() ? form[at] : '?';
  const std::size_t kind = kinds.find(c.kind);
  if (kind == std::string_view::npos || repeat < 0 || repeat > (std::int64_t{1} << 31)) d.fail("TFORM", "a count and one of L X B I J K A E D C M P Q");
  c.repeat = repeat;
  c.bytes = c.kind == 'X' ? (c.repeat + 7) / 8 : c.repeat * kind_bytes[kind];
  c.text_width = c.repeat;
  if (c.kind != 'A') return;
  std::int64_t width = 0;
  if (const std::string dims = d.text("TDIM"); dims.starts_with('(')) width = text::to_integer(dims.substr(1, digits_at(dims, 1) - 1)).value_or(0);
  else if (at + 1 < form.size()) width = text::to_integer(form.substr(at + 1)).value_or(0);
  if (width > 0 && width < c.repeat && c.repeat % width == 0) c.text_width = width;
}

/// "A9", "I4", "F6.2", "E10.4", "D20.15".
void read_ascii_form(const Declaration& d, FitsColumn& c) {
  const std::string form = d.text("TFORM");
  const char letter = form.empty() ? '?' : form[0];
  if (std::string_view{"AIFED"}.find(letter) == std::string_view::npos) d.fail("TFORM", "one of Aw, Iw, Fw.d, Ew.d, Dw.d");
  const std::size_t end = digits_at(form, 1);
  const auto width = end == 1 ? 1 : text::to_integer(form.substr(1, end - 1)).value_or(-1);
  if (width < 0 || width > 1'000'000) d.fail("TFORM", "a width");
  if (end < form.size() && form[end] == '.') c.decimals = static_cast<int>(std::clamp<long long>(text::to_integer(form.substr(end + 1)).value_or(0), 0, 60));
  c.kind = letter == 'A' || letter == 'I' ? letter : 'F';
  c.bytes = c.text_width = width;
  c.repeat = letter == 'A' ? width : 1;
  const auto start = d.cards.integer("TBCOL" + d.number);
  if (!start || *start < 1) d.fail("TBCOL", "a column from 1");
  c.offset = *start - 1;
  c.null_text = text::trim(d.text("TNULL"));
}

}  // namespace

std::vector<FitsColumn> fits_columns(const HduLayout& hdu, const std::string& where) {
  const std::string name = hdu_name(where, hdu);
  const CardText cards{hdu.cards};
  const Header header = Header::parse(hdu.cards);  // for texts that CONTINUE
  const std::int64_t row_bytes = hdu.info.axes.at(0);
  std::vector<FitsColumn> columns;
  std::int64_t offset = 0;
  for (std::int64_t i = 1, n = cards.integer("TFIELDS").value_or(0); i <= n; ++i) {
    const Declaration d{cards, name, std::to_string(i)};
    FitsColumn c;
    c.name = d.text("TTYPE").empty() ? "col" + d.number : d.text("TTYPE");
    c.unit = d.text("TUNIT");
    c.ucd = header.text("TUCD" + d.number).value_or("");
    c.description = header.text("TCOMM" + d.number).value_or("");
    c.scale = d.number_or("TSCAL", 1);
    c.zero = d.number_or("TZERO", 0);
    if (hdu.ascii_table) {
      read_ascii_form(d, c);
      if (c.offset > row_bytes - c.bytes) d.fail("TBCOL", "a field inside the row");
    } else {
      read_binary_form(d, c);
      c.offset = offset;
      offset += c.bytes;
      c.null = cards.integer("TNULL" + d.number);
    }
    columns.push_back(std::move(c));
  }
  if (!hdu.ascii_table && offset > row_bytes) throw DataError{fmt::format("{}: the columns take {} bytes a row, NAXIS1 = {}", name, offset, row_bytes)};
  return columns;
}

}  // namespace tessera::io::detail
