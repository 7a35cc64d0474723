#include "tessera/io/yaml_subset.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "tessera/base/error.h"
#include "tessera/base/text.h"

namespace tessera::io::detail {
namespace {

constexpr int depth_limit = 40;

void append_utf8(std::string& out, unsigned code) {
  if (code < 0x80) out += static_cast<char>(code);
  else if (code < 0x800) (out += static_cast<char>(0xc0 | (code >> 6))) += static_cast<char>(0x80 | (code & 63));
  else if (code < 0x10000) ((out += static_cast<char>(0xe0 | (code >> 12))) += static_cast<char>(0x80 | ((code >> 6) & 63))) += static_cast<char>(0x80 | (code & 63));
  else (((out += static_cast<char>(0xf0 | ((code >> 18) & 7))) += static_cast<char>(0x80 | ((code >> 12) & 63))) += static_cast<char>(0x80 | ((code >> 6) & 63))) += static_cast<char>(0x80 | (code & 63));
}

class Parser {
 public:
  Parser(std::string_view text, const std::string& where) : text_{text}, where_{where} {}

  YamlNode parse() {
    skip_blank_lines();
    YamlNode root = at_end() ? YamlNode{} : block(0, indent());
    skip_blank_lines();
    if (!at_end()) fail("text that belongs to nothing above it");
    return root;
  }

 private:
  bool at_end() const { return at_ >= text_.size(); }
  char peek(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\n'; }

  [[noreturn]] void fail(const std::string& what) const {
    throw DataError{fmt::format("{}: header of the table, line {}: {}", where_, std::count(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(std::min(at_, text_.size())), '\n') + 1, what)};
  }
  void enter(int depth) const {
    if (depth > depth_limit) fail("nested too deeply");
  }

  /// Goes to the first letter of the next line that holds more than blanks or a remark; `at_` must be at a line's start.
  void skip_blank_lines() {
    for (;;) {
      std::size_t i = at_;
      while (i < text_.size() && text_[i] == ' ') ++i;
      if (i >= text_.size()) {
        at_ = text_.size();
        return;
      }
      if (text_[i] != '\n' && text_[i] != '#' && text_[i] != '\r') return;
      const std::size_t end = text_.find('\n', i);
      at_ = end == std::string_view::npos ? text_.size() : end + 1;
    }
  }
  /// Blanks before the first letter of the line `at_` starts.
  int indent() const {
    int n = 0;
    while (peek(static_cast<std::size_t>(n)) == ' ' && at_ + static_cast<std::size_t>(n) < text_.size()) ++n;
    return n;
  }
  void skip_spaces() {
    while (!at_end() && (peek() == ' ' || peek() == '\t')) ++at_;
  }
  std::string_view rest_of_line() {
    const std::size_t end = std::min(text_.find('\n', at_), text_.size());
    const std::string_view line = text_.substr(at_, end - at_);
    at_ = std::min(end + 1, text_.size());
    return line;
  }
  void expect_line_end() {
    skip_spaces();
    if (!at_end() && peek() == '#') rest_of_line();
    else if (!at_end() && peek() != '\n' && peek() != '\r') fail(fmt::format("\"{}\" was not expected here", peek()));
    else rest_of_line();
  }

  bool at_item() const { return peek() == '-' && (peek(1) == ' ' || peek(1) == '\n'); }

  /// A block whose lines are indented by `column` blanks, `at_` at the start of its first line.
  YamlNode block(int depth, int column) {
    enter(depth);
    at_ += static_cast<std::size_t>(column);
    return block_here(depth, column);
  }

  /// The same with `at_` already at the first letter, which stands in `column`.
  YamlNode block_here(int depth, int column) {
    enter(depth);
    if (at_item()) return block_sequence(depth, column);
    if (starts_key()) return block_mapping(depth, column);
    return value(depth, column - 1);
  }

  /// Whether a "key:" stands here: a colon followed by a blank before the line ends, outside quotes.
  bool starts_key() const {
    if (peek() == '{' || peek() == '[' || peek() == '!' || peek() == '|' || peek() == '>') return false;
    std::size_t i = at_;
    if (text_[i] == '"' || text_[i] == '\'') {
      const char quote = text_[i++];
      while (i < text_.size() && text_[i] != '\n' && text_[i] != quote) i += text_[i] == '\\' && quote == '"' ? 2 : 1;
      ++i;
      return i < text_.size() && text_[i] == ':';
    }
    for (; i < text_.size() && text_[i] != '\n'; ++i)
      if (text_[i] == ':' && (i + 1 >= text_.size() || text_[i + 1] == ' ' || text_[i + 1] == '\n' || text_[i + 1] == '\r')) return true;
    return false;
  }

  YamlNode block_sequence(int depth, int column) {
    YamlNode node;
    node.kind = YamlNode::Kind::sequence;
    for (;;) {
      const std::size_t item_at = at_;
      ++at_;
      skip_spaces();
      if (peek() == '\n') node.items.push_back(value(depth + 1, column));
      else node.items.push_back(block_here(depth + 1, column + static_cast<int>(at_ - item_at)));
      skip_blank_lines();
      if (at_end() || indent() != column) return node;
      at_ += static_cast<std::size_t>(column);
      if (!at_item()) {
        at_ -= static_cast<std::size_t>(column);
        return node;
      }
    }
  }

  std::string key() {
    std::string name;
    if (peek() == '"' || peek() == '\'') name = quoted_scalar();
    else
      while (!(peek() == ':' && (peek(1) == ' ' || peek(1) == '\n' || peek(1) == '\r'))) name += text_[at_++];
    skip_spaces();
    if (at_end() || peek() != ':') fail("\":\" was expected");
    ++at_;
    return std::string{text::trim(name)};
  }

  YamlNode block_mapping(int depth, int column) {
    YamlNode node;
    node.kind = YamlNode::Kind::mapping;
    for (;;) {
      std::string name = key();
      node.entries.emplace_back(std::move(name), value(depth + 1, column, true));
      skip_blank_lines();
      if (at_end() || indent() != column) return node;
      at_ += static_cast<std::size_t>(column);
      if (at_item() || !starts_key()) {
        at_ -= static_cast<std::size_t>(column);
        return node;
      }
    }
  }

  void skip_tag() {
    while (peek() == '!' || peek() == '&') {
      while (!at_end() && peek() != ' ' && peek() != '\n') ++at_;
      skip_spaces();
    }
  }

  /// What stands behind "key:" or "-"; a block below it is indented by more than `column` (a sequence under a key may be level with it).
  YamlNode value(int depth, int column, bool under_key = false) {
    enter(depth);
    skip_spaces();
    skip_tag();
    if (at_end() || peek() == '\n' || peek() == '\r' || peek() == '#') {
      rest_of_line();
      skip_blank_lines();
      if (at_end()) return {};
      const int next = indent();
      const bool level_item = under_key && next == column && text_[at_ + static_cast<std::size_t>(next)] == '-';
      return next > column || level_item ? block(depth + 1, next) : YamlNode{};
    }
    if (peek() == '|' || peek() == '>') return block_scalar(column);
    if (peek() == '{' || peek() == '[') {
      YamlNode node = flow(depth + 1);
      expect_line_end();
      return node;
    }
    YamlNode node;
    node.kind = YamlNode::Kind::scalar;
    if (peek() == '"' || peek() == '\'') {
      node.quoted = true;
      node.scalar = quoted_scalar();
      expect_line_end();
      return node;
    }
    node.scalar = plain_line();
    for (skip_blank_lines(); !at_end() && indent() > column; skip_blank_lines()) {  // the scalar goes on in deeper lines
      at_ += static_cast<std::size_t>(indent());
      node.scalar += " " + plain_line();
    }
    return plain(std::move(node));
  }

  std::string plain_line() {
    std::string_view line = rest_of_line();
    return std::string{text::trim(line.substr(0, line.find(" #")))};
  }

  static YamlNode plain(YamlNode node) {
    if (node.scalar == "null" || node.scalar == "~" || node.scalar.empty()) node.kind = YamlNode::Kind::null;
    return node;
  }

  YamlNode block_scalar(int column) {
    const std::string head{text::trim(rest_of_line())};
    const bool folded = head.front() == '>';
    YamlNode node;
    node.kind = YamlNode::Kind::scalar;
    node.quoted = true;
    int own = -1;
    for (;;) {
      const std::size_t line_start = at_;
      if (at_end()) break;
      const int n = indent();
      const bool blank = peek(static_cast<std::size_t>(n)) == '\n';
      if (!blank && n <= column) {
        at_ = line_start;
        break;
      }
      if (own < 0 && !blank) own = n;
      std::string_view line = rest_of_line();
      line.remove_prefix(std::min(line.size(), static_cast<std::size_t>(std::max(own, 0))));
      if (!node.scalar.empty()) node.scalar += folded && !blank ? ' ' : '\n';
      node.scalar += line;
    }
    while (node.scalar.ends_with('\n')) node.scalar.pop_back();
    if (head.find('-') == std::string::npos) node.scalar += '\n';
    return node;
  }

  /// Blanks, line ends and remarks between the parts of a flow value.
  void skip_flow_space() {
    while (!at_end() && (peek() == ' ' || peek() == '\n' || peek() == '\r' || peek() == '\t')) ++at_;
  }

  YamlNode flow(int depth) {
    enter(depth);
    skip_flow_space();
    skip_tag();
    skip_flow_space();
    if (peek() == '{' || peek() == '[') return flow_collection(depth);
    YamlNode node;
    node.kind = YamlNode::Kind::scalar;
    if (peek() == '"' || peek() == '\'') {
      node.quoted = true;
      node.scalar = quoted_scalar();
      return node;
    }
    while (!at_end() && std::string_view{",]}"}.find(peek()) == std::string_view::npos && !(peek() == ':' && std::string_view{" \n,]}"}.find(peek(1)) != std::string_view::npos))
      node.scalar += text_[at_++];
    std::string folded;
    for (const std::string& line : text::split(node.scalar, '\n')) folded += (folded.empty() ? "" : " ") + std::string{text::trim(line)};
    node.scalar = std::string{text::trim(folded)};
    return plain(std::move(node));
  }

  YamlNode flow_collection(int depth) {
    YamlNode node;
    const bool mapping = text_[at_++] == '{';
    node.kind = mapping ? YamlNode::Kind::mapping : YamlNode::Kind::sequence;
    const char close = mapping ? '}' : ']';
    for (;;) {
      skip_flow_space();
      if (at_end()) fail(fmt::format("\"{}\" is missing", close));
      if (peek() == close) break;
      YamlNode first = flow(depth + 1);
      skip_flow_space();
      if (peek() == ':' && !at_end()) {
        ++at_;
        YamlNode second = flow(depth + 1);
        if (mapping) {
          node.entries.emplace_back(first.scalar, std::move(second));
        } else {  // [a: 1] is a sequence of one-entry mappings
          YamlNode pair;
          pair.kind = YamlNode::Kind::mapping;
          pair.entries.emplace_back(first.scalar, std::move(second));
          node.items.push_back(std::move(pair));
        }
      } else if (mapping) {
        node.entries.emplace_back(first.scalar, YamlNode{});
      } else {
        node.items.push_back(std::move(first));
      }
      skip_flow_space();
      if (peek() == ',' && !at_end()) ++at_;
      else if (at_end() || peek() != close) fail(fmt::format("\",\" or \"{}\" was expected", close));
    }
    ++at_;
    return node;
  }

  void fold_line_break(std::string& out) {
    while (out.ends_with(' ')) out.pop_back();
    int breaks = 0;
    while (!at_end() && (peek() == ' ' || peek() == '\n' || peek() == '\r')) breaks += text_[at_++] == '\n';
    out += breaks > 1 ? std::string(static_cast<std::size_t>(breaks - 1), '\n') : std::string{" "};
  }

  std::string quoted_scalar() {
    const char quote = text_[at_++];
    std::string out;
    for (;;) {
      if (at_end()) fail("a quoted text does not end");
      const char c = text_[at_];
      if (c == quote) {
        ++at_;
        if (quote != '\'' || peek() != '\'' || at_end()) return out;
        out += text_[at_++];
      } else if (c == '\n') {
        fold_line_break(out);
      } else if (c == '\\' && quote == '"') {
        ++at_;
        escape(out);
      } else {
        out += text_[at_++];
      }
    }
  }

  void escape(std::string& out) {
    if (at_end()) fail("a quoted text does not end");
    const char c = text_[at_++];
    const auto hex = [&](std::size_t digits) {
      unsigned code = 0;
      for (std::size_t i = 0; i < digits; ++i) {
        const auto value = std::string_view{"0123456789abcdef"}.find(static_cast<char>(std::tolower(static_cast<unsigned char>(peek()))));
        if (value == std::string_view::npos) fail("a damaged \\ escape");
        code = code * 16 + static_cast<unsigned>(value);
        ++at_;
      }
      append_utf8(out, code);
    };
    switch (c) {
      case 'n': out += '\n'; break;
      case 't': out += '\t'; break;
      case 'r': out += '\r'; break;
      case '0': out += '\0'; break;
      case 'x': hex(2); break;
      case 'u': hex(4); break;
      case 'U': hex(8); break;
      case '\n':  // the line break is no part of the text, nor are the blanks before it goes on
        while (!at_end() && peek() == ' ') ++at_;
        break;
      default: out += c;
    }
  }

  std::string_view text_;
  const std::string& where_;
  std::size_t at_ = 0;
};

}  // namespace

const YamlNode* YamlNode::find(std::string_view key) const {
  for (const auto& [name, node] : members())
    if (name == key) return node;
  return nullptr;
}

std::string YamlNode::text(std::string_view key) const {
  const YamlNode* node = find(key);
  return node ? node->scalar : std::string{};
}

std::vector<std::pair<std::string, const YamlNode*>> YamlNode::members() const {
  std::vector<std::pair<std::string, const YamlNode*>> out;
  for (const auto& [name, node] : entries) out.emplace_back(name, &node);
  for (const YamlNode& item : items)
    for (const auto& [name, node] : item.entries) out.emplace_back(name, &node);
  return out;
}

YamlNode parse_yaml(std::string_view text, const std::string& where) { return Parser{text, where}.parse(); }

std::string yaml_text(std::string_view s) {
  static constexpr std::array<std::string_view, 12> words{"true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf", "~"};
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '/' || c == '-'; };
  const std::string lower = text::lower(s);
  const bool letter_first = !s.empty() && ((s[0] >= 'a' && s[0] <= 'z') || (s[0] >= 'A' && s[0] <= 'Z') || s[0] == '_');
  if (letter_first && std::all_of(s.begin(), s.end(), plain) && std::find(words.begin(), words.end(), lower) == words.end()) return std::string{s};
  std::string out = "\"";
  for (const char c : s) {
    if (c == '"' || c == '\\') (out += '\\') += c;
    else if (c == '\n') out += "\\n";
    else if (c == '\t') out += "\\t";
    else if (static_cast<unsigned char>(c) < 32) out += fmt::format("\\x{:02x}", static_cast<unsigned>(c));
    else out += c;
  }
  return out + "\"";
}

}  // namespace tessera::io::detail
