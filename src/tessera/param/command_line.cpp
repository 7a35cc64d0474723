#include "tessera/param/command_line.h"

#include <fmt/format.h>

#include <map>

#include "tessera/param/toml_file.h"

namespace tessera::param {

namespace {

/// What one flag does: the key it sets, with a fixed value for flags that take none.
struct Meaning {
  std::string key;
  std::string fixed;
  bool wants_value = true;
  std::string placeholder;
};

class Reader {
 public:
  explicit Reader(OptionSet& options) : options_{options} {
    for (const auto& section : options.sections())
      for (const auto& field : section.fields) add(section.name + "." + field.name, field);
    flags_["--set"] = {"", "", true, "KEY=VALUE"};
    flags_["--config"] = flags_["-c"] = {"", "", true, "FILE"};
    flags_["--help"] = flags_["-h"] = {"", "", false, ""};
  }

  CommandLine read(const std::vector<std::string>& arguments) {
    rest_ = arguments;
    while (next_ < rest_.size() && !line_.help) {
      const std::string argument = rest_[next_++];
      if (argument == "--") {
        line_.inputs.insert(line_.inputs.end(), rest_.begin() + static_cast<std::ptrdiff_t>(next_), rest_.end());
        break;
      }
      if (argument.starts_with("--"))
        read_long(argument);
      else if (argument.size() > 1 && argument[0] == '-')
        read_short(argument);
      else
        line_.inputs.push_back(argument);
    }
    if (!line_.help)
      for (const auto& file : line_.files) read_toml_file(file, options_);
    return line_;
  }

 private:
  void add(const std::string& key, const Field& field) {
    const bool boolean = field.type == Type::boolean;
    const auto put = [&](const std::string& flag, const Meaning& meaning) { flags_[flag] = meaning; };
    const Meaning meaning{key, "true", !boolean, field.placeholder};
    if (!field.flag.empty()) put("--" + field.flag, meaning);
    if (boolean && !field.flag.empty()) put("--no-" + field.flag, {key, "false", false, ""});
    if (field.letter) put(std::string{'-', field.letter}, meaning);
    for (const auto& shortcut : field.shortcuts) {
      if (!shortcut.flag.empty()) put("--" + shortcut.flag, {key, shortcut.value, false, ""});
      if (shortcut.letter) put(std::string{'-', shortcut.letter}, {key, shortcut.value, false, ""});
    }
  }

  void read_long(const std::string& argument) {
    const auto equals = argument.find('=');
    const std::string flag = argument.substr(0, equals);
    const auto found = flags_.find(flag);
    if (found == flags_.end()) refuse_unknown(flag);
    const Meaning& meaning = found->second;
    if (meaning.wants_value) {
      apply(flag, meaning, equals == std::string::npos ? take_value(flag, meaning) : argument.substr(equals + 1));
    } else if (equals != std::string::npos && meaning.fixed != "true") {
      throw UsageError{fmt::format("option {} takes no value ('{}' was given)", flag, argument.substr(equals + 1))};
    } else {
      apply(flag, meaning, equals == std::string::npos ? meaning.fixed : argument.substr(equals + 1));
    }
  }

  // -o OUT, -oOUT, -o=OUT, and clusters such as -vo OUT.
  void read_short(const std::string& argument) {
    for (std::size_t i = 1; i < argument.size() && !line_.help; ++i) {
      const std::string flag{'-', argument[i]};
      const auto found = flags_.find(flag);
      if (found == flags_.end()) refuse_unknown(i == 1 ? argument : flag);
      const Meaning& meaning = found->second;
      if (!meaning.wants_value) {
        apply(flag, meaning, meaning.fixed);
        continue;
      }
      std::string value = argument.substr(i + 1);
      if (value.starts_with('=')) value.erase(0, 1);
      apply(flag, meaning, i + 1 == argument.size() ? take_value(flag, meaning) : value);
      return;
    }
  }

  // What follows is the value, unless it is a flag itself: then the value was forgotten.
  std::string take_value(const std::string& flag, const Meaning& meaning) {
    const std::string wanted = meaning.placeholder.empty() ? "VALUE" : meaning.placeholder;
    if (next_ == rest_.size()) throw UsageError{fmt::format("option {} needs a value: {} {}", flag, flag, wanted)};
    const std::string& value = rest_[next_];
    const bool is_flag = value == "--" || flags_.count(value.substr(0, value.find('='))) > 0;
    if (is_flag)
      throw UsageError{fmt::format("option {} needs a value, but {} follows; a value that begins with a dash is written {}=…", flag, value,
                                   flag)};
    ++next_;
    return value;
  }

  void apply(const std::string& flag, const Meaning& meaning, const std::string& value) {
    if (flag == "--help" || flag == "-h") {
      line_.help = true;
    } else if (flag == "--config" || flag == "-c") {
      line_.files.push_back(value);
    } else if (flag == "--set") {
      const auto equals = value.find('=');
      if (equals == std::string::npos)
        throw UsageError{fmt::format("--set {}: expected section.option=value", value)};
      assign(std::string{text::trim(value.substr(0, equals))}, value.substr(equals + 1), "--set");
    } else {
      assign(meaning.key, value, flag);
    }
  }

  void assign(const std::string& key, const std::string& value, const std::string& where) {
    const Field* field = options_.find(key);
    if (!field || field->type != Type::list) {
      options_.assign(key, value, Source::command_line, where);
      return;
    }
    auto& items = lists_[key];
    try {
      for (auto& item : detail::parse_list(value)) items.push_back(std::move(item));
    } catch (const UsageError& e) {
      throw UsageError{fmt::format("{} ({}): {}", key, where, e.what())};
    }
    options_.assign(key, detail::format_list(items), Source::command_line, where);
  }

  [[noreturn]] void refuse_unknown(const std::string& flag) const {
    const auto dashes = flag.find_first_not_of('-');
    const std::string word = dashes == std::string::npos ? "" : flag.substr(dashes);
    // A key or the name of an option that has no flag, written as one.
    for (const auto& section : options_.sections())
      for (const auto& field : section.fields) {
        const std::string key = section.name + "." + field.name;
        std::string as_name = word;
        for (char& c : as_name) c = c == '-' ? '_' : c;
        const bool has_flag = !field.flag.empty();
        if (word == key || (as_name == field.name && !has_flag))
          throw UsageError{fmt::format("unknown option '{}'; did you mean --set {}=…?", flag, key)};
        if (as_name == field.name && has_flag) throw UsageError{fmt::format("unknown option '{}'; did you mean --{}?", flag, field.flag)};
      }
    std::vector<std::string> names;
    for (const auto& [name, meaning] : flags_)
      if (name.starts_with("--")) names.push_back(name);
    const std::string near = flag.starts_with("--") ? text::nearest(flag, names) : text::nearest("-" + flag, names);
    if (!near.empty()) throw UsageError{fmt::format("unknown option '{}'; did you mean {}?", flag, near)};
    throw UsageError{fmt::format("unknown option '{}'; --help lists all, and a file of that name is given after --", flag)};
  }

  OptionSet& options_;
  std::map<std::string, Meaning> flags_;
  std::map<std::string, std::vector<std::string>> lists_;
  std::vector<std::string> rest_;
  std::size_t next_ = 0;
  CommandLine line_;
};

}  // namespace

CommandLine read_command_line(const std::vector<std::string>& arguments, OptionSet& options) { return Reader{options}.read(arguments); }

}  // namespace tessera::param
