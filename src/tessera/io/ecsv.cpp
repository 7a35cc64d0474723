// ECSV 1.0 (astropy's enhanced CSV): a YAML header in "# " lines, then comma- or blank-separated rows. Written with
// commas, an empty field for null and "" for an empty text.
#include <fmt/format.h>

#include <algorithm>

#include "tessera/base/error.h"
#include "tessera/base/text.h"
#include "tessera/io/fits_table.h"
#include "tessera/io/table_parts.h"
#include "tessera/io/table_text.h"
#include "tessera/io/tables.h"
#include "tessera/io/yaml_subset.h"

namespace tessera::io {
namespace {

using detail::CellReader;
using detail::YamlNode;

constexpr detail::Spelling ecsv_spelling{"nan", "inf", "-inf", "True", "False"};
constexpr detail::Spelling yaml_spelling{".nan", ".inf", "-.inf", "true", "false"};

// ---- reading ----

struct Field {
  std::string text;
  bool quoted = false;
};

/// The lines behind the header, field by field; a quoted field may hold separators, doubled quotes and line ends.
class RowReader {
 public:
  RowReader(std::string_view text, char separator, std::size_t first_line) : text_{text}, separator_{separator}, line_{first_line} {}
  std::size_t line() const { return line_; }

  /// The next row that is not blank; false at the end.
  bool next(std::vector<Field>& row) {
    while (at_ < text_.size()) {
      row.clear();
      const std::size_t line = ++lines_;
      read_row(row);
      line_ += lines_ - line + 1;
      if (row.size() > 1 || row[0].quoted || !row[0].text.empty()) return true;
    }
    return false;
  }

 private:
  void read_row(std::vector<Field>& row) {
    Field field;
    while (at_ < text_.size() && text_[at_] != '\n') {
      const char c = text_[at_++];
      if (c == '"' && field.text.empty() && !field.quoted) read_quoted(field);
      else if (c == separator_) end_field(row, field);
      else if (c != '\r') field.text += c;
    }
    ++at_;
    if (separator_ != ' ' || !field.text.empty() || field.quoted || row.empty()) row.push_back(field);
  }
  void end_field(std::vector<Field>& row, Field& field) const {
    if (separator_ != ' ' || !field.text.empty() || field.quoted) row.push_back(std::move(field));  // blanks in a row are one
    field = {};
  }
  void read_quoted(Field& field) {
    field.quoted = true;
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '"' && (at_ >= text_.size() || text_[at_] != '"')) return;
      if (c == '"') ++at_;
      lines_ += c == '\n';
      field.text += c;
    }
  }
  std::string_view text_;
  char separator_;
  std::size_t at_ = 0, lines_ = 0, line_;
};

CellReader::Type cell_type(const std::string& datatype, const std::string& where) {
  using Type = CellReader::Type;
  if (datatype == "bool") return Type::logical;
  if (datatype == "int8" || datatype == "int16" || datatype == "int32" || datatype == "uint8" || datatype == "uint16") return Type::int32;
  if (datatype == "int64" || datatype == "uint32" || datatype == "uint64") return Type::int64;
  if (datatype == "float16" || datatype == "float32") return Type::float32;
  if (datatype == "float64" || datatype == "float128") return Type::float64;
  if (datatype == "string") return Type::text;
  throw DataError{fmt::format("{}: datatype {} is not read (bool, int8 … int64, uint8 … uint64, float16 … float128, string are)", where, datatype)};
}

Card::Value yaml_value(const YamlNode& node) {
  if (node.kind == YamlNode::Kind::null) return {};
  if (node.quoted) return node.scalar;
  if (node.scalar == "true" || node.scalar == "True") return true;
  if (node.scalar == "false" || node.scalar == "False") return false;
  if (node.scalar == "T" || node.scalar == "F") return node.scalar;
  if (node.scalar.size() > 3 && node.scalar.find(".nan") != std::string::npos) return std::numeric_limits<double>::quiet_NaN();
  if (node.scalar == ".inf" || node.scalar == "-.inf") return (node.scalar[0] == '-' ? -1 : 1) * std::numeric_limits<double>::infinity();
  return detail::inferred_value(node.scalar);
}

void read_meta(Table& table, const YamlNode& meta) {
  for (const auto& [key, node] : meta.members()) {
    if (key == "comments" && node->kind == YamlNode::Kind::sequence) {
      for (const YamlNode& line : node->items) table.comments.push_back(line.scalar);
    } else if (key == "name" && node->kind == YamlNode::Kind::scalar) {
      table.name = node->scalar;
    } else if (node->kind == YamlNode::Kind::scalar || node->kind == YamlNode::Kind::null) {
      table.keywords.push_back({key, yaml_value(*node), {}});
    } else if (!key.starts_with("__")) {  // __serialized_columns__ and the like tell astropy how to build objects
      table.comments.push_back(fmt::format("{}keyword {} (nested values)", detail::left_out_mark, key));
    }
  }
}

struct EcsvColumn {
  CellReader reader;
  bool kept = true;
};

std::vector<EcsvColumn> read_columns(const YamlNode& header, Table& table, const std::string& where) {
  const YamlNode* list = header.find("datatype");
  if (!list || list->kind != YamlNode::Kind::sequence) throw DataError{where + ": the header has no list \"datatype\"; not an ECSV table"};
  std::vector<EcsvColumn> columns;
  for (const YamlNode& item : list->items) {
    Column c;
    c.name = item.text("name");
    if (c.name.empty()) throw DataError{fmt::format("{}: column {} has no name", where, columns.size() + 1)};
    c.unit = item.text("unit");
    c.description = item.text("description");
    if (const YamlNode* meta = item.find("meta")) c.ucd = meta->text("ucd");
    const std::string datatype = item.text("datatype");
    const bool kept = item.text("subtype").empty() && !datatype.starts_with("complex");
    if (!kept) table.comments.push_back(fmt::format("{}column {} (arrays, objects or complex numbers)", detail::left_out_mark, c.name));
    columns.push_back({CellReader{std::move(c), kept ? cell_type(datatype, where) : CellReader::Type::text}, kept});
  }
  return columns;
}

// ---- writing ----

std::string yaml_card_value(const Card::Value& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return fmt::format("{}", *integer);
  if (const auto* word = std::get_if<std::string>(&value)) return detail::yaml_text(*word);
  const auto* real = std::get_if<double>(&value);
  if (!real) return "null";
  std::string s = detail::number_text(*real, yaml_spelling);
  // YAML 1.1 readers take 1e-05 for a text: they want a point and a signed exponent.
  const std::size_t e = s.find('e');
  if (s.find('.') == std::string::npos) s.insert(e == std::string::npos ? s.size() : e, ".0");
  return s;
}

std::string datatype_name(const Column& c) {
  switch (detail::type_of(c)) {
    case CellReader::Type::logical: return "bool";
    case CellReader::Type::int32: return "int32";
    case CellReader::Type::int64: return "int64";
    case CellReader::Type::float32: return "float32";
    case CellReader::Type::float64: return "float64";
    default: return "string";
  }
}

std::string column_line(const Column& c) {
  std::string out = "# - {name: " + detail::yaml_text(c.name);
  if (!c.unit.empty()) out += ", unit: " + detail::yaml_text(c.unit);
  out += ", datatype: " + datatype_name(c);
  if (!c.description.empty()) out += ", description: " + detail::yaml_text(c.description);
  if (!c.ucd.empty()) out += ", meta: !!omap [{ucd: " + detail::yaml_text(c.ucd) + "}]";
  return out + "}\n";
}

std::string csv_field(const std::string& s, bool always) {
  if (!always && s.find_first_of("\", \n\r#") == std::string::npos) return s;
  std::string out = "\"";
  for (const char c : s) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

std::string meta_lines(const Table& table) {
  std::string out;
  if (!table.name.empty()) out += "# - {name: " + detail::yaml_text(table.name) + "}\n";
  for (const Card& card : table.keywords) out += fmt::format("# - {{{}: {}}}\n", detail::yaml_text(card.key), yaml_card_value(card.value));
  if (!table.comments.empty()) {
    out += "# - comments:\n";
    for (const std::string& line : table.comments) out += "#   - " + detail::yaml_text(line) + "\n";
  }
  return out.empty() ? out : "# meta: !!omap\n" + out;
}

}  // namespace

Table parse_ecsv(std::string_view content, const std::string& where) {
  std::string yaml;
  std::size_t at = 0, lines = 0;
  while (at < content.size() && content[at] == '#') {
    const std::size_t end = std::min(content.find('\n', at), content.size());
    std::string_view line = content.substr(at, end - at);
    while (line.ends_with('\r')) line.remove_suffix(1);
    line.remove_prefix(std::min<std::size_t>(line.size(), line.starts_with("# ") ? 2 : 1));
    if (lines == 0 && !line.starts_with("%ECSV ")) throw DataError{where + ": the first line is not \"# %ECSV 1.0\"; not an ECSV table"};
    if (lines > 0 && line != "---") yaml.append(line);
    yaml += '\n';
    at = std::min(end + 1, content.size());
    ++lines;
  }
  if (lines == 0) throw DataError{where + ": does not start with \"# %ECSV 1.0\"; not an ECSV table"};
  const YamlNode header = detail::parse_yaml(yaml, where);
  const std::string delimiter = header.find("delimiter") ? header.text("delimiter") : " ";
  if (delimiter != " " && delimiter != ",") throw DataError{fmt::format("{}: the delimiter is \"{}\", a blank or a comma was expected", where, delimiter)};
  Table table;
  if (const YamlNode* meta = header.find("meta")) read_meta(table, *meta);
  std::vector<EcsvColumn> columns = read_columns(header, table, where);
  RowReader rows{content.substr(at), delimiter[0], lines};
  std::vector<Field> row;
  if (!rows.next(row) && !columns.empty()) throw DataError{where + ": the line of column names is missing"};
  for (std::size_t i = 0; i < columns.size(); ++i)
    if (row.size() != columns.size() || row[i].text != columns[i].reader.described().name)
      throw DataError{fmt::format("{}, line {}: the column names differ from those of the header", where, rows.line())};
  while (rows.next(row)) {
    if (row.size() != columns.size())
      throw DataError{fmt::format("{}, line {}: {} fields found, {} expected", where, rows.line(), row.size(), columns.size())};
    for (std::size_t i = 0; i < columns.size(); ++i) {
      CellReader& reader = columns[i].reader;
      const bool text_cell = reader.type() == CellReader::Type::text;
      if (!columns[i].kept) continue;
      if (row[i].text.empty() && (!text_cell || !row[i].quoted)) reader.add_null();
      else if (!reader.add(row[i].text))
        throw DataError{fmt::format("{}, line {}: \"{}\" in column {} is not of its type", where, rows.line(), row[i].text, reader.described().name)};
    }
  }
  for (EcsvColumn& c : columns)
    if (c.kept) table.add(std::move(c.reader).finish());
  return table;
}

std::string format_ecsv(const Table& table) {
  std::string out = detail::ecsv_head(table);
  detail::append_ecsv_rows(table, out);
  return out;
}

std::string detail::ecsv_head(const Table& table) {
  std::string out = "# %ECSV 1.0\n# ---\n# delimiter: ','\n# datatype:\n";
  if (table.columns.empty()) out = "# %ECSV 1.0\n# ---\n# delimiter: ','\n# datatype: []\n";
  for (const Column& c : table.columns) {
    if (c.name.empty() || c.name.find_first_of("\n\r") != std::string::npos) throw UsageError{"an ECSV table needs a name of one line for each column"};
    out += column_line(c);
  }
  out += meta_lines(table) + "# schema: astropy-2.0\n";
  for (std::size_t i = 0; i < table.columns.size(); ++i) out += (i ? "," : "") + csv_field(table.columns[i].name, false);
  return out + '\n';
}

void detail::append_ecsv_rows(const Table& table, std::string& out) {
  const bool alone = table.columns.size() == 1;  // an empty line would be no row at all
  for (std::size_t row = 0; row < table.rows(); ++row) {
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
      const Column& c = table.columns[i];
      if (i) out += ',';
      if (c.is_null(row)) {
        if (alone) out += "\"\"";
        continue;
      }
      const std::string cell = detail::cell_text(c, row, ecsv_spelling);
      out += csv_field(cell, cell.empty());
    }
    out += '\n';
  }
}

}  // namespace tessera::io
