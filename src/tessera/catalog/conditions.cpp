#include "tessera/catalog/conditions.h"

#include <cctype>
#include <cmath>
#include <optional>
#include <type_traits>

#include "tessera/base/error.h"
#include "tessera/base/text.h"
#include "tessera/catalog/columns.h"

namespace tessera::catalog {
namespace {

enum class Relation { less, at_most, more, at_least, equal, unequal };

template <class T>
bool holds(const T& a, Relation relation, const T& b) {
  switch (relation) {
    case Relation::less: return a < b;
    case Relation::at_most: return a <= b;
    case Relation::more: return a > b;
    case Relation::at_least: return a >= b;
    case Relation::equal: return a == b;
    default: return a != b;
  }
}

using Rows = std::vector<bool>;

class Parser {
 public:
  /// Without a table only the grammar and the names of columns are looked at.
  Parser(const Table* table, const std::string& whole, std::string_view text, std::size_t depth) : table_{table}, whole_{whole}, text_{text}, depth_{depth} {
    if (depth > 100) throw UsageError{"a condition is nested too deeply"};
  }
  Rows all() {
    Rows rows = any_of();
    skip();
    if (at_ < text_.size()) fail("a condition ends here");
    return rows;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw UsageError{"condition '" + whole_ + "': " + what + (at_ < text_.size() ? " before '" + std::string{text_.substr(at_)} + "'" : ", at its end")};
  }
  void skip() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
  }
  bool symbol(std::string_view s) {
    skip();
    if (!text_.substr(at_).starts_with(s)) return false;
    at_ += s.size();
    return true;
  }
  static bool in_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '/' || c == '#' || c == '.' || c == '+' || c == '-'; }
  std::string_view word() {
    skip();
    const std::size_t first = at_;
    while (at_ < text_.size() && in_name(text_[at_])) ++at_;
    return text_.substr(first, at_ - first);
  }
  bool keyword(std::string_view k) {
    const std::size_t before = at_;
    if (text::lower(word()) == k) return true;
    at_ = before;
    return false;
  }
  std::optional<std::string_view> quoted() {
    skip();
    if (at_ >= text_.size() || (text_[at_] != '"' && text_[at_] != '\'')) return {};
    const std::size_t end = text_.find(text_[at_], at_ + 1);
    if (end == std::string_view::npos) fail("a quote is not closed");
    const std::string_view inside = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return inside;
  }

  Rows any_of() {
    Rows rows = all_of();
    while (symbol("||") || keyword("or")) {
      const Rows more = all_of();
      for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = rows[i] || more[i];
    }
    return rows;
  }
  Rows all_of() {
    Rows rows = factor();
    while (symbol("&&") || keyword("and")) {
      const Rows more = factor();
      for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = rows[i] && more[i];
    }
    return rows;
  }
  Rows factor() {
    if (++depth_ > 100) fail("it is nested too deeply");
    Rows rows = inner_factor();
    --depth_;
    return rows;
  }
  Rows inner_factor() {
    if (keyword("not")) {
      Rows rows = factor();
      rows.flip();
      return rows;
    }
    if (symbol("(")) {
      Rows rows = any_of();
      if (!symbol(")")) fail("')' is missing");
      return rows;
    }
    if (const auto inside = quoted()) return Parser{table_, whole_, *inside, depth_ + 1}.all();
    return comparison();
  }

  Rows comparison() {
    const std::string name{word()};
    if (name.empty()) fail("the name of a column is expected");
    const Column* column = table_ ? find_column(*table_, name) : nullptr;
    if (!column && (table_ || !find_definition(name))) no_column(name);
    const Relation relation = symbol("<=") ? Relation::at_most : symbol(">=") ? Relation::at_least : symbol("!=") ? Relation::unequal : symbol("==") ? Relation::equal : symbol("<") ? Relation::less
                              : symbol(">") ? Relation::more : symbol("=") ? Relation::equal : symbol("!") ? Relation::unequal : (fail("one of < <= > >= = != is expected"), Relation::equal);
    const auto in_quotes = quoted();
    const std::string value{in_quotes ? *in_quotes : word()};
    if (!in_quotes && value.empty()) fail("a value is expected");
    return column ? compare(*column, relation, value) : Rows{};
  }

  [[noreturn]] void no_column(const std::string& name) const {
    std::vector<std::string> there;
    if (table_)
      for (const Column& c : table_->columns) there.push_back(c.name);
    else
      for (const ColumnDefinition& d : definitions()) there.emplace_back(d.name);
    const std::string near = text::nearest(name, there);
    fail("there is no column '" + name + "'" + (near.empty() ? " (columns: " + text::join(there, ", ") + ")" : ", did you mean '" + near + "'?"));
  }

  Rows compare(const Column& column, Relation relation, const std::string& value) {
    Rows rows(table_->rows(), false);
    std::visit(
        [&](const auto& data) {
          using T = typename std::decay_t<decltype(data)>::value_type;
          if constexpr (std::is_same_v<T, std::string>) {
            for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = !column.is_null(i) && holds<std::string>(std::string{text::trim(data[i])}, relation, value);
          } else {
            const auto number = text::to_double(value);
            if (!number) fail("column '" + column.name + "' holds numbers, and '" + value + "' is none");
            for (std::size_t i = 0; i < rows.size(); ++i) {
              const auto here = static_cast<double>(data[i]);
              rows[i] = !column.is_null(i) && !std::isnan(here) && holds(here, relation, *number);
            }
          }
        },
        column.data);
    return rows;
  }

  const Table* table_;
  const std::string& whole_;
  std::string_view text_;
  std::size_t at_ = 0, depth_ = 0;
};

}  // namespace

std::vector<bool> rows_where(const Table& table, const std::string& condition) { return Parser{&table, condition, condition, 0}.all(); }

void check_condition(const std::string& condition) {
  if (!condition.empty()) Parser{nullptr, condition, condition, 0}.all();
}

Table select_rows(const Table& table, const std::vector<bool>& wanted) {
  if (wanted.size() != table.rows()) throw UsageError{"a choice of rows must have a flag for each"};
  Table chosen;
  chosen.keywords = table.keywords;
  chosen.comments = table.comments;
  chosen.name = table.name;
  for (const Column& from : table.columns) {
    Column to = from;
    to.null.clear();
    std::visit(
        [&](auto& data) {
          std::size_t kept = 0;
          for (std::size_t i = 0; i < wanted.size(); ++i) {
            if (!wanted[i]) continue;
            if (kept != i) data[kept] = std::move(data[i]);
            ++kept;
            if (!from.null.empty()) to.null.push_back(from.null[i]);
          }
          data.resize(kept);
        },
        to.data);
    chosen.columns.push_back(std::move(to));
  }
  return chosen;
}

}  // namespace tessera::catalog
