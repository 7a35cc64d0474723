/// param/schema.h — an option is declared once: beside the plain struct that holds it, `describe()` gives each member its
/// name, help, unit, range or choices, flag and old names. Command line, TOML, help, templates, man pages, completion,
/// manual tables, JSON schema and the record in run.json are all read from this.
#pragma once
#include <algorithm>
#include <cassert>
#include <functional>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "tessera/base/error.h"
#include "tessera/base/text.h"

namespace tessera::param {

enum class Type { boolean, integer, real, text, choice, list };

/// A name the same option has elsewhere: a MOPEX namelist block and key, a SWarp keyword …
struct Alias {
  std::string dialect, block, key;
};

/// A flag without a value that stands for one value of its option: -q for verbosity=quiet.
struct Shortcut {
  std::string flag;
  char letter = 0;
  std::string value;
};

/// One option of one section, type-erased. `set` throws UsageError with what was expected (the caller adds the key).
struct Field {
  std::string name, help, unit;
  Type type = Type::text;
  std::vector<std::string> choices;
  double min = -std::numeric_limits<double>::infinity(), max = std::numeric_limits<double>::infinity();
  std::string flag;         ///< long flag without dashes, "" when only reachable as section.option
  char letter = 0;          ///< short flag
  std::string placeholder;  ///< what help shows for the value: FILE, N, …
  std::vector<Shortcut> shortcuts;
  std::vector<Alias> aliases;
  std::string initial;      ///< the default as text
  std::function<void(void*, std::string_view)> set;
  std::function<std::string(const void*)> get;
};

namespace detail {
bool parse_boolean(std::string_view s);                                        // throws UsageError
long long parse_integer(std::string_view s, double min, double max);           // throws UsageError
double parse_real(std::string_view s, double min, double max);                 // throws UsageError
std::vector<std::string> parse_list(std::string_view s);                       // "a,b,c" or a TOML array
std::string format_list(const std::vector<std::string>& items);                // what parse_list reads back
std::string choice_error(std::string_view value, const std::vector<std::string>& allowed);
}  // namespace detail

/// Fills in what one field() call began.
template <class S, class M>
class FieldBuilder {
 public:
  FieldBuilder(Field& field, M S::*member) : field_{field}, member_{member} {}
  FieldBuilder& unit(std::string u) { field_.unit = std::move(u); return *this; }
  FieldBuilder& range(double lo, double hi) { field_.min = lo; field_.max = hi; return *this; }
  FieldBuilder& at_least(double lo) { field_.min = lo; return *this; }
  FieldBuilder& flag(std::string name, char letter = 0) { field_.flag = std::move(name); field_.letter = letter; return *this; }
  FieldBuilder& placeholder(std::string p) { field_.placeholder = std::move(p); return *this; }
  FieldBuilder& shortcut(std::string name, char letter, std::string value) { field_.shortcuts.push_back({std::move(name), letter, std::move(value)}); return *this; }
  FieldBuilder& namelist(std::string block, std::string key) { field_.aliases.push_back({"mopex", std::move(block), std::move(key)}); return *this; }
  FieldBuilder& swarp(std::string key) { field_.aliases.push_back({"swarp", "", std::move(key)}); return *this; }
  /// The texts a list may hold.
  FieldBuilder& each_of(std::vector<std::string> allowed) {
    field_.choices = allowed;
    field_.set = [set = field_.set, allowed](void* object, std::string_view value) {
      for (const auto& item : detail::parse_list(value))
        if (std::find(allowed.begin(), allowed.end(), item) == allowed.end()) throw UsageError{detail::choice_error(item, allowed)};
      set(object, value);
    };
    return *this;
  }
  /// Names of an enum's values, or the allowed texts of a string member.
  FieldBuilder& choices(std::vector<std::pair<std::string, M>> table) {
    field_.type = Type::choice;
    for (const auto& entry : table) field_.choices.push_back(entry.first);
    const auto member = member_;
    const auto names = field_.choices;
    field_.set = [member, table, names](void* object, std::string_view value) {
      for (const auto& [name, v] : table)
        if (text::lower(text::trim(value)) == text::lower(name)) {
          static_cast<S*>(object)->*member = v;
          return;
        }
      throw UsageError{detail::choice_error(value, names)};
    };
    field_.get = [member, table](const void* object) -> std::string {
      for (const auto& [name, v] : table)
        if (static_cast<const S*>(object)->*member == v) return name;
      return "?";
    };
    field_.initial = [&] { const S fresh{}; return field_.get(&fresh); }();
    return *this;
  }

 private:
  Field& field_;
  M S::*member_;
};

template <class S>
class Schema {
 public:
  template <class M>
  FieldBuilder<S, M> field(M S::*member, std::string name, std::string help) {
    // A builder keeps a reference to the last field, so the list must not move while one is being filled.
    fields_.reserve(128);
    assert(fields_.size() < 128);
    Field& f = fields_.emplace_back();
    f.name = std::move(name);
    f.help = std::move(help);
    if constexpr (std::is_same_v<M, bool>) {
      f.type = Type::boolean;
      f.set = [member](void* o, std::string_view v) { static_cast<S*>(o)->*member = detail::parse_boolean(v); };
      f.get = [member](const void* o) { return std::string{static_cast<const S*>(o)->*member ? "true" : "false"}; };
    } else if constexpr (std::is_integral_v<M>) {
      f.type = Type::integer;
      f.min = static_cast<double>(std::numeric_limits<M>::lowest());
      f.max = static_cast<double>(std::numeric_limits<M>::max());
      f.set = [member](void* o, std::string_view v) {  // range is checked by OptionSet, which knows min and max
        static_cast<S*>(o)->*member = static_cast<M>(detail::parse_integer(v, static_cast<double>(std::numeric_limits<M>::lowest()),
                                                                           static_cast<double>(std::numeric_limits<M>::max())));
      };
      f.get = [member](const void* o) { return std::to_string(static_cast<const S*>(o)->*member); };
    } else if constexpr (std::is_floating_point_v<M>) {
      f.type = Type::real;
      f.set = [member](void* o, std::string_view v) {
        static_cast<S*>(o)->*member = detail::parse_real(v, -std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity());
      };
      f.get = [member](const void* o) { return text::from_double(static_cast<const S*>(o)->*member); };
    } else if constexpr (std::is_same_v<M, std::string>) {
      f.type = Type::text;
      f.set = [member](void* o, std::string_view v) { static_cast<S*>(o)->*member = std::string{v}; };
      f.get = [member](const void* o) { return static_cast<const S*>(o)->*member; };
    } else if constexpr (std::is_same_v<M, std::vector<std::string>>) {
      f.type = Type::list;
      f.set = [member](void* o, std::string_view v) { static_cast<S*>(o)->*member = detail::parse_list(v); };
      f.get = [member](const void* o) { return detail::format_list(static_cast<const S*>(o)->*member); };
    } else {
      static_assert(std::is_enum_v<M>, "an option is a bool, a number, a text, a list of texts or an enum with choices()");
      f.type = Type::choice;
    }
    if (f.get) {
      const S fresh{};
      f.initial = f.get(&fresh);
    }
    return {f, member};
  }
  std::vector<Field> fields() && { return std::move(fields_); }

 private:
  std::vector<Field> fields_;
};

template <class S>
concept Described = std::is_default_constructible_v<S> && requires(Schema<S>& s) { describe(s); };

/// Where a value came from; a later one wins over an earlier one.
enum class Source { initial, profile, namelist, file, command_line };
std::string to_string(Source source);

/// What the value must be: "a number from 0 to 1 output pixel", "one of area, drizzle", "a whole number of at least 0".
std::string expectation(const Field& field);
/// The limits alone: "0 to 1", "≥ 0", "" when there are none worth naming (those of the machine's integers).
std::string range_text(const Field& field);

/// Sections may share a name (the command line's and a step's `output`): their options then stand in one table.
struct Section {
  std::string name, help;
  void* object = nullptr;
  std::vector<Field> fields;
};

struct Setting {
  std::string key, value;
  Source source = Source::initial;
  std::string where;  ///< file and line, profile name, flag
};

/// The options of one verb: sections bound to the structs that hold them.
class OptionSet {
 public:
  /// `object` must outlive the set.
  template <Described S>
  void add(std::string name, std::string help, S& object) {
    Schema<S> schema;
    describe(schema);
    add_section({std::move(name), std::move(help), &object, std::move(schema).fields()});
  }
  /// Sets section.option from text. A value from a weaker source than the one already there is kept out. Throws UsageError:
  /// unknown key (names the nearest), value of the wrong kind, out of range or not among the choices; says `where`, which
  /// reads like "line 3 of x.toml", "--threads" or "profile spitzer-irac". A value that is kept out is checked all the same;
  /// an option's own default is always accepted, whatever its range.
  void assign(std::string_view key, std::string_view value, Source source, const std::string& where);
  const std::vector<Section>& sections() const { return sections_; }
  const Field* find(std::string_view key) const;
  /// Every option with its value and where that came from, in declared order.
  std::vector<Setting> settings() const;
  std::vector<std::string> keys() const;

 private:
  void add_section(Section section);
  std::pair<const Section*, const Field*> locate(std::string_view key) const;
  [[noreturn]] void refuse_unknown(std::string_view key, const std::string& where) const;
  std::vector<Section> sections_;
  std::vector<Setting> assigned_;
};

}  // namespace tessera::param
