// TOML template, Markdown tables and JSON schema.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "tessera/param/layout.h"
#include "tessera/param/render.h"

namespace tessera::param {

namespace {

std::string toml_string(std::string_view s) {
  std::string result = "\"";
  for (const char c : s) {
    if (c == '"' || c == '\\') result += '\\';
    if (static_cast<unsigned char>(c) < 0x20)
      result += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    else
      result += c;
  }
  return result + "\"";
}

std::string toml_comment(std::string_view s) {
  std::string result;
  for (const auto& line : text::split(layout::wrap(s, 100, 0), '\n'))
    if (!line.empty()) result += "# " + line + "\n";
  return result;
}

std::string markdown_cell(std::string s) {
  for (const auto& [what, by] : {std::pair{"|", "\\|"}, {"<", "&lt;"}, {"\n", " "}}) s = layout::replace_all(std::move(s), what, by);
  return s;
}

std::string markdown_values(const Field& field) {
  if (!field.choices.empty()) {
    std::vector<std::string> names;
    for (const auto& c : field.choices) names.push_back("`" + c + "`");
    return text::join(names, ", ");
  }
  if (field.type == Type::boolean) return "`true`, `false`";
  const std::string range = range_text(field);
  return field.unit.empty() ? range : range.empty() ? field.unit : range + " " + field.unit;
}

std::string markdown_names_elsewhere(const Field& field) {
  std::vector<std::string> names;
  for (const auto& a : field.aliases)
    names.push_back(fmt::format("{} `{}{}`", a.dialect == "mopex" ? "MOPEX" : a.dialect == "swarp" ? "SWarp" : a.dialect,
                                a.block.empty() ? "" : a.block + ".", a.key));
  return text::join(names, ", ");
}

nlohmann::ordered_json json_default(const Field& field) {
  switch (field.type) {
    case Type::boolean: return field.initial == "true";
    case Type::integer: return detail::parse_integer(field.initial, -HUGE_VAL, HUGE_VAL);
    case Type::real: return detail::parse_real(field.initial, -HUGE_VAL, HUGE_VAL);  // dumped as null when not finite
    case Type::list: return detail::parse_list(field.initial);
    case Type::choice:
    case Type::text: break;
  }
  return field.initial;
}

nlohmann::ordered_json json_property(const std::string& key, const Field& field) {
  nlohmann::ordered_json p;
  switch (field.type) {
    case Type::boolean: p["type"] = "boolean"; break;
    case Type::integer: p["type"] = "integer"; break;
    case Type::real: p["type"] = "number"; break;
    case Type::list:
      p["type"] = "array";
      p["items"] = {{"type", "string"}};
      if (!field.choices.empty()) p["items"]["enum"] = field.choices;
      break;
    case Type::choice:
      p["type"] = "string";
      p["enum"] = field.choices;
      break;
    case Type::text: p["type"] = "string"; break;
  }
  p["description"] = field.help;
  p["default"] = json_default(field);
  const bool number = field.type == Type::integer || field.type == Type::real;
  // A default outside the range stands for "not given"; a form must be able to send it back.
  if (number && std::isfinite(field.min)) p["minimum"] = std::min(field.min, detail::parse_real(field.initial, -HUGE_VAL, HUGE_VAL));
  if (number && std::isfinite(field.max)) p["maximum"] = std::max(field.max, detail::parse_real(field.initial, -HUGE_VAL, HUGE_VAL));
  if (!field.unit.empty()) p["unit"] = field.unit;
  p["key"] = key;
  if (!field.flag.empty()) p["flag"] = "--" + field.flag;
  for (const auto& a : field.aliases) p["aliases"].push_back({{"dialect", a.dialect}, {"block", a.block}, {"key", a.key}});
  return p;
}

}  // namespace

std::string toml_value(const Field& field, const std::string& value) {
  switch (field.type) {
    case Type::boolean:
    case Type::integer:
    case Type::real: return value;
    case Type::list: {
      std::vector<std::string> items;
      for (const auto& item : detail::parse_list(value)) items.push_back(toml_string(item));
      return "[" + text::join(items, ", ") + "]";
    }
    case Type::choice:
    case Type::text: break;
  }
  return toml_string(value);
}

std::string toml_template(const Verb& verb) {
  std::string s = fmt::format("# Options of 'tessera {}', each at its default. Uncomment a line to change it, and give this file with -c.\n", verb.manual.name);
  for (const auto& group : layout::groups(*verb.options)) {
    s += fmt::format("\n# {}\n[{}]\n", group.help, group.name);
    for (const auto* field : group.fields)
      s += "\n" + toml_comment(layout::explained(*field)) + fmt::format("#{} = {}\n", field->name, toml_value(*field, field->initial));
  }
  return s;
}

std::string toml_settings(const OptionSet& options, const std::vector<std::string>& left_out) {
  std::string s;
  for (const auto& section : options.sections()) {
    if (std::find(left_out.begin(), left_out.end(), section.name) != left_out.end()) continue;
    s += fmt::format("{}[{}]\n", s.empty() ? "" : "\n", section.name);
    for (const auto& field : section.fields) s += fmt::format("{} = {}\n", field.name, toml_value(field, field.get(section.object)));
  }
  return s;
}

std::string markdown_tables(const OptionSet& options) {
  std::string s;
  for (const auto& group : layout::groups(options)) {
    s += fmt::format("{}### `{}`: {}\n\n| Option | Flag | Default | Values | Meaning | Elsewhere |\n|---|---|---|---|---|---|\n", s.empty() ? "" : "\n",
                     group.name, markdown_cell(group.help));
    for (const auto* field : group.fields) {
      std::vector<std::string> flags;
      for (const auto& flag : layout::flags(group.name + "." + field->name, *field))
        flags.push_back(fmt::format("{}`{}`", flag.letter ? fmt::format("`-{}` ", flag.letter) : "", flag.shown));
      s += fmt::format("| `{}` | {} | {} | {} | {} | {} |\n", field->name, text::join(flags, ", "),
                       field->initial.empty() ? "" : "`" + markdown_cell(field->initial) + "`", markdown_cell(markdown_values(*field)),
                       markdown_cell(field->help), markdown_cell(markdown_names_elsewhere(*field)));
    }
  }
  return s;
}

std::string json_schema(const Verb& verb) {
  nlohmann::ordered_json root;
  root["$schema"] = "https://json-schema.org/draft/2020-12/schema";
  root["schema"] = "tessera/options/1";
  root["title"] = verb.manual.name;
  root["summary"] = verb.manual.summary;
  root["description"] = verb.manual.description;
  root["inputs"] = verb.manual.inputs;
  root["example"] = verb.manual.example;
  root["type"] = "object";
  root["properties"] = nlohmann::ordered_json::object();
  for (const auto& group : layout::groups(*verb.options)) {
    auto& section = root["properties"][group.name];
    section = {{"type", "object"}, {"description", group.help}, {"properties", nlohmann::ordered_json::object()}};
    for (const auto* field : group.fields) section["properties"][field->name] = json_property(group.name + "." + field->name, *field);
    section["additionalProperties"] = false;
  }
  root["additionalProperties"] = false;
  return root.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace tessera::param
