#include "tessera/param/legacy.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "tessera/base/text.h"
#include "tessera/base/utf8.h"

namespace tessera::param {

const LegacySetting* LegacyConfig::find(std::string_view block, std::string_view key) const {
  const LegacySetting* found = nullptr;
  const std::string wanted_block = text::lower(block), wanted_key = text::lower(key);
  for (const LegacySetting& s : settings)
    if (text::lower(s.key) == wanted_key && text::lower(s.block) == wanted_block) found = &s;
  return found;
}

bool LegacyConfig::has_block(std::string_view block) const {
  return std::any_of(blocks.begin(), blocks.end(), [&](const std::string& b) { return text::lower(b) == text::lower(block); });
}

namespace legacy {

std::vector<std::string> lines(std::string_view content, std::vector<LegacyTrap>& traps) {
  if (content.starts_with("\xEF\xBB\xBF")) {
    content.remove_prefix(3);
    traps.push_back({1, "the file begins with a byte-order mark, which is left out"});
  }
  std::vector<std::string> result;
  bool told = false;
  while (!content.empty()) {
    const auto end = std::min(content.find_first_of("\r\n"), content.size());
    result.emplace_back(content.substr(0, end));
    const bool returned = end < content.size() && content[end] == '\r';
    if (returned && !told) traps.push_back({static_cast<int>(result.size()), "lines end with a carriage return (written on another system), which is left out"});
    told = told || returned;
    content.remove_prefix(end);
    if (content.starts_with("\r\n")) content.remove_prefix(2);
    else if (!content.empty()) content.remove_prefix(1);
  }
  return result;
}

std::string printable(std::string_view s, std::size_t most) {
  std::string result;
  // Bytes that are no UTF-8 come back as letters U+EF80 … U+EFFF: three bytes that begin with EE BE or EE BF.
  const std::string valid = text::to_utf8(s);
  for (std::size_t i = 0; i < valid.size(); ++i) {
    const auto c = static_cast<unsigned char>(valid[i]);
    const auto next = i + 1 < valid.size() ? static_cast<unsigned char>(valid[i + 1]) : 0;
    const bool replaced = c == 0xEE && (next == 0xBE || next == 0xBF);
    const bool upper_control = c == 0xC2 && next < 0xA0;
    if (result.size() >= most && (c & 0xC0) != 0x80) return result + "...";
    if (replaced) {
      result += '?';
      i += 2;
    } else if (upper_control) {
      result += '?';
      i += 1;
    } else {
      result += c < 0x20 || c == 0x7F ? (c == '\t' ? ' ' : '?') : static_cast<char>(c);
    }
  }
  return result;
}

std::string_view without_comment(std::string_view line) {
  char quote = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote && c == quote) quote = 0;
    else if (!quote && (c == '"' || c == '\'') && line.find(c, i + 1) != std::string_view::npos) quote = c;
    else if (!quote && c == '#' && (i == 0 || line[i - 1] == ' ' || line[i - 1] == '\t' || line[i - 1] == ',')) return line.substr(0, i);
  }
  return line;
}

std::string unquoted(std::string_view value, int line, std::vector<LegacyTrap>& traps) {
  std::string s{text::trim(value)};
  bool typographic = false;
  for (const auto& [mark, plain] : {std::pair{"\xE2\x80\x98", '\''}, {"\xE2\x80\x99", '\''}, {"\xE2\x80\x9C", '"'}, {"\xE2\x80\x9D", '"'}})
    for (auto at = s.find(mark); at != std::string::npos; at = s.find(mark, at + 1)) {
      s.replace(at, 3, 1, plain);
      typographic = true;
    }
  if (typographic) traps.push_back({line, "typographic quotation marks are taken as plain ones"});
  const auto is_quote = [](char c) { return c == '\'' || c == '"'; };
  // Quotes around parts of a condition: "SNR > 5" and "deblend ! NO".
  const bool several = s.size() > 2 && is_quote(s.front()) && s.back() == s.front() && s.find(s.front(), 1) + 1 < s.size();
  if (several) return s;
  if (s.size() >= 2 && is_quote(s.front()) && s.back() == s.front()) return std::string{text::trim(std::string_view{s}.substr(1, s.size() - 2))};
  if (s.empty() || (!is_quote(s.front()) && !is_quote(s.back()))) return s;
  traps.push_back({line, "a quotation mark has no partner, and is left out"});
  if (is_quote(s.front())) s.erase(0, 1);
  if (!s.empty() && is_quote(s.back())) s.pop_back();
  return std::string{text::trim(s)};
}

void note_repetitions(LegacyConfig& config) {
  std::map<std::string, const LegacySetting*> seen;
  for (const LegacySetting& s : config.settings) {
    const auto [at, fresh] = seen.try_emplace(text::lower(s.block) + '\n' + text::lower(s.key), &s);
    if (fresh) continue;
    if (at->second->value != s.value)
      config.traps.push_back({s.line, fmt::format("{} stands on line {} already; the value of line {} counts", printable(s.key, 60), at->second->line, s.line)});
    at->second = &s;
  }
  std::stable_sort(config.traps.begin(), config.traps.end(), [](const LegacyTrap& a, const LegacyTrap& b) { return a.line < b.line; });
}

}  // namespace legacy

}  // namespace tessera::param
