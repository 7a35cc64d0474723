#include "tessera/param/swarp_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "tessera/base/text.h"

namespace tessera::param {

LegacyConfig read_swarp_config(std::string_view content) {
  LegacyConfig config;
  int number = 0;
  for (const std::string& line : legacy::lines(content, config.traps)) {
    ++number;
    const std::string_view body = text::trim(legacy::without_comment(line));
    if (body.empty()) continue;
    const auto end = std::min(body.find_first_of(" \t="), body.size());
    const std::string_view key = body.substr(0, end);
    std::string_view value = text::trim(body.substr(end));
    const auto name = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; };
    if (key.empty() || !std::all_of(key.begin(), key.end(), name)) {
      config.traps.push_back({number, fmt::format("'{}' is no keyword; the line is not read", legacy::printable(key, 60))});
      continue;
    }
    if (value.starts_with('=')) {
      config.traps.push_back({number, fmt::format("{} is followed by =, which is left out", key)});
      value = text::trim(value.substr(1));
    }
    if (text::upper(key) != key) config.traps.push_back({number, fmt::format("{} is taken as {}", key, text::upper(key))});
    config.settings.push_back({"", text::upper(key), legacy::unquoted(value, number, config.traps), number});
  }
  legacy::note_repetitions(config);
  return config;
}

}  // namespace tessera::param
