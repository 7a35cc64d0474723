/// wcs/card_reader.h — WCS cards of one header under one alternate letter, strictly read: absent is fine, unreadable is not.
/// Private to the room.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tessera/core/header.h"

namespace tessera::wcs {

/// "CD1_2" → {"CD", 1, 2}; "CRVAL1" → {"CRVAL", 1, -1}. Leading zeros ("CD001002") do not match.
struct IndexedKey {
  std::string_view stem;
  int first = -1, second = -1;
};
std::optional<IndexedKey> split_indexed(std::string_view key);

class CardReader {
 public:
  /// Throws DataError when a card that looks like a WCS card is malformed, so that nothing is lost in silence.
  CardReader(const Header& header, std::string where, char alternate);

  bool has(const std::string& key) const { return cards_.contains(key); }
  /// Nothing when absent; throws DataError when the card is no finite number or stands twice with different values.
  std::optional<double> number(const std::string& key) const;
  std::optional<int> integer(const std::string& key) const;
  std::optional<std::string> text(const std::string& key) const;
  /// `key` with the alternate letter behind it.
  std::string named(std::string_view key) const;
  char alternate() const { return alternate_; }
  const std::string& where() const { return where_; }
  /// Every card, in order; repeated ones (record-valued cards) included.
  const std::vector<Card>& cards() const { return header_.cards(); }
  [[noreturn]] void refuse(const std::string& why) const;

 private:
  const Card* find(const std::string& key) const;
  const Header& header_;
  std::string where_;
  char alternate_;
  std::unordered_map<std::string, const Card*> cards_;
  std::vector<std::string> contradicted_;
};

}  // namespace tessera::wcs
