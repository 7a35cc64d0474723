#include "tessera/io/csv.h"

#include <fmt/format.h>

#include <algorithm>

#include "tessera/base/error.h"
#include "tessera/base/text.h"
#include "tessera/io/table_text.h"

namespace tessera::io {
namespace {

/// Takes one row off the text; false at the end. A quoted cell may hold commas, line ends and doubled quotes.
bool take_row(std::string_view& text, int& line, std::vector<std::string>& cells, const std::string& where) {
  cells.clear();
  if (text.empty()) return false;
  const int began = line;
  std::string cell;
  bool quoted = false;
  std::size_t i = 0;
  for (; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') ++line;
    if (quoted) {
      if (c != '"') cell += c;
      else if (i + 1 < text.size() && text[i + 1] == '"') cell += text[++i];
      else quoted = false;
    } else if (c == '"' && text::trim(cell).empty()) {
      quoted = true, cell.clear();
    } else if (c == ',') {
      cells.emplace_back(text::trim(cell)), cell.clear();
    } else if (c == '\n') {
      break;
    } else {
      cell += c;
    }
  }
  if (quoted) throw DataError{fmt::format("{}: line {}: a quoted cell has no end", where, began)};
  cells.emplace_back(text::trim(cell));
  text.remove_prefix(std::min(i + 1, text.size()));
  return true;
}

}  // namespace

Table parse_csv(std::string_view text, const std::string& where) {
  Table table;
  int line = 1;
  std::vector<std::string> names, cells;
  while (!text.empty() && (text.front() == '#' || text.front() == '\n' || text.front() == '\r')) {
    const auto end = std::min(text.find('\n'), text.size() - 1);
    if (text.front() == '#') table.comments.emplace_back(text::trim(text.substr(1, end - 1)));
    text.remove_prefix(end + 1), ++line;
  }
  if (!take_row(text, line, names, where) || std::ranges::all_of(names, [](const auto& n) { return n.empty(); })) throw DataError{fmt::format("{}: no line of column names", where)};
  std::vector<std::vector<std::string>> columns(names.size());
  for (int began = line; take_row(text, line, cells, where); began = line) {
    if (cells.size() == 1 && cells.front().empty()) continue;
    if (cells.size() != names.size()) throw DataError{fmt::format("{}: line {}: {} cells; expected {} as the line of names has", where, began, cells.size(), names.size())};
    for (std::size_t i = 0; i < cells.size(); ++i) columns[i].push_back(std::move(cells[i]));
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    Column described;
    described.name = names[i].empty() ? fmt::format("column_{}", i + 1) : names[i];
    detail::CellReader reader{std::move(described), detail::inferred_type(columns[i])};
    for (const auto& cell : columns[i]) {
      if (cell.empty() && reader.type() != detail::CellReader::Type::text) reader.add_null();
      else reader.add(cell);
    }
    table.add(std::move(reader).finish());
  }
  return table;
}

}  // namespace tessera::io
