/// param/render.h — everything that is written about a verb's options, made from their declarations.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "tessera/param/schema.h"

namespace tessera::param {

/// What is known of a verb besides its options.
struct Manual {
  std::string name;         ///< "mosaic"
  std::string summary;      ///< one line
  std::string description;  ///< one paragraph a line
  std::string inputs;       ///< as in the usage line, "" for none
  std::string example;      ///< one command line that works
};

/// A verb whose options have been declared.
struct Verb {
  Manual manual;
  const OptionSet* options = nullptr;
};

/// Help for a terminal of `width` columns: usage, description, options by section, example.
std::string help_text(const Verb& verb, int width);

/// A TOML file with every option commented out at its default, each below its help. Values that profiles may give are not
/// fixed by it until a line is uncommented.
std::string toml_template(const Verb& verb);

/// A value as TOML writes it: quoted, or an array of quoted texts, where the option is not a number or true and false.
std::string toml_value(const Field& field, const std::string& value);

/// A TOML file with every option at its present value, which read_toml() takes back; sections in `left_out` are left out.
std::string toml_settings(const OptionSet& options, const std::vector<std::string>& left_out = {});

/// troff for section 1; `version` goes into the footer. The same text for the same declarations, on any day.
std::string man_page(const Verb& verb, std::string_view version);
/// The page of the program itself: its verbs and exit codes.
std::string man_overview(std::string_view summary, const std::vector<Verb>& verbs, std::string_view version);

/// One Markdown table per section.
std::string markdown_tables(const OptionSet& options);

/// JSON Schema (2020-12) of the options as an object of sections.
std::string json_schema(const Verb& verb);

/// Completion of verbs, flags, choices, keys of --set, and file names.
std::string bash_completion(const std::vector<Verb>& verbs);
std::string zsh_completion(const std::vector<Verb>& verbs);
std::string fish_completion(const std::vector<Verb>& verbs);

}  // namespace tessera::param
