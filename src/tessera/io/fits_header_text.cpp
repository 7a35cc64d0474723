#include "tessera/io/fits_header_text.h"

#include <fitsio.h>
#include <fmt/format.h>

#include "tessera/io/fits_layout.h"
#include "tessera/io/fits_sum.h"

namespace tessera::io::detail {

std::string card_text(const std::string& text) { return fmt::format("{:<80.80}", text); }

std::string closed_header(std::string cards, std::uint32_t data_sum) {
  const std::size_t at = cards.size();
  cards += card_text("CHECKSUM= '0000000000000000'   / makes the sum over this HDU zero") + card_text(fmt::format("DATASUM = {:<20} / sum over the data", fmt::format("'{}'", data_sum))) + card_text("END");
  cards.resize((cards.size() + fits_block - 1) / fits_block * fits_block, ' ');
  const auto sum = add_sums(data_sum, sum_of_bytes({reinterpret_cast<const std::byte*>(cards.data()), cards.size()}));
  char encoded[FLEN_VALUE];
  fits_encode_chksum(sum, 1, encoded);
  cards.replace(at + 11, 16, encoded, 16);
  return cards;
}

}  // namespace tessera::io::detail
