// IPAC tables (IRSA's format description 1.2): keyword lines "\key = value", header lines between bars, rows by columns
// of characters. Written strictly; read as MOPEX, Montage and the archives wrote them.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "tessera/base/error.h"
#include "tessera/base/text.h"
#include "tessera/io/table_parts.h"
#include "tessera/io/table_text.h"
#include "tessera/io/tables.h"

namespace tessera::io {
namespace {

using detail::CellReader;

constexpr detail::Spelling ipac_spelling{"NaN", "Inf", "-Inf", "1", "0"};
// What an IPAC table has no place for stands in comment lines of this form, which a plain reader shows as text.
constexpr std::string_view table_remark = "table: ", column_remark = "column ", ucd_remark = "ucd ", keyword_remark = "keyword ";

// ---- reading ----

class Reader {
 public:
  Reader(std::string_view content, const std::string& where) : where_{where} {
    for (const std::string& line : text::split(content, '\n')) {
      lines_.push_back(line);
      while (lines_.back().ends_with('\r')) lines_.back().pop_back();
    }
  }

  Table read() {
    for (line_ = 0; line_ < lines_.size(); ++line_) {
      const std::string& line = lines_[line_];
      const std::string_view bare = text::trim(line);
      if (bare.empty()) continue;
      if (bare.front() == '\\') read_keyword(bare.substr(1));
      else if (bare.front() == '|' && rows_.empty()) read_bars(line);
      else if (bars_.empty()) fail("a line that starts with \\ or | was expected; is this an IPAC table?");
      else rows_.push_back(line_);
    }
    if (bars_.empty() && table_.keywords.empty() && table_.comments.empty())
      throw DataError{where_ + ": neither keywords nor a header between bars; not an IPAC table"};
    for (std::size_t i = 0; i < names_.size(); ++i) read_column(i);
    place_remarks();
    return std::move(table_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const { throw DataError{fmt::format("{}, line {}: {}", where_, line_ + 1, what)}; }

  void read_keyword(std::string_view line) {
    const std::size_t equals = line.find('=');
    if (line.empty() || line.front() == ' ' || equals == std::string_view::npos) {
      if (!text::trim(line).empty()) table_.comments.emplace_back(text::trim(line));
      return;
    }
    std::string_view key = text::trim(line.substr(0, equals));
    std::string_view type;
    static constexpr std::array<std::string_view, 8> types{"char", "int", "integer", "long", "real", "float", "double", "date"};
    if (const std::size_t blank = key.find_first_of(" \t"); blank != std::string_view::npos) {
      type = key.substr(0, blank);
      if (std::find(types.begin(), types.end(), text::lower(type)) != types.end()) key = text::trim(key.substr(blank));
      else type = {};
    }
    if (key.empty()) fail("a keyword without name");
    table_.keywords.push_back({std::string{key}, keyword_value(text::trim(line.substr(equals + 1)), text::lower(type)), {}});
  }

  static Card::Value keyword_value(std::string_view value, const std::string& type) {
    const bool quoted = value.size() >= 2 && (value.front() == '\'' || value.front() == '"') && value.back() == value.front();
    if (quoted) return std::string{value.substr(1, value.size() - 2)};
    if (type == "char" || type == "date") return std::string{value};
    Card::Value out = detail::inferred_value(value);
    if (const auto* integer = std::get_if<std::int64_t>(&out); integer && (type == "real" || type == "float" || type == "double"))
      return static_cast<double>(*integer);
    return out;
  }

  void read_bars(const std::string& line) {
    std::vector<std::size_t> bars;
    for (std::size_t i = 0; i < line.size(); ++i)
      if (line[i] == '|') bars.push_back(i);
    const bool closed = text::trim(line.substr(bars.back() + 1)).empty();
    if (!closed) bars.push_back(line.size());
    std::vector<std::string> cells;
    for (std::size_t i = 0; i + 1 < bars.size(); ++i) cells.emplace_back(text::trim(line.substr(bars[i] + 1, bars[i + 1] - bars[i] - 1)));
    if (bars_.empty()) {
      bars_ = bars;
      names_ = cells;
      for (std::size_t i = 0; i < names_.size(); ++i)
        if (names_[i].empty()) fail(fmt::format("column {} has no name", i + 1));
      return;
    }
    if (headers_.size() == 3) fail("more than four header lines");
    if (cells.size() != names_.size()) fail(fmt::format("{} columns where the first header line has {}", cells.size(), names_.size()));
    headers_.push_back(cells);
    if (headers_.size() == 1) read_types(cells);
  }

  void read_types(const std::vector<std::string>& cells) {
    static constexpr std::array<std::pair<std::string_view, CellReader::Type>, 8> known{{{"int", CellReader::Type::int32},
                                                                                     {"integer", CellReader::Type::int32},
                                                                                     {"long", CellReader::Type::int64},
                                                                                     {"float", CellReader::Type::float32},
                                                                                     {"real", CellReader::Type::float32},
                                                                                     {"double", CellReader::Type::float64},
                                                                                     {"char", CellReader::Type::text},
                                                                                     {"date", CellReader::Type::text}}};
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const std::string word = text::lower(cells[i]);
      // Abbreviations are legal; "d" and "da" stand for double, as in the format's description, "dat" for date.
      const auto found = std::find_if(known.begin(), known.end(), [&](const auto& k) { return !word.empty() && k.first.starts_with(word); });
      if (found == known.end()) fail(fmt::format("\"{}\" is not a type of an IPAC column (int, long, float, real, double, char, date)", cells[i]));
      types_.push_back(found->second);
    }
  }

  /// Text of column `i` in a row. A word that stands on a bar goes to the side it continues on, a single letter to the
  /// side that is empty otherwise; a word that could belong to either column is refused.
  std::string cell(std::size_t i) const {
    const std::string& row = lines_[line_];
    const std::size_t begin = i == 0 ? 0 : border(row, i, true);
    const std::size_t end = i + 1 == names_.size() ? row.size() : border(row, i + 1, false);
    return begin >= end ? std::string{} : std::string{text::trim(std::string_view{row}.substr(begin, end - begin))};
  }

  /// Where the cell right of bar `i` begins (`right`), or the one left of it ends.
  std::size_t border(const std::string& row, std::size_t i, bool right) const {
    const std::size_t bar = bars_[i];
    if (bar >= row.size()) return row.size();
    const auto blank = [&](std::size_t at) { return at >= row.size() || row[at] == ' ' || row[at] == '\t'; };
    if (blank(bar) || row[bar] == '|') return right ? bar + 1 : bar;
    const bool left_too = bar > 0 && !blank(bar - 1), right_too = !blank(bar + 1);
    std::size_t first = bar, last = bar + 1;
    while (first > 0 && !blank(first - 1)) --first;
    while (!blank(last)) ++last;
    if (!left_too && !right_too) {  // a single letter: to the side that would be empty without it
      const auto empty = [&](std::size_t from, std::size_t to) { return text::trim(std::string_view{row}.substr(std::min(from, row.size()), to - from)).empty(); };
      const bool left_empty = i > 0 && empty(bars_[i - 1] + 1, bar), right_empty = empty(bar + 1, bars_[i + 1]);
      if (left_empty != right_empty) return left_empty ? bar + 1 : bar;
    }
    if (left_too == right_too)
      fail(fmt::format("\"{}\" stands across the bar between columns {} and {}", row.substr(first, last - first), names_[i - 1], names_[i]));
    return right_too ? first : last;
  }

  void read_column(std::size_t i) {
    Column column;
    column.name = names_[i];
    if (headers_.size() > 1 && headers_[1][i].find_first_not_of('-') != std::string::npos) column.unit = headers_[1][i];
    const std::string null_word = headers_.size() > 2 ? headers_[2][i] : "";
    std::vector<std::string> cells;
    for (const std::size_t row : rows_) {
      line_ = row;
      cells.push_back(cell(i));
    }
    const bool declared = !types_.empty();
    if (!declared)
      for (std::string& c : cells)
        if (c == "null") c.clear();
    CellReader reader{std::move(column), declared ? types_[i] : detail::inferred_type(cells)};
    for (std::size_t r = 0; r < cells.size(); ++r) {
      line_ = rows_[r];
      // "nul" is the word "null" cut off by a narrow column.
      const bool text_cell = reader.type() == CellReader::Type::text;
      const bool null_cell = cells[r] == "null" || (!null_word.empty() && cells[r] == null_word);
      if (null_cell || (cells[r].empty() && !text_cell)) reader.add_null();
      else if (!reader.add(cells[r])) fail(fmt::format("\"{}\" in column {} is not a number", cells[r], names_[i]));
    }
    table_.add(std::move(reader).finish(false));
  }

  /// Puts descriptions, UCDs and remarks that were written as comments back where they belong.
  void place_remarks() {
    std::erase_if(table_.comments, [&](const std::string& comment) {
      if (comment.starts_with(table_remark) && table_.name.empty()) {
        table_.name = comment.substr(table_remark.size());
        return true;
      }
      const std::size_t colon = comment.find(": ");
      if (colon == std::string::npos) return false;
      const auto named = [&](std::string_view mark) -> std::optional<std::string> {
        if (!comment.starts_with(mark) || colon < mark.size()) return std::nullopt;
        return comment.substr(mark.size(), colon - mark.size());
      };
      const std::string rest = comment.substr(colon + 2);
      if (const auto key = named(keyword_remark))
        for (Card& card : table_.keywords)
          if (card.key == *key && card.comment.empty()) return card.comment = rest, true;
      for (Column& column : table_.columns) {
        if (named(column_remark) == column.name && column.description.empty()) return column.description = rest, true;
        if (named(ucd_remark) == column.name && column.ucd.empty()) return column.ucd = rest, true;
      }
      return false;
    });
  }

  const std::string& where_;
  std::vector<std::string> lines_;
  std::size_t line_ = 0;
  std::vector<std::size_t> bars_, rows_;
  std::vector<std::string> names_;
  std::vector<std::vector<std::string>> headers_;  // types, units, nulls as far as there are
  std::vector<CellReader::Type> types_;
  Table table_;
};

// ---- writing ----

/// One line of text: IPAC tables have no way to break a line.
std::string one_line(const std::string& s, const std::string& what) {
  if (s.find_first_of("\n\r") != std::string::npos) throw UsageError{fmt::format("an IPAC table cannot hold the line break in {}", what)};
  return s;
}

std::string value_text(const Card& card) {
  if (const auto* flag = std::get_if<bool>(&card.value)) return *flag ? "T" : "F";
  if (const auto* integer = std::get_if<std::int64_t>(&card.value)) return fmt::format("{}", *integer);
  if (const auto* real = std::get_if<double>(&card.value)) {
    std::string s = detail::number_text(*real, ipac_spelling);
    if (s.find_first_of(".eEaI") == std::string::npos) s += ".0";  // so that it is read as a real number again
    return s;
  }
  if (const auto* word = std::get_if<std::string>(&card.value)) return one_line(*word, "keyword " + card.key);
  return {};
}

/// A table without columns (MOPEX's FIF.tbl) names the type of each keyword, as MOPEX does; beside columns the plain form is the standard.
std::string keyword_line(const Card& card, bool typed) {
  const std::string value = value_text(card);
  const bool word = std::holds_alternative<std::string>(card.value);
  if (!typed) return fmt::format("\\{} = {}\n", card.key, word ? (value.find('\'') == std::string::npos ? "'" + value + "'" : "\"" + value + "\"") : value);
  const char* type = std::holds_alternative<std::int64_t>(card.value) ? "int " : std::holds_alternative<double>(card.value) ? "real" : "char";
  return fmt::format("\\{} {} = {}\n", type, card.key, value);
}

const char* type_name(CellReader::Type type) {
  switch (type) {
    case CellReader::Type::float64: return "double";
    case CellReader::Type::float32: return "float";
    case CellReader::Type::int64: return "long";
    case CellReader::Type::text: return "char";
    default: return "int";
  }
}

std::string ipac_cell(const Column& column, std::size_t row) { return one_line(detail::cell_text(column, row, ipac_spelling), "column " + column.name); }

/// The header of one column, and how wide it and the column's cells are.
detail::IpacColumn lay_out(const Column& column) {
  if (column.name.empty() || column.name.find_first_of("| \t\n\r\\") != std::string::npos)
    throw UsageError{fmt::format("\"{}\" cannot name a column of an IPAC table (blank, bar or backslash); rename it", column.name)};
  detail::IpacColumn out;
  out.text = detail::type_of(column) == CellReader::Type::text;
  std::string null_word = "null";
  if (out.text)
    while (std::ranges::count(std::get<std::vector<std::string>>(column.data), null_word) > 0) null_word += '_';
  out.header = {column.name, type_name(detail::type_of(column)), one_line(column.unit, "the unit of " + column.name), null_word};
  for (const std::string& s : out.header) out.width = std::max(out.width, s.size());
  return out;
}

std::string padded(const std::string& s, const detail::IpacColumn& column) {
  const std::string fill(column.width - s.size(), ' ');
  return column.text ? s + fill : fill + s;
}

}  // namespace

Table parse_ipac(std::string_view content, const std::string& where) { return Reader{content, where}.read(); }

std::vector<detail::IpacColumn> detail::ipac_columns(const Table& table) {
  std::vector<IpacColumn> columns;
  for (const Column& c : table.columns) columns.push_back(lay_out(c));
  return columns;
}

void detail::widen(std::vector<IpacColumn>& columns, const Table& part) {
  for (std::size_t i = 0; i < columns.size(); ++i)
    for (std::size_t row = 0; row < part.rows(); ++row) columns[i].width = std::max(columns[i].width, part.columns[i].is_null(row) ? columns[i].header[3].size() : ipac_cell(part.columns[i], row).size());
}

std::string format_ipac(const Table& table) {
  auto columns = detail::ipac_columns(table);
  detail::widen(columns, table);
  std::string out = detail::ipac_head(table, columns);
  detail::append_ipac_rows(table, columns, out);
  return out;
}

std::string detail::ipac_head(const Table& table, const std::vector<IpacColumn>& columns) {
  std::string out;
  if (!table.name.empty()) out += fmt::format("\\ {}{}\n", table_remark, one_line(table.name, "the table's name"));
  for (const Card& card : table.keywords) {
    out += keyword_line(card, table.columns.empty());
    if (!card.comment.empty()) out += fmt::format("\\ {}{}: {}\n", keyword_remark, card.key, one_line(card.comment, "the remark of " + card.key));
  }
  for (const std::string& line : table.comments) out += fmt::format("\\ {}\n", one_line(line, "a comment"));
  for (const Column& c : table.columns) {
    if (!c.description.empty()) out += fmt::format("\\ {}{}: {}\n", column_remark, c.name, one_line(c.description, "the description of " + c.name));
    if (!c.ucd.empty()) out += fmt::format("\\ {}{}: {}\n", ucd_remark, c.name, one_line(c.ucd, "the UCD of " + c.name));
  }
  for (std::size_t line = 0; line < (columns.empty() ? 0 : 4); ++line) {
    for (const IpacColumn& c : columns) out += "|" + padded(c.header[line], c);
    out += "|\n";
  }
  return out;
}

void detail::append_ipac_rows(const Table& table, const std::vector<IpacColumn>& columns, std::string& out) {
  std::vector<std::string> cells(columns.size());
  for (std::size_t row = 0; row < table.rows(); ++row) {
    for (std::size_t i = 0; i < cells.size(); ++i) cells[i] = table.columns[i].is_null(row) ? columns[i].header[3] : ipac_cell(table.columns[i], row);
    // A line of blanks is no row: one text at least is told as missing.
    if (std::ranges::all_of(cells, [](const std::string& c) { return c.find_first_not_of(' ') == std::string::npos; })) cells.front() = columns.front().header[3];
    for (std::size_t i = 0; i < cells.size(); ++i) out += " " + padded(cells[i], columns[i]);
    out += " \n";
  }
}

}  // namespace tessera::io
