// VOTable 1.4: written as TABLEDATA; read as TABLEDATA, BINARY and BINARY2 in base64. The XML is parsed by pugixml, which
// loads nothing from outside and expands no entities of its own; nesting is limited before it sees the text.
#include <fmt/format.h>

#include <pugixml.hpp>

#include "tessera/base/error.h"
#include "tessera/base/text.h"
#include "tessera/io/fits_table.h"
#include "tessera/io/table_parts.h"
#include "tessera/io/tables.h"
#include "tessera/io/votable.h"

namespace tessera::io {
namespace {

using detail::VotableField;

constexpr detail::Spelling votable_spelling{"NaN", "+Inf", "-Inf", "true", "false"};
constexpr int nesting_limit = 64;

// ---- reading ----

/// The deepest nesting of elements. pugixml takes a document apart recursively, so hostile depth would end the program.
void check_nesting(std::string_view xml, const std::string& where) {
  int depth = 0;
  const auto behind = [&](std::size_t at, std::string_view mark) {
    const std::size_t found = xml.find(mark, at);
    return found == std::string_view::npos ? xml.size() : found + mark.size();
  };
  for (std::size_t at = xml.find('<'); at < xml.size(); at = xml.find('<', at)) {
    const std::string_view rest = xml.substr(at, 9);
    if (rest.starts_with("<!--")) at = behind(at + 4, "-->");
    else if (rest.starts_with("<![CDATA[")) at = behind(at, "]]>");
    else if (rest.starts_with("<?")) at = behind(at, "?>");
    else if (rest.starts_with("<!")) at = behind(at, ">");
    else {
      const bool closing = rest.starts_with("</");
      char quote = 0;
      for (++at; at < xml.size() && (quote || xml[at] != '>'); ++at) {
        if (quote) quote = xml[at] == quote ? '\0' : quote;
        else if (xml[at] == '"' || xml[at] == '\'') quote = xml[at];
      }
      if (closing) --depth;
      else if (at > 0 && xml[at - 1] != '/') ++depth;
      if (depth > nesting_limit) throw DataError{fmt::format("{}: elements nested more than {} deep; not a VOTable", where, nesting_limit)};
    }
  }
}

/// Element name without a namespace prefix.
std::string_view local_name(const pugi::xml_node& node) {
  const std::string_view name = node.name();
  const std::size_t colon = name.find(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

pugi::xml_node child(const pugi::xml_node& node, std::string_view name) {
  for (const pugi::xml_node c : node)
    if (local_name(c) == name) return c;
  return {};
}

struct Found {
  std::vector<pugi::xml_node> tables;  // with at least one FIELD, or the only ones
  pugi::xml_node resource;
};

void find_tables(const pugi::xml_node& node, Found& found) {
  for (const pugi::xml_node c : node) {
    if (local_name(c) == "TABLE") {
      if (found.tables.empty()) found.resource = node;
      found.tables.push_back(c);
    } else if (local_name(c) == "RESOURCE") {
      find_tables(c, found);
    }
  }
}

/// A server's answer may be an error wrapped in a valid VOTable.
void refuse_error_answer(const pugi::xml_node& node, const std::string& where) {
  for (const pugi::xml_node c : node) {
    if (local_name(c) == "INFO" && text::upper(c.attribute("name").value()) == "QUERY_STATUS" && text::upper(c.attribute("value").value()) == "ERROR")
      throw DataError{fmt::format("{}: holds the error answer of a server: {}", where, text::join(text::split(std::string{text::trim(c.child_value())}, '\n'), " "))};
    if (local_name(c) == "RESOURCE") refuse_error_answer(c, where);
  }
}

std::string description(const pugi::xml_node& node) { return std::string{text::trim(child(node, "DESCRIPTION").text().get())}; }

void add_keyword(Table& table, const pugi::xml_node& node, const std::string& where) {
  Card card{node.attribute("name").value(), {}, description(node)};
  const std::string value = node.attribute("value").value();
  if (local_name(node) == "INFO") {
    if (!value.empty()) card.value = value;
    if (card.comment.empty()) card.comment = text::trim(node.child_value());
  } else {
    const std::string type = node.attribute("datatype").value();
    const std::string size = node.attribute("arraysize").value();
    if (type == "char" || type == "unicodeChar" || (!size.empty() && size != "1")) {
      card.value = value;
    } else if (!value.empty()) {
      VotableField field;
      field.described.name = card.key;
      field.datatype = type;
      detail::plan_field(field, {}, where);
      if (field.readers.empty()) {
        card.value = value;
      } else {
        detail::add_tabledata(field, value, where, 0);
        const Column column = std::move(field.readers[0]).finish();
        if (column.is_null(0)) card.value = {};
        else if (const auto* logical = std::get_if<std::vector<std::uint8_t>>(&column.data)) card.value = (*logical)[0] != 0;
        else if (const auto* small = std::get_if<std::vector<std::int32_t>>(&column.data)) card.value = std::int64_t{(*small)[0]};
        else if (const auto* large = std::get_if<std::vector<std::int64_t>>(&column.data)) card.value = (*large)[0];
        else if (const auto* narrow = std::get_if<std::vector<float>>(&column.data)) card.value = static_cast<double>((*narrow)[0]);
        else card.value = std::get<std::vector<double>>(column.data)[0];
      }
    }
  }
  table.keywords.push_back(std::move(card));
}

VotableField read_field(const pugi::xml_node& node, std::size_t number, const std::string& where) {
  VotableField field;
  field.described.name = node.attribute("name").value();
  if (field.described.name.empty()) field.described.name = node.attribute("ID").value();
  if (field.described.name.empty()) field.described.name = fmt::format("col{}", number);
  field.described.unit = node.attribute("unit").value();
  field.described.ucd = node.attribute("ucd").value();
  field.described.description = description(node);
  field.datatype = node.attribute("datatype").value();
  field.null = child(node, "VALUES").attribute("null").value();
  detail::plan_field(field, node.attribute("arraysize").value(), where);
  return field;
}

void read_tabledata(const pugi::xml_node& data, std::vector<VotableField>& fields, const std::string& where) {
  std::size_t row = 0;
  for (const pugi::xml_node tr : data) {
    if (local_name(tr) != "TR") continue;
    ++row;
    std::size_t i = 0;
    for (const pugi::xml_node td : tr) {
      if (local_name(td) != "TD") continue;
      if (i == fields.size()) throw DataError{fmt::format("{}: row {} has more cells than the {} columns", where, row, fields.size())};
      std::string cell;
      for (const pugi::xml_node part : td) cell += part.value();  // text and CDATA pieces
      detail::add_tabledata(fields[i++], cell, where, row);
    }
    if (i != fields.size()) throw DataError{fmt::format("{}: row {} has {} cells, {} expected", where, row, i, fields.size())};
  }
}

void read_data(const pugi::xml_node& data, std::vector<VotableField>& fields, const std::string& where) {
  for (const pugi::xml_node kind : data) {
    const std::string_view name = local_name(kind);
    if (name == "TABLEDATA") return read_tabledata(kind, fields, where);
    if (name == "BINARY" || name == "BINARY2") {
      const pugi::xml_node stream = child(kind, "STREAM");
      if (stream.attribute("href")) throw DataError{where + ": the data stand in another place (STREAM href), which is not followed"};
      if (text::lower(stream.attribute("encoding").value()) != "base64") throw DataError{where + ": a binary stream in base64 was expected"};
      return detail::add_binary(fields, stream.child_value(), name == "BINARY2", where);
    }
    if (name == "FITS") throw DataError{where + ": holds a FITS stream, which is not read; convert it to TABLEDATA"};
  }
}

// ---- writing ----

bool is_ascii(const std::string& s) {
  for (const char c : s)
    if (static_cast<unsigned char>(c) > 126) return false;
  return true;
}

/// Text for element content or an attribute. XML has no way to write most control characters.
std::string escaped(const std::string& s, const std::string& what) {
  std::string out;
  for (const char c : s) {
    if (c == '&') out += "&amp;";
    else if (c == '<') out += "&lt;";
    else if (c == '>') out += "&gt;";
    else if (c == '"') out += "&quot;";
    else if (c == '\n') out += "&#10;";
    else if (c == '\t') out += "&#9;";
    else if (c == '\r') out += "&#13;";
    else if (static_cast<unsigned char>(c) < 32) throw UsageError{fmt::format("a VOTable cannot hold the control character in {}", what)};
    else out += c;
  }
  return out;
}

std::string text_type(bool ascii) { return fmt::format("datatype=\"{}\" arraysize=\"*\"", ascii ? "char" : "unicodeChar"); }

std::string datatype_of(const Column& column) {
  using Type = detail::CellReader::Type;
  switch (detail::type_of(column)) {
    case Type::logical: return "datatype=\"boolean\"";
    case Type::int32: return "datatype=\"int\"";
    case Type::int64: return "datatype=\"long\"";
    case Type::float32: return "datatype=\"float\"";
    case Type::float64: return "datatype=\"double\"";
    default: {
      bool ascii = true;
      for (const std::string& v : std::get<std::vector<std::string>>(column.data)) ascii = ascii && is_ascii(v);
      return text_type(ascii);
    }
  }
}

std::string with_description(const std::string& element, const std::string& name, const std::string& words) {
  if (words.empty()) return element + "/>\n";
  return fmt::format("{}>\n        <DESCRIPTION>{}</DESCRIPTION>\n      </{}>\n", element, escaped(words, "a description"), name);
}

std::string field_element(const Column& c) {
  if (c.name.empty()) throw UsageError{"a VOTable needs a name for each column"};
  std::string out = fmt::format("      <FIELD name=\"{}\" {}", escaped(c.name, "a column name"), datatype_of(c));
  if (!c.unit.empty()) out += fmt::format(" unit=\"{}\"", escaped(c.unit, "a unit"));
  if (!c.ucd.empty()) out += fmt::format(" ucd=\"{}\"", escaped(c.ucd, "a UCD"));
  return with_description(out, "FIELD", c.description);
}

std::string param_element(const Card& card) {
  std::string type, value;
  if (const auto* flag = std::get_if<bool>(&card.value)) type = "datatype=\"boolean\"", value = *flag ? "true" : "false";
  else if (const auto* integer = std::get_if<std::int64_t>(&card.value)) type = "datatype=\"long\"", value = fmt::format("{}", *integer);
  else if (const auto* real = std::get_if<double>(&card.value)) type = "datatype=\"double\"", value = detail::number_text(*real, votable_spelling);
  else {
    if (const auto* word = std::get_if<std::string>(&card.value)) value = *word;
    type = text_type(is_ascii(value));
  }
  return with_description(fmt::format("      <PARAM name=\"{}\" {} value=\"{}\"", escaped(card.key, "a keyword"), type, escaped(value, "keyword " + card.key)), "PARAM", card.comment);
}

}  // namespace

Table parse_votable(std::string_view content, const std::string& where) {
  check_nesting(content, where);
  pugi::xml_document document;
  const pugi::xml_parse_result result = document.load_buffer(content.data(), content.size(), pugi::parse_default | pugi::parse_ws_pcdata_single);
  if (!result) throw DataError{fmt::format("{}: not well-formed XML at byte {}: {}", where, result.offset, result.description())};
  const pugi::xml_node root = document.document_element();
  if (local_name(root) != "VOTABLE") throw DataError{fmt::format("{}: the outermost element is <{}>, <VOTABLE> was expected", where, local_name(root))};
  refuse_error_answer(root, where);
  Found found;
  find_tables(root, found);
  if (found.tables.empty()) throw DataError{where + ": a VOTable without a TABLE"};
  const pugi::xml_node element = found.tables.front();
  Table table;
  table.name = element.attribute("name").value();
  if (const std::string words = description(element); !words.empty())
    for (const std::string& line : text::split(words, '\n')) table.comments.emplace_back(text::trim(line));
  std::vector<VotableField> fields;
  for (const pugi::xml_node& parent : {found.resource, element})
    for (const pugi::xml_node c : parent) {
      const std::string_view name = local_name(c);
      if (name == "PARAM" || (name == "INFO" && text::upper(c.attribute("name").value()) != "QUERY_STATUS")) add_keyword(table, c, where);
      else if (name == "FIELD" && parent == element) fields.push_back(read_field(c, fields.size() + 1, where));
    }
  read_data(child(element, "DATA"), fields, where);
  for (VotableField& field : fields) {
    if (field.readers.empty()) table.comments.push_back(fmt::format("{}column {} (arrays of variable length or complex numbers)", detail::left_out_mark, field.described.name));
    for (detail::CellReader& reader : field.readers) table.add(std::move(reader).finish());
  }
  if (found.tables.size() > 1) table.comments.push_back(fmt::format("{}{} further tables of the file", detail::left_out_mark, found.tables.size() - 1));
  return table;
}

namespace {

std::string votable_of(const Table& table, bool rows) {
  std::string out = detail::votable_head(table, rows);
  if (rows) detail::append_votable_rows(table, out);
  return out + detail::votable_tail(table, rows);
}

}  // namespace

std::string detail::votable_head(const Table& table, bool rows) {
  std::string out =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<VOTABLE version=\"1.4\" xmlns=\"http://www.ivoa.net/xml/VOTable/v1.3\">\n"
      "  <RESOURCE>\n";
  out += table.name.empty() ? "    <TABLE>\n" : fmt::format("    <TABLE name=\"{}\">\n", escaped(table.name, "the table's name"));
  if (!table.comments.empty()) {
    std::string words;
    for (const std::string& line : table.comments) words += (words.empty() ? "" : "\n") + line;
    out += fmt::format("      <DESCRIPTION>{}</DESCRIPTION>\n", escaped(words, "a comment"));
  }
  for (const Card& card : table.keywords) out += param_element(card);
  for (const Column& c : table.columns) out += field_element(c);
  if (rows && !table.columns.empty()) out += "      <DATA>\n        <TABLEDATA>\n";
  return out;
}

void detail::append_votable_rows(const Table& table, std::string& out) {
  for (std::size_t row = 0; row < table.rows(); ++row) {
    out += "          <TR>";
    for (const Column& c : table.columns)
      out += c.is_null(row) ? std::string{"<TD/>"} : "<TD>" + escaped(detail::cell_text(c, row, votable_spelling), "column " + c.name) + "</TD>";
    out += "</TR>\n";
  }
}

std::string detail::votable_tail(const Table& table, bool rows) {
  return std::string{rows && !table.columns.empty() ? "        </TABLEDATA>\n      </DATA>\n" : ""} + "    </TABLE>\n  </RESOURCE>\n</VOTABLE>\n";
}

std::string format_votable(const Table& table) { return votable_of(table, true); }
std::string format_votable_fields(const Table& table) { return votable_of(table, false); }

}  // namespace tessera::io
