#include "tessera/param/toml_file.h"

#define TOML_HEADER_ONLY 0
#define TOML_SHARED_LIB 1
#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <optional>

#include "tessera/base/files.h"

namespace tessera::param {

namespace {

constexpr std::size_t limit_bytes = 1u << 20;
constexpr int limit_depth = 16;

// Walks over TOML as far as needed to know what is inside strings and comments and what is not.
class Scanner {
 public:
  Scanner(std::string_view toml, const std::string& name) : rest_{toml}, name_{name} {}

  void run() {
    while (!rest_.empty()) {
      const char c = rest_.front();
      if (c == '"' || c == '\'') {
        skip_string(c);
        continue;
      }
      if (c == '#') rest_.remove_prefix(std::min(rest_.find('\n'), rest_.size()));
      if (rest_.empty()) return;
      if (rest_.front() == '\n') {
        ++line_;
        dots_ = 0;
      }
      if (c == '[' || c == '{') ++depth_;
      if (c == ']' || c == '}') depth_ = std::max(depth_ - 1, 0);
      if (c == '.') ++dots_;
      if (c == ',' || c == '=') dots_ = 0;
      // Every dot of a key opens a table as a bracket does. A value has a dot at most.
      if (depth_ + dots_ > limit_depth)
        throw UsageError{fmt::format("{}: line {} nests tables or arrays deeper than {}; options need two levels", name_, line_, limit_depth)};
      rest_.remove_prefix(1);
    }
  }

 private:
  void skip_string(char quote) {
    const std::string_view triple = quote == '"' ? "\"\"\"" : "'''";
    const std::string_view end = rest_.substr(0, 3) == triple ? triple : triple.substr(0, 1);
    rest_.remove_prefix(end.size());
    while (!rest_.empty() && rest_.substr(0, end.size()) != end) {
      if (rest_.front() == '\n') {
        ++line_;
        if (end.size() == 1) return;  // not closed on its line: the parser will say so
      }
      if (quote == '"' && rest_.front() == '\\' && rest_.size() > 1) {
        if (rest_[1] == '\n') ++line_;
        rest_.remove_prefix(1);
      }
      rest_.remove_prefix(1);
    }
    rest_.remove_prefix(std::min(end.size(), rest_.size()));
  }

  std::string_view rest_;
  const std::string& name_;
  int line_ = 1, depth_ = 0, dots_ = 0;
};

std::string line_of(const toml::source_region& source, const std::string& name) {
  return fmt::format("line {} of {}", source.begin.line, name);
}

// A value as the text the command line would give for it; nothing for what no option can be (tables, dates).
std::optional<std::string> as_text(const toml::node& node) {
  if (const auto* s = node.as_string()) return s->get();
  if (const auto* i = node.as_integer()) return std::to_string(i->get());
  if (const auto* f = node.as_floating_point()) return text::from_double(f->get());
  if (const auto* b = node.as_boolean()) return b->get() ? "true" : "false";
  const auto* array = node.as_array();
  if (!array) return std::nullopt;
  std::vector<std::string> items;
  for (const auto& element : *array) {
    const auto item = element.is_array() ? std::nullopt : as_text(element);
    if (!item) return std::nullopt;
    items.push_back(*item);
  }
  return detail::format_list(items);
}

void assign_table(const std::string& section, const toml::table& table, const std::string& name, OptionSet& options, Source source) {
  for (const auto& [key, node] : table) {
    const std::string full = section + "." + std::string{key.str()};
    const std::string where = line_of(key.source(), name);
    if (node.is_array()) {
      const Field* field = options.find(full);
      if (field && field->type != Type::list)
        throw UsageError{fmt::format("{} ({}): an array was found; expected {}", full, where, expectation(*field))};
    }
    const auto value = as_text(node);
    // An unknown name is the better message, so a value of no use is offered as empty text first.
    if (!value && options.find(full))
      throw UsageError{fmt::format("{} ({}): a {} was found; expected {}", full, where,
                                   node.is_table() ? "table" : node.is_array() ? "nested array" : "date or time", expectation(*options.find(full)))};
    options.assign(full, value.value_or(""), source, where);
  }
}

}  // namespace

void check_toml_limits(std::string_view toml, const std::string& name) {
  if (toml.size() > limit_bytes)
    throw UsageError{fmt::format("{}: {} bytes; a file of options has at most {}", name, toml.size(), limit_bytes)};
  Scanner{toml, name}.run();
}

void read_toml(std::string_view toml, const std::string& name, OptionSet& options, Source source) {
  check_toml_limits(toml, name);
  toml::table root;
  try {
    root = toml::parse(toml, name);
  } catch (const toml::parse_error& e) {
    throw UsageError{fmt::format("{}: not valid TOML at line {}, column {}: {}", name, e.source().begin.line, e.source().begin.column,
                                 e.description())};
  }
  for (const auto& [key, node] : root) {
    const std::string section{key.str()};
    if (const auto* table = node.as_table())
      assign_table(section, *table, name, options, source);
    else
      options.assign(section, "", source, line_of(key.source(), name));  // refused there: a key has a section
  }
}

void read_toml_file(const std::filesystem::path& path, OptionSet& options, Source source) {
  std::string toml;
  try {
    toml = files::read(path, limit_bytes);
  } catch (const DataError& e) {
    throw UsageError{e.what()};  // options are part of the request, not data
  }
  read_toml(toml, path.string(), options, source);
}

}  // namespace tessera::param
