/// io/fits_header_text.h — headers as they stand in a file, for those who write HDUs byte by byte. Internal to io.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace tessera::io::detail {

/// 80 columns of one card.
std::string card_text(const std::string& text);

/// `cards` with CHECKSUM, DATASUM and END, padded to whole blocks. `data_sum` is the sum over the data unit (fits_sum.h).
std::string closed_header(std::string cards, std::uint32_t data_sum);

}  // namespace tessera::io::detail
