/// param/toml_file.h — options from a TOML file: a table is a section, a key an option.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>

#include "tessera/param/schema.h"

namespace tessera::param {

/// Assigns every key of the file. Throws UsageError when the file cannot be read, and with the line for bad syntax and for
/// what OptionSet refuses.
void read_toml_file(const std::filesystem::path& path, OptionSet& options, Source source = Source::file);

/// The same for text that is called `name` in messages.
void read_toml(std::string_view toml, const std::string& name, OptionSet& options, Source source = Source::file);

/// Refuses text a recursive parser should not be given: longer than 1 MiB, or tables and arrays nested deeper than 16.
/// Throws UsageError with name and line.
void check_toml_limits(std::string_view toml, const std::string& name);

}  // namespace tessera::param
