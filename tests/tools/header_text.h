/// tests/tools/header_text.h — header cards from what tests find on disk: FITS files, raw 80-column cards, or lines of text.
#pragma once
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/base/files.h"
#include "tessera/core/header.h"

namespace tessera::testing_tools {

struct Hdu {
  std::string cards;  ///< multiples of 80 columns, END left out
  std::size_t data_at = 0, data_bytes = 0;
};

inline std::string as_card(std::string_view line) {
  while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
  std::string card{line.substr(0, 80)};
  card.resize(80, ' ');
  return card;
}

inline bool is_end(std::string_view card) { return card.substr(0, 8) == "END     " && card.find_first_not_of(' ', 3) == std::string_view::npos; }

/// Text with line ends: one header per END, as SCAMP writes one for each chip.
inline std::vector<Hdu> headers_of_lines(std::string_view bytes) {
  std::vector<Hdu> found(1);
  while (!bytes.empty()) {
    const auto end = bytes.find('\n');
    const std::string card = as_card(bytes.substr(0, end));
    bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end + 1);
    if (is_end(card))
      found.emplace_back();
    else
      found.back().cards += card;
  }
  if (found.size() > 1 && found.back().cards.find_first_not_of(' ') == std::string::npos) found.pop_back();
  return found;
}

inline std::size_t data_size(const Header& h) {
  const auto axes = h.integer("NAXIS").value_or(0);
  if (axes <= 0) return 0;
  std::int64_t count = 1;
  for (int i = 1; i <= axes; ++i) count *= h.integer("NAXIS" + std::to_string(i)).value_or(0);
  count = (count + h.integer("PCOUNT").value_or(0)) * h.integer("GCOUNT").value_or(1);
  return static_cast<std::size_t>(count * std::abs(h.integer("BITPIX").value_or(8)) / 8);
}

/// Raw cards, each header followed by its data when `with_data` (a FITS file).
inline std::vector<Hdu> headers_of_cards(std::string_view bytes, bool with_data) {
  constexpr std::size_t block = 2880;
  const auto padded = [](std::size_t n) { return (n + block - 1) / block * block; };
  std::vector<Hdu> found;
  for (std::size_t at = 0; at < bytes.size();) {
    Hdu hdu;
    bool ended = false;
    for (; at < bytes.size() && !ended; at += 80) {
      const std::string card = as_card(bytes.substr(at, 80));
      ended = is_end(card);
      if (!ended) hdu.cards += card;
    }
    at = std::min(bytes.size(), padded(at));
    if (!with_data) return {hdu};
    if (!ended) break;
    hdu.data_at = at;
    hdu.data_bytes = data_size(Header::parse(hdu.cards));
    at = padded(at + hdu.data_bytes);
    found.push_back(std::move(hdu));
  }
  return found;
}

inline std::vector<Hdu> headers_of(const std::filesystem::path& path, const std::string& bytes) {
  if (path.extension() == ".fits") return headers_of_cards(bytes, true);
  const bool lines = bytes.find('\n') < 100;
  return lines ? headers_of_lines(bytes) : headers_of_cards(bytes, false);
}

}  // namespace tessera::testing_tools
