/// param/layout.h — what the renderings share: options in groups, flags as text, lines of a given width.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "tessera/param/schema.h"

namespace tessera::param::layout {

/// All options of one section name, in declared order.
struct Group {
  std::string name, help;
  std::vector<const Field*> fields;
};
std::vector<Group> groups(const OptionSet& options);

/// One way of giving an option (or --help and its like) on the command line.
struct Flag {
  std::string name{};         ///< "--threads"
  char letter = 0;
  std::string placeholder{};  ///< "" when it takes no value
  std::string help{};
  std::string key{};          ///< of the option it sets, "" for --set, -c, --help
  std::vector<std::string> choices{};
  bool repeatable = false;
  std::string shown{};        ///< as help writes the name: "--[no-]pictures"
};
/// The flags of one option; none when it has no flag. Of a boolean that is on by default it is --no-flag.
std::vector<Flag> flags(const std::string& key, const Field& field);
/// --set, -c and --help, which every verb has; the first two only where there are options.
std::vector<Flag> common_flags(bool has_options);
/// flags() of all options and the common ones.
std::vector<Flag> all_flags(const OptionSet& options);

std::string placeholder(const Field& field);
/// "0 to 10 sigma; default 3": what is known of a value besides its help. An option that is not given is told no default.
std::string facts(const Field& field);
/// The help with the facts behind it; those of a switch that is off by default go without saying.
std::string explained(const Field& field);

/// Columns that UTF-8 text takes, every character counted as one.
int columns(std::string_view s);
/// Breaks text into lines of at most `width` columns, each behind `indent` spaces; a longer word stands alone.
std::string wrap(std::string_view s, int width, int indent);
/// A paragraph is a line of the text; empty ones are left out.
std::vector<std::string> paragraphs(std::string_view s);
/// Every occurrence of `what` replaced.
std::string replace_all(std::string s, std::string_view what, std::string_view by);

}  // namespace tessera::param::layout
