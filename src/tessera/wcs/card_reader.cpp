#include "tessera/wcs/card_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "tessera/base/error.h"
#include "tessera/base/text.h"

namespace tessera::wcs {
namespace {

constexpr std::size_t most_cards = 200'000;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// An index of one to three digits without leading zero; 0 itself is legal (A_0_2, PV1_0).
std::optional<int> index_at(std::string_view s, std::size_t& at) {
  const std::size_t start = at;
  int value = 0;
  while (at < s.size() && is_digit(s[at]) && at - start < 3) value = value * 10 + (s[at++] - '0');
  if (at == start || (s[start] == '0' && at - start > 1)) return std::nullopt;
  return value;
}

/// Keywords whose loss would move pixels on the sky.
bool moves_pixels(std::string_view key) {
  constexpr std::array plain{"LONPOLE", "LATPOLE", "WCSAXES", "A_ORDER", "B_ORDER"};
  if (std::find(plain.begin(), plain.end(), key) != plain.end()) return true;
  const auto indexed = split_indexed(key);
  if (!indexed) return false;
  constexpr std::array one{"CRVAL", "CRPIX", "CDELT", "CROTA", "CTYPE", "CPDIS", "D2IMDIS"};
  constexpr std::array two{"CD", "PC", "PV", "A_", "B_"};
  const auto in = [&](const auto& list) { return std::find(list.begin(), list.end(), indexed->stem) != list.end(); };
  return indexed->second < 0 ? in(one) : in(two);
}

std::string without_alternate(std::string key, char alternate) {
  if (alternate != ' ' && key.size() > 1 && key.back() == alternate) key.pop_back();
  return key;
}

bool same_value(const Card::Value& a, const Card::Value& b) {
  const auto real = [](const Card::Value& v) -> std::optional<double> {
    if (const auto* d = std::get_if<double>(&v)) return *d;
    if (const auto* i = std::get_if<std::int64_t>(&v)) return static_cast<double>(*i);
    return std::nullopt;
  };
  const auto x = real(a), y = real(b);
  return x && y ? *x == *y : a == b;
}

}  // namespace

std::optional<IndexedKey> split_indexed(std::string_view key) {
  std::size_t at = 0;
  // The stems that end in '_' or hold a digit of their own.
  if (key.starts_with("A_") || key.starts_with("B_"))
    at = 2;
  else if (key.starts_with("AP_") || key.starts_with("BP_"))
    at = 3;
  else if (key.starts_with("D2IMDIS"))
    at = 7;
  else if (key.starts_with("D2IM"))
    at = 4;
  else
    while (at < key.size() && !is_digit(key[at])) ++at;
  if (at == 0) return std::nullopt;
  IndexedKey result{key.substr(0, at)};
  const auto first = index_at(key, at);
  if (!first) return std::nullopt;
  result.first = *first;
  if (at == key.size()) return result;
  if (key[at++] != '_') return std::nullopt;
  const auto second = index_at(key, at);
  if (!second || at != key.size()) return std::nullopt;
  result.second = *second;
  return result;
}

CardReader::CardReader(const Header& header, std::string where, char alternate)
    : header_{header}, where_{std::move(where)}, alternate_{alternate} {
  if (header.cards().size() > most_cards)
    refuse(fmt::format("the header has {} cards, more than {}", header.cards().size(), most_cards));
  for (const Card& card : header.cards()) {
    // "CRVAL1 = 3." (the '=' outside column 9) comes with the '=' in its key.
    const auto cut = card.key.find_first_of(" =");
    const std::string key = card.key.substr(0, cut);
    if (cut != std::string::npos && std::holds_alternative<std::monostate>(card.value) && card.key.find('=') != std::string::npos &&
        moves_pixels(without_alternate(key, alternate)))
      refuse(fmt::format("the card of {} is malformed ('=' and a blank belong in columns 9 and 10); correct the header", key));
    if (cut != std::string::npos) continue;
    const auto [place, fresh] = cards_.emplace(card.key, &card);
    if (!fresh && !same_value(place->second->value, card.value)) contradicted_.push_back(card.key);
  }
}

const Card* CardReader::find(const std::string& key) const {
  const auto found = cards_.find(key);
  if (found == cards_.end()) return nullptr;
  if (std::find(contradicted_.begin(), contradicted_.end(), key) != contradicted_.end())
    refuse(fmt::format("{} stands more than once with different values; remove the wrong card", key));
  return found->second;
}

std::optional<double> CardReader::number(const std::string& key) const {
  const Card* card = find(key);
  if (!card) return std::nullopt;
  std::optional<double> value;
  if (const auto* d = std::get_if<double>(&card->value)) value = *d;
  if (const auto* i = std::get_if<std::int64_t>(&card->value)) value = static_cast<double>(*i);
  if (const auto* s = std::get_if<std::string>(&card->value)) value = text::to_double(text::trim(*s));
  if (!value || !std::isfinite(*value)) refuse(fmt::format("{} is not a finite number; correct the card", key));
  return value;
}

std::optional<int> CardReader::integer(const std::string& key) const {
  const auto value = number(key);
  if (!value) return std::nullopt;
  if (std::trunc(*value) != *value || std::abs(*value) > 2147483647.0) refuse(fmt::format("{} = {} is not an integer", key, *value));
  return static_cast<int>(*value);
}

std::optional<std::string> CardReader::text(const std::string& key) const {
  const Card* card = find(key);
  if (!card) return std::nullopt;
  if (const auto* s = std::get_if<std::string>(&card->value)) return text::upper(text::trim(*s));
  if (const auto value = header_.text(key)) return value;
  refuse(fmt::format("{} has no readable value", key));
}

std::string CardReader::named(std::string_view key) const {
  return alternate_ == ' ' ? std::string{key} : fmt::format("{}{}", key, alternate_);
}

void CardReader::refuse(const std::string& why) const { throw DataError{fmt::format("{}: {}", where_, why)}; }

}  // namespace tessera::wcs
