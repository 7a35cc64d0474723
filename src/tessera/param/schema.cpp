#include "tessera/param/schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace tessera::param {

namespace {

constexpr double integer_floor = std::numeric_limits<int>::lowest();
constexpr double integer_ceiling = std::numeric_limits<int>::max();

// The limits every int has are no news to a user; those of wider or unsigned types beyond them neither.
bool is_number(const Field& f) { return f.type == Type::integer || f.type == Type::real; }
bool names_minimum(const Field& f) { return is_number(f) && std::isfinite(f.min) && (f.type != Type::integer || f.min > integer_floor); }
bool names_maximum(const Field& f) { return is_number(f) && std::isfinite(f.max) && (f.type != Type::integer || f.max < integer_ceiling); }

std::string with_unit(std::string s, const Field& f) {
  if (!f.unit.empty()) s += " " + f.unit;
  return s;
}

std::string in_place(const std::string& where) { return where.empty() ? "" : fmt::format(" ({})", where); }

// One item of a bracketed list: quoted by " (with \" and \\) or ', or bare up to a comma or the bracket.
std::string take_item(std::string_view& rest) {
  std::string item;
  const char quote = rest.front();
  if (quote != '"' && quote != '\'') {
    const auto end = std::min(rest.find_first_of(",]"), rest.size());
    item = text::trim(rest.substr(0, end));
    rest.remove_prefix(end);
    return item;
  }
  rest.remove_prefix(1);
  while (!rest.empty() && rest.front() != quote) {
    if (quote == '"' && rest.front() == '\\' && rest.size() > 1) rest.remove_prefix(1);
    item += rest.front();
    rest.remove_prefix(1);
  }
  if (rest.empty()) throw UsageError{"the list has a quotation mark that is not closed"};
  rest.remove_prefix(1);
  return item;
}

std::vector<std::string> parse_bracketed(std::string_view s) {
  std::vector<std::string> items;
  std::string_view rest = text::trim(s.substr(1));
  while (!rest.empty() && rest.front() != ']') {
    items.push_back(take_item(rest));
    rest = text::trim(rest);
    if (!rest.empty() && rest.front() == ',')
      rest = text::trim(rest.substr(1));
    else if (!rest.empty() && rest.front() != ']')
      throw UsageError{"the items of a list in brackets are separated by commas"};
  }
  if (rest != "]") throw UsageError{"a list that begins with [ must end with ]"};
  return items;
}

// Throws with what was expected when the value is of the wrong kind or outside the range.
void check(const Field& f, std::string_view value) {
  if (value == f.initial) return;
  if (f.type == Type::integer) detail::parse_integer(value, f.min, f.max);
  if (f.type == Type::real && std::isnan(detail::parse_real(value, f.min, f.max)))
    throw UsageError{fmt::format("'{}' is not a number", value)};
}

}  // namespace

namespace detail {

bool parse_boolean(std::string_view s) {
  const std::string word = text::lower(text::trim(s));
  if (word == "true" || word == "yes" || word == "on" || word == "1") return true;
  if (word == "false" || word == "no" || word == "off" || word == "0") return false;
  throw UsageError{fmt::format("'{}' is neither true nor false", s)};
}

long long parse_integer(std::string_view s, double min, double max) {
  const auto value = text::to_integer(text::trim(s));
  if (!value) throw UsageError{fmt::format("'{}' is not a whole number", s)};
  const auto v = static_cast<double>(*value);
  if (v < min || v > max) throw UsageError{fmt::format("{} is out of range", *value)};
  return *value;
}

double parse_real(std::string_view s, double min, double max) {
  const std::string word = text::lower(text::trim(s));
  if (word == "nan") return std::numeric_limits<double>::quiet_NaN();
  const bool infinite = word == "inf" || word == "+inf" || word == "-inf";
  const auto value = infinite ? std::optional{word[0] == '-' ? -HUGE_VAL : HUGE_VAL} : text::to_double(word);
  if (!value) throw UsageError{fmt::format("'{}' is not a number", s)};
  if (*value < min || *value > max) throw UsageError{fmt::format("{} is out of range", text::trim(s))};
  return *value;
}

std::vector<std::string> parse_list(std::string_view s) {
  const std::string_view body = text::trim(s);
  if (!body.empty() && body.front() == '[') return parse_bracketed(body);
  std::vector<std::string> items;
  for (const auto& part : text::split(body, ','))
    if (const auto item = text::trim(part); !item.empty()) items.emplace_back(item);
  return items;
}

std::string format_list(const std::vector<std::string>& items) {
  const auto plain = [](const std::string& item) {
    return !item.empty() && item.find_first_of(",\"'[]\\") == std::string::npos && text::trim(item).size() == item.size();
  };
  if (std::all_of(items.begin(), items.end(), plain)) return text::join(items, ",");
  std::vector<std::string> quoted;
  for (const auto& item : items) {
    std::string q = "\"";
    for (const char c : item) {
      if (c == '"' || c == '\\') q += '\\';
      q += c;
    }
    quoted.push_back(q + "\"");
  }
  return "[" + text::join(quoted, ", ") + "]";
}

std::string choice_error(std::string_view value, const std::vector<std::string>& allowed) {
  const std::string near = text::nearest(value, allowed);
  return fmt::format("'{}' is not among the choices{}", value, near.empty() ? "" : fmt::format(" (did you mean {}?)", near));
}

}  // namespace detail

std::string to_string(Source source) {
  switch (source) {
    case Source::initial: return "default";
    case Source::profile: return "profile";
    case Source::namelist: return "namelist";
    case Source::file: return "file";
    case Source::command_line: return "command line";
  }
  return "?";
}

std::string range_text(const Field& f) {
  const bool low = names_minimum(f), high = names_maximum(f);
  if (low && high) return fmt::format("{} to {}", text::from_double(f.min), text::from_double(f.max));
  if (low) return fmt::format("≥ {}", text::from_double(f.min));
  if (high) return fmt::format("≤ {}", text::from_double(f.max));
  return "";
}

std::string expectation(const Field& f) {
  switch (f.type) {
    case Type::boolean: return "true or false";
    case Type::choice: return "one of " + text::join(f.choices, ", ");
    case Type::list: return f.choices.empty() ? "texts separated by commas" : "any of " + text::join(f.choices, ", ") + ", separated by commas";
    case Type::text: return "a text";
    case Type::integer:
    case Type::real: break;
  }
  std::string s = f.type == Type::integer ? "a whole number" : "a number";
  const bool low = names_minimum(f), high = names_maximum(f);
  if (low && high) s += fmt::format(" from {} to {}", text::from_double(f.min), text::from_double(f.max));
  if (low && !high) s += fmt::format(" of at least {}", text::from_double(f.min));
  if (!low && high) s += fmt::format(" of at most {}", text::from_double(f.max));
  if (!low && !high && !f.unit.empty()) s += " in";
  return with_unit(s, f);
}

void OptionSet::add_section(Section section) {
  // Two options under one name would shadow each other silently: a defect of the declarations, found by any run.
  for (const auto& f : section.fields) {
    if (locate(section.name + "." + f.name).second) throw std::logic_error{"option declared twice: " + section.name + "." + f.name};
    if (!f.get) throw std::logic_error{"enum option without choices: " + section.name + "." + f.name};
    for (const auto& other : sections_)
      for (const auto& g : other.fields)
        if ((!f.flag.empty() && f.flag == g.flag) || (f.letter && f.letter == g.letter))
          throw std::logic_error{fmt::format("{}.{} and {}.{} share a flag", section.name, f.name, other.name, g.name)};
  }
  sections_.push_back(std::move(section));
}

std::pair<const Section*, const Field*> OptionSet::locate(std::string_view key) const {
  const auto dot = key.find('.');
  if (dot == std::string_view::npos) return {};
  for (const auto& section : sections_)
    if (section.name == key.substr(0, dot))
      for (const auto& f : section.fields)
        if (f.name == key.substr(dot + 1)) return {&section, &f};
  return {};
}

const Field* OptionSet::find(std::string_view key) const { return locate(key).second; }

std::vector<std::string> OptionSet::keys() const {
  std::vector<std::string> names;
  for (const auto& section : sections_)
    for (const auto& f : section.fields) names.push_back(section.name + "." + f.name);
  return names;
}

void OptionSet::refuse_unknown(std::string_view key, const std::string& where) const {
  const std::string start = fmt::format("unknown option '{}'{}", key, in_place(where));
  std::string near = text::nearest(key, keys());
  // A right name without its section, or in the wrong one, is near whatever the edit distance says.
  const auto name = key.substr(key.rfind('.') == std::string_view::npos ? 0 : key.rfind('.') + 1);
  for (const auto& section : sections_)
    for (const auto& f : section.fields)
      if (f.name == name) near = section.name + "." + f.name;
  if (!near.empty()) throw UsageError{fmt::format("{}; did you mean {}?", start, near)};
  std::vector<std::string> names;
  for (const auto& section : sections_)
    if (std::find(names.begin(), names.end(), section.name) == names.end()) names.push_back(section.name);
  throw UsageError{fmt::format("{}; options are section.option, and the sections are {}", start, text::join(names, ", "))};
}

void OptionSet::assign(std::string_view key, std::string_view value, Source source, const std::string& where) {
  const auto [section, field] = locate(key);
  if (!field) refuse_unknown(key, where);
  const auto before = std::find_if(assigned_.begin(), assigned_.end(), [&](const Setting& s) { return s.key == key; });
  const bool outranked = before != assigned_.end() && before->source > source;
  try {
    check(*field, value);
    const std::string kept = field->get(section->object);
    field->set(section->object, value);
    if (outranked) field->set(section->object, kept);
  } catch (const UsageError& e) {
    throw UsageError{fmt::format("{}{}: {}; expected {}", key, in_place(where), e.what(), expectation(*field))};
  }
  if (outranked) return;
  Setting setting{std::string{key}, std::string{value}, source, where};
  if (before == assigned_.end())
    assigned_.push_back(std::move(setting));
  else
    *before = std::move(setting);
}

std::vector<Setting> OptionSet::settings() const {
  std::vector<Setting> all;
  for (const auto& section : sections_)
    for (const auto& f : section.fields) {
      Setting s{section.name + "." + f.name, f.get(section.object), Source::initial, ""};
      for (const auto& a : assigned_)
        if (a.key == s.key) {
          s.source = a.source;
          s.where = a.where;
        }
      all.push_back(std::move(s));
    }
  return all;
}

}  // namespace tessera::param
