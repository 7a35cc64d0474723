#include "tessera/param/layout.h"

#include <fmt/format.h>

#include <algorithm>

namespace tessera::param::layout {

std::vector<Group> groups(const OptionSet& options) {
  std::vector<Group> result;
  for (const auto& section : options.sections()) {
    auto group = std::find_if(result.begin(), result.end(), [&](const Group& g) { return g.name == section.name; });
    if (group == result.end()) group = result.insert(result.end(), {section.name, section.help, {}});
    for (const auto& field : section.fields) group->fields.push_back(&field);
  }
  return result;
}

std::string placeholder(const Field& field) {
  if (!field.placeholder.empty()) return field.placeholder;
  switch (field.type) {
    case Type::boolean: return "true|false";
    case Type::integer: return "N";
    case Type::real: return "X";
    case Type::choice: return "NAME";
    case Type::list: return "A,B,…";
    case Type::text: break;
  }
  return "TEXT";
}

std::vector<Flag> flags(const std::string& key, const Field& field) {
  std::vector<Flag> result;
  const auto add = [&](Flag flag) {
    if (flag.shown.empty()) flag.shown = flag.name;
    result.push_back(std::move(flag));
  };
  if (field.type == Type::boolean && !field.flag.empty()) {
    if (field.initial == "true")
      add({.name = "--no-" + field.flag, .help = "Turn off: " + field.help, .key = key, .shown = "--[no-]" + field.flag});
    else
      add({.name = "--" + field.flag, .letter = field.letter, .help = field.help, .key = key});
  } else if (!field.flag.empty()) {
    add({.name = "--" + field.flag,
         .letter = field.letter,
         .placeholder = placeholder(field),
         .help = field.help,
         .key = key,
         .choices = field.choices,
         .repeatable = field.type == Type::list});
  }
  for (const auto& s : field.shortcuts) add({.name = "--" + s.flag, .letter = s.letter, .help = fmt::format("{} = {}", key, s.value), .key = key});
  return result;
}

std::vector<Flag> common_flags(bool has_options) {
  std::vector<Flag> result;
  if (has_options) {
    result.push_back({.name = "--set", .placeholder = "KEY=VALUE", .help = "Set any option by its key, section.option; may be repeated.", .repeatable = true});
    result.push_back({.name = "--config", .letter = 'c', .placeholder = "FILE",
                      .help = "Read options from a TOML file; may be repeated, a later file wins.", .repeatable = true});
  }
  result.push_back({.name = "--help", .letter = 'h', .help = "Show this help."});
  for (auto& flag : result) flag.shown = flag.name;
  return result;
}

std::vector<Flag> all_flags(const OptionSet& options) {
  std::vector<Flag> result;
  for (const auto& section : options.sections())
    for (const auto& field : section.fields)
      for (auto& flag : flags(section.name + "." + field.name, field)) result.push_back(std::move(flag));
  for (auto& flag : common_flags(!options.sections().empty())) result.push_back(std::move(flag));
  return result;
}

std::string facts(const Field& field) {
  std::vector<std::string> parts;
  if (!field.choices.empty()) parts.push_back(text::join(field.choices, field.type == Type::list ? ", " : " | "));
  std::string range = range_text(field);
  if (!field.unit.empty()) range += (range.empty() ? "in " : " ") + field.unit;
  if (!range.empty()) parts.push_back(range);
  if (!field.initial.empty() && field.initial != "nan") parts.push_back("default " + field.initial);
  return text::join(parts, "; ");
}

std::string explained(const Field& field) {
  if (field.type == Type::boolean && field.initial == "false" && !field.flag.empty()) return field.help;
  const std::string known = facts(field);
  return known.empty() ? field.help : fmt::format("{} [{}]", field.help, known);
}

int columns(std::string_view s) {
  return static_cast<int>(std::count_if(s.begin(), s.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string wrap(std::string_view s, int width, int indent) {
  const std::string margin(static_cast<std::size_t>(indent), ' ');
  std::string result, line;
  for (const auto& part : text::split(replace_all(std::string{s}, "\n", " "), ' ')) {
    if (part.empty()) continue;
    if (!line.empty() && indent + columns(line) + 1 + columns(part) > width) {
      result += margin + line + "\n";
      line.clear();
    }
    line += (line.empty() ? "" : " ") + part;
  }
  if (!line.empty()) result += margin + line + "\n";
  return result;
}

std::vector<std::string> paragraphs(std::string_view s) {
  std::vector<std::string> result;
  for (const auto& line : text::split(s, '\n'))
    if (const auto paragraph = text::trim(line); !paragraph.empty()) result.emplace_back(paragraph);
  return result;
}

std::string replace_all(std::string s, std::string_view what, std::string_view by) {
  for (auto at = s.find(what); at != std::string::npos; at = s.find(what, at + by.size())) s.replace(at, what.size(), by);
  return s;
}

}  // namespace tessera::param::layout
