#include "tessera/core/header.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tessera/base/text.h"

namespace tessera {
namespace {

constexpr std::size_t card_columns = 80;
constexpr std::size_t text_columns = 72;  // of a COMMENT or HISTORY card

std::string_view trim_right(std::string_view s) {
  const auto last = s.find_last_not_of(' ');
  return last == std::string_view::npos ? std::string_view{} : s.substr(0, last + 1);
}

bool same_key(std::string_view a, std::string_view b) {
  return a.size() == b.size() && text::starts_with_nocase(a, b);
}

std::string_view without_hierarch(std::string_view key) {
  constexpr std::string_view word = "HIERARCH ";
  if (key.size() > word.size() && text::starts_with_nocase(key, word)) return text::trim(key.substr(word.size()));
  return key;
}

bool is_commentary(std::string_view key) { return key.empty() || key == "COMMENT" || key == "HISTORY"; }

bool is_printable(std::string_view s) {
  return std::all_of(s.begin(), s.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

// ---- reading ----

/// What stands behind "KEY = ". `string` tells a quoted value, which alone can be continued.
struct ValueField {
  Card::Value value;
  std::string comment;
  bool string = false;
};

/// The text behind '/', which may be missing; nothing when something else stands there.
std::optional<std::string> comment_after(std::string_view rest) {
  rest = text::trim(rest);
  if (rest.empty()) return std::string{};
  if (rest.front() != '/') return std::nullopt;
  return std::string{text::trim(rest.substr(1))};
}

/// 'It''s' → It's, blanks at the end kept; `rest` is what follows the closing quote.
std::optional<std::string> unquote(std::string_view field, std::string_view& rest) {
  std::string value;
  for (std::size_t i = 1; i < field.size(); ++i) {
    if (field[i] == '\'') {
      if (i + 1 >= field.size() || field[i + 1] != '\'') {
        rest = field.substr(i + 1);
        return value;
      }
      ++i;
    }
    value += field[i];
  }
  return std::nullopt;
}

/// A logical, an integer, a real, or a complex pair (kept as text); nothing when it is none of them.
std::optional<Card::Value> parse_plain(std::string_view word) {
  if (word == "T" || word == "F") return Card::Value{word == "T"};
  if (word.size() > 2 && word.front() == '(' && word.back() == ')') return Card::Value{std::string{word}};
  if (word.find_first_not_of("0123456789+-.eEdD") != std::string_view::npos) return std::nullopt;  // no "nan", no "inf"
  if (const auto integer = text::to_integer(word)) return Card::Value{static_cast<std::int64_t>(*integer)};
  if (const auto real = text::to_double(word)) return Card::Value{*real};
  return std::nullopt;
}

std::optional<ValueField> parse_value(std::string_view field) {
  field = text::trim(field);
  ValueField result;
  if (!field.empty() && field.front() == '\'') {
    std::string_view rest;
    auto value = unquote(field, rest);
    if (!value) return std::nullopt;
    const auto comment = comment_after(rest);
    if (!comment) return std::nullopt;
    result.value = std::move(*value);
    result.comment = *comment;
    result.string = true;
    return result;
  }
  const auto slash = field.find('/');
  const auto word = text::trim(field.substr(0, slash));
  if (slash != std::string_view::npos) result.comment = text::trim(field.substr(slash + 1));
  if (word.empty()) return result;  // an undefined value is legal
  auto value = parse_plain(word);
  if (!value) return std::nullopt;
  result.value = std::move(*value);
  return result;
}

struct KeyAndField {
  std::string key;
  std::string_view field;  ///< behind the value indicator, or all text behind the key when there is none
  bool has_value = false;
};

KeyAndField split_card(std::string_view card) {
  const auto key = trim_right(card.substr(0, 8));
  if (same_key(key, "HIERARCH")) {
    const auto equals = card.find('=');
    if (equals != std::string_view::npos) {
      const auto words = text::trim(card.substr(8, equals - 8));
      if (!words.empty()) return {text::upper(words), card.substr(equals + 1), true};
    }
  }
  if (!is_printable(key)) return {"", card, false};
  const bool value = card.substr(8, 2) == "= " && !is_commentary(text::upper(key));
  return {text::upper(text::trim(key)), card.substr(value ? 10 : 8), value};
}

/// Appends the CONTINUE cards that follow position `at`; gives the position behind the last one used.
std::size_t join_continued(std::string_view all, std::size_t at, std::string& value, std::string& comment) {
  while (!value.empty() && value.back() == '&' && at < all.size()) {
    std::string next{all.substr(at, card_columns)};
    next.resize(card_columns, ' ');
    if (!next.starts_with("CONTINUE")) break;
    const auto piece = parse_value(std::string_view{next}.substr(8));
    if (!piece || !piece->string) break;
    value.pop_back();
    value += std::get<std::string>(piece->value);
    if (!piece->comment.empty()) comment += fmt::format("{}{}", comment.empty() ? "" : " ", piece->comment);
    at += card_columns;
    while (!value.empty() && value.back() == ' ') value.pop_back();
  }
  return at;
}

// ---- writing ----

std::string padded(std::string card) {
  card.resize(card_columns, ' ');
  return card;
}

/// FITS headers hold printable ASCII only.
std::string printable(std::string_view s) {
  std::string result{s};
  for (char& c : result) {
    if (c < ' ' || c > '~') c = '?';
  }
  return result;
}

std::string format_real(double value) {
  std::string s = text::upper(text::from_double(value));
  if (s.find_first_of(".E") == std::string::npos) s += ".0";
  return s;
}

/// Cuts `value` into quoted pieces: the first of at most `first` columns, the others of at most `others`, every
/// piece but the last ending in '&'. A doubled quote is never cut in two.
std::vector<std::string> quoted_pieces(std::string_view value, std::size_t first, std::size_t others) {
  const auto width = [](char c) { return c == '\'' ? 2u : 1u; };
  std::size_t rest_width = 0;
  for (const char c : value) rest_width += width(c);
  std::vector<std::string> pieces;
  std::size_t at = 0;
  for (;;) {
    const std::size_t room = (pieces.empty() ? first : others) - 2;
    const bool last = rest_width <= room;
    std::string piece = "'";
    for (std::size_t used = 0; at < value.size() && used + width(value[at]) + (last ? 0 : 1) <= room; ++at) {
      piece.append(width(value[at]), value[at]);
      used += width(value[at]);
      rest_width -= width(value[at]);
    }
    if (last) {
      if (pieces.empty() && piece.size() < 9) piece.resize(9, ' ');  // fixed format: at least eight letters
      pieces.push_back(piece + "'");
      return pieces;
    }
    pieces.push_back(piece + "&'");
  }
}

std::string with_comment(std::string card, std::string_view comment) {
  if (!comment.empty() && card.size() + 4 < card_columns) {
    card += " / ";
    card += comment.substr(0, card_columns - card.size());
  }
  return padded(std::move(card));
}

std::string plain_value(const Card::Value& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "T" : "F";
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return fmt::format("{}", *integer);
  if (const auto* real = std::get_if<double>(&value); real && std::isfinite(*real)) return format_real(*real);
  return "";  // undefined: a FITS header has no way to say NaN
}

std::string text_cards(std::string_view key, std::string_view text) {
  std::string result;
  do {
    result += padded(fmt::format("{:<8}{}", key, printable(text.substr(0, text_columns))));
    text.remove_prefix(std::min(text.size(), text_columns));
  } while (!text.empty());
  return result;
}

std::string format_card(const Card& card) {
  const bool no_value = std::holds_alternative<std::monostate>(card.value);
  if (is_commentary(card.key)) return text_cards(card.key, card.comment);
  const bool standard = card.key.size() <= 8 && card.key.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
                                                    std::string::npos;
  const std::string prefix =
      standard ? fmt::format("{:<8}= ", card.key) : fmt::format("HIERARCH {} = ", printable(card.key));
  const std::string comment = printable(card.comment);
  const auto* string = std::get_if<std::string>(&card.value);
  const std::string plain = string || no_value ? "" : plain_value(card.value);
  if (prefix.size() + std::max<std::size_t>(plain.size(), string ? 12 : 0) > card_columns) {
    // No room for the value behind so long a keyword: keep what can be kept as a remark.
    const std::string value = string ? *string : plain;
    return text_cards("COMMENT", fmt::format("{} = {} / {}", card.key, value, card.comment));
  }
  if (!string) return with_comment(fmt::format("{}{:>{}}", prefix, plain, standard ? 20 : 0), comment);
  std::string result;
  const auto pieces = quoted_pieces(printable(*string), card_columns - prefix.size(), card_columns - 10);
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    std::string line = (i == 0 ? prefix : std::string{"CONTINUE  "}) + pieces[i];
    if (pieces.size() == 1 && standard && line.size() < 30) line.resize(30, ' ');
    result += with_comment(std::move(line), i + 1 == pieces.size() ? comment : "");
  }
  return result;
}

/// Lines of at most `text_columns` characters, broken at a blank where one stands late enough in the line.
std::vector<std::string> wrapped(std::string_view text) {
  std::vector<std::string> lines;
  for (const auto& paragraph : text::split(text, '\n')) {
    std::string_view rest = trim_right(paragraph);
    while (rest.size() > text_columns) {
      const auto blank = rest.rfind(' ', text_columns);
      const bool at_blank = blank != std::string_view::npos && blank > text_columns / 2;
      const auto length = at_blank ? blank : text_columns;
      lines.emplace_back(trim_right(rest.substr(0, length)));
      rest.remove_prefix(length + (at_blank ? 1 : 0));
    }
    lines.emplace_back(rest);
  }
  return lines;
}

}  // namespace

const Card* Header::find(std::string_view key) const {
  const auto wanted = without_hierarch(key);
  for (const auto& card : cards_) {
    if (same_key(card.key, wanted)) return &card;
  }
  return nullptr;
}

std::optional<double> Header::number(std::string_view key) const {
  const Card* card = find(key);
  if (!card) return std::nullopt;
  if (const auto* real = std::get_if<double>(&card->value)) return *real;
  if (const auto* integer = std::get_if<std::int64_t>(&card->value)) return static_cast<double>(*integer);
  if (const auto* string = std::get_if<std::string>(&card->value)) return text::to_double(*string);
  return std::nullopt;
}

std::optional<std::int64_t> Header::integer(std::string_view key) const {
  const Card* card = find(key);
  if (!card) return std::nullopt;
  if (const auto* integer = std::get_if<std::int64_t>(&card->value)) return *integer;
  if (const auto* string = std::get_if<std::string>(&card->value)) {
    if (const auto integer = text::to_integer(*string)) return *integer;
  }
  const auto real = number(key);
  constexpr double limit = 9007199254740992.0;  // 2^53: beyond it a double does not name one integer
  if (real && std::abs(*real) <= limit && std::trunc(*real) == *real) return static_cast<std::int64_t>(*real);
  return std::nullopt;
}

std::optional<std::string> Header::text(std::string_view key) const {
  const Card* card = find(key);
  if (!card || std::holds_alternative<std::monostate>(card->value)) return std::nullopt;
  if (const auto* string = std::get_if<std::string>(&card->value)) return std::string{text::trim(*string)};
  if (const auto* real = std::get_if<double>(&card->value)) return text::from_double(*real);
  return plain_value(card->value);
}

std::optional<bool> Header::logical(std::string_view key) const {
  const Card* card = find(key);
  if (!card) return std::nullopt;
  if (const auto* flag = std::get_if<bool>(&card->value)) return *flag;
  const auto word = text(key).value_or("");
  if (word == "T" || word == "1" || same_key(word, "TRUE")) return true;
  if (word == "F" || word == "0" || same_key(word, "FALSE")) return false;
  return std::nullopt;
}

void Header::set(std::string_view key, Card::Value value, std::string_view comment) {
  const auto name = text::upper(without_hierarch(key));
  if (const Card* found = find(name)) {
    const auto index = static_cast<std::size_t>(found - cards_.data());
    cards_[index].value = std::move(value);
    if (!comment.empty()) cards_[index].comment = comment;
    if (index < raw_.size()) raw_[index].clear();
    return;
  }
  add({name, std::move(value), std::string{comment}});
}

void Header::add_history(std::string_view text) {
  for (auto& line : wrapped(text)) add({"HISTORY", {}, std::move(line)});
}

void Header::add_comment(std::string_view text) {
  for (auto& line : wrapped(text)) add({"COMMENT", {}, std::move(line)});
}

void Header::remove(std::string_view key) {
  const std::string name{without_hierarch(key)};
  raw_.resize(cards_.size());
  for (std::size_t i = cards_.size(); i-- > 0;) {
    if (!same_key(cards_[i].key, name)) continue;
    cards_.erase(cards_.begin() + static_cast<std::ptrdiff_t>(i));
    raw_.erase(raw_.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

Header Header::parse(std::string_view cards80) {
  Header header;
  for (std::size_t at = 0; at < cards80.size();) {
    std::string raw{cards80.substr(at, card_columns)};
    raw.resize(card_columns, ' ');
    if (trim_right(raw) == "END") break;
    const std::size_t start = at;
    at += card_columns;
    const auto [key, field, has_value] = split_card(raw);
    Card card{key, {}, std::string{trim_right(field)}};
    if (auto value = has_value ? parse_value(field) : std::nullopt) {
      card.comment = std::move(value->comment);
      if (value->string) {
        auto& string = std::get<std::string>(value->value);
        string = trim_right(string);
        at = join_continued(cards80, at, string, card.comment);
      }
      card.value = std::move(value->value);
    }
    raw = cards80.substr(start, at - start);
    raw.resize((at - start), ' ');
    header.cards_.push_back(std::move(card));
    header.raw_.push_back(std::move(raw));
  }
  return header;
}

std::string Header::cards80() const {
  std::string result;
  result.reserve(cards_.size() * card_columns);
  for (std::size_t i = 0; i < cards_.size(); ++i) {
    result += i < raw_.size() && !raw_[i].empty() ? raw_[i] : format_card(cards_[i]);
  }
  return result;
}

}  // namespace tessera
