#include "tessera/param/namelist.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "tessera/base/text.h"

namespace tessera::param {

namespace {

bool is_name(std::string_view s) {
  return !s.empty() && std::all_of(s.begin(), s.end(), [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.'; });
}

bool is_space(char c) { return c == ' ' || c == '\t'; }

class Reader {
 public:
  LegacyConfig read(std::string_view content) {
    for (const std::string& line : legacy::lines(content, config_.traps)) {
      ++line_;
      read_line(line);
    }
    if (!block_.empty()) trap(opened_, fmt::format("&{} has no &END; the block ends with the file", block_));
    legacy::note_repetitions(config_);
    return std::move(config_);
  }

 private:
  void trap(int line, std::string message) { config_.traps.push_back({line, std::move(message)}); }
  void trap(std::string message) { trap(line_, std::move(message)); }

  void read_line(std::string_view line) {
    const std::string_view whole = text::trim(line);
    if (whole.starts_with('#')) {
      // The files MOPEX came with end in #END. Where a block is open it is a slip of the pen that hides the end.
      const std::string word = text::lower(text::trim(whole.substr(1)));
      if (word != "end" && word != "end,") return;
      if (!block_.empty()) {
        trap(fmt::format("#END is a comment, so &{} is not closed; taken as &END", block_));
        block_.clear();
      }
      ended_ = line_;
      return;
    }
    const std::string_view body = text::trim(legacy::without_comment(line));
    if (body.empty()) return;
    if (ended_ > 0) trap(fmt::format("stands behind the #END of line {}; it is read all the same", ended_));
    ended_ = 0;
    if (body.front() == '&' || body.front() == '$')
      read_ampersand(text::trim(body.substr(1)));
    else if (body == "/" && !block_.empty())
      block_.clear();
    else
      read_settings(body);
  }

  void read_ampersand(std::string_view body) {
    while (!body.empty() && (body.back() == ',' || is_space(body.back()))) body.remove_suffix(1);
    const std::string word = text::lower(body);
    if (word == "end") {
      if (block_.empty()) trap("&END without a block before it");
      block_.clear();
      return;
    }
    std::string_view rest;
    if (const auto space = body.find_first_of(" \t"); space != std::string_view::npos) {
      rest = text::trim(body.substr(space));
      body = body.substr(0, space);
    }
    if (!is_name(body)) {
      trap(fmt::format("'&{}' names no block; the line is not read", legacy::printable(body, 60)));
      return;
    }
    if (!block_.empty()) trap(fmt::format("&{} of line {} has no &END before this; it ends here", block_, opened_));
    block_ = text::upper(body);
    opened_ = line_;
    config_.blocks.push_back(block_);
    if (!rest.empty()) read_settings(rest);
  }

  // One setting as a rule; several separated by commas are a habit from Fortran.
  void read_settings(std::string_view body) {
    if (!body.ends_with(',')) {
      if (!block_.empty()) trap("no comma at the end of the line; MOPEX wants one on every line of a block");
    } else if (block_.empty()) {
      trap("a comma at the end of a line outside the blocks is left out");
    }
    while (!body.empty() && (body.back() == ',' || is_space(body.back()))) body.remove_suffix(1);
    if (body.empty()) return;
    const auto parts = split(body);
    if (parts.size() > 1) trap(fmt::format("{} settings stand on one line; all are read", parts.size()));
    for (const std::string_view part : parts) read_setting(part);
  }

  // Cuts at commas that a name and = follow; other commas belong to a value.
  static std::vector<std::string_view> split(std::string_view body) {
    std::vector<std::string_view> parts;
    std::size_t begin = 0;
    for (std::size_t comma = body.find(','); comma != std::string_view::npos; comma = body.find(',', comma + 1)) {
      const auto rest = body.substr(comma + 1);
      const auto equals = rest.find('=');
      if (equals == std::string_view::npos) break;
      if (!is_name(text::trim(rest.substr(0, equals)))) continue;
      parts.push_back(body.substr(begin, comma - begin));
      begin = comma + 1;
    }
    parts.push_back(body.substr(begin));
    return parts;
  }

  void read_setting(std::string_view body) {
    const auto equals = body.find('=');
    if (equals == std::string_view::npos) {
      trap(fmt::format("'{}' has no equals sign; the line is not read", legacy::printable(body, 60)));
      return;
    }
    const std::string_view key = text::trim(body.substr(0, equals));
    if (!is_name(key)) {
      trap(fmt::format("'{}' is no name of a parameter; the line is not read", legacy::printable(key, 60)));
      return;
    }
    const std::string_view value = body.substr(equals + 1);
    const bool spaced = equals > 0 && is_space(body[equals - 1]) && (text::trim(value).empty() || is_space(value.front()));
    if (!spaced) trap(fmt::format("{} has no spaces around =, so MOPEX would not read it and take its default; it is read here", key));
    config_.settings.push_back({block_, std::string{key}, legacy::unquoted(value, line_, config_.traps), line_});
  }

  LegacyConfig config_;
  std::string block_;
  int line_ = 0, opened_ = 0, ended_ = 0;
};

}  // namespace

LegacyConfig read_namelist(std::string_view content) { return Reader{}.read(content); }

}  // namespace tessera::param
