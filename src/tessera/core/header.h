/// core/header.h — the cards of one FITS header (or what plays its role) as ordered, typed keywords.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tessera {

struct Card {
  using Value = std::variant<std::monostate, bool, std::int64_t, double, std::string>;
  std::string key;  ///< upper case; HIERARCH keys without the word HIERARCH; COMMENT, HISTORY and "" repeat
  Value value;      ///< monostate: no value (COMMENT, HISTORY: the text stands in `comment`)
  std::string comment;
};

class Header {
 public:
  const std::vector<Card>& cards() const { return cards_; }
  bool empty() const { return cards_.empty(); }
  bool has(std::string_view key) const { return find(key) != nullptr; }
  const Card* find(std::string_view key) const;  ///< first card of that key, case-insensitive
  /// Integers and numeric strings count as numbers; nothing when absent or not a number.
  std::optional<double> number(std::string_view key) const;
  std::optional<std::int64_t> integer(std::string_view key) const;
  std::optional<std::string> text(std::string_view key) const;  ///< any value as text, strings trimmed
  std::optional<bool> logical(std::string_view key) const;

  /// Replaces the first card of that key, or appends. An empty comment leaves the one that is there.
  void set(std::string_view key, Card::Value value, std::string_view comment = {});
  void add(Card card) { cards_.push_back(std::move(card)); }  ///< appends without looking
  void add_history(std::string_view text);                    ///< broken in pieces of 72 characters
  void add_comment(std::string_view text);
  void remove(std::string_view key);  ///< all cards of that key

  /// Reads 80-column cards (no line ends) up to END or the end; long-string CONTINUE and HIERARCH understood.
  /// Malformed cards are kept as comments; never throws.
  static Header parse(std::string_view cards80);
  /// The same cards as 80-column text without END: what wcslib wants. Cards that were read keep their bytes.
  std::string cards80() const;

 private:
  std::vector<Card> cards_;
  std::vector<std::string> raw_;  // the bytes a card was read from (80 n columns), empty when set by us
  friend struct HeaderAccess;
};

}  // namespace tessera
