/// io/fits_layout.h — where the HDUs of a FITS file lie, found and checked by ourselves before any library sees the file:
/// nothing in a header is believed that the file's length does not bear out. Internal to io.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/io/byte_source.h"
#include "tessera/io/fits.h"

namespace tessera::io::detail {

constexpr std::int64_t fits_block = 2880;
constexpr std::int64_t card_limit = 20'000;  ///< cards of one header; the longest real ones hold about 5 000

struct HduLayout {
  HduInfo info;
  std::string cards;             ///< 80-column cards before END
  std::int64_t data_offset = 0;  ///< bytes from the start of the file
  std::int64_t data_bytes = 0;   ///< without padding
  std::int64_t heap_bytes = 0;   ///< PCOUNT, for tables
  bool random_groups = false;
  bool ascii_table = false;
};

/// Looks a keyword up in raw cards by its eight columns; the first one counts.
class CardText {
 public:
  explicit CardText(std::string_view cards) : cards_{cards} {}
  /// Text of the value: a string without its quotes, anything else as written; nothing when absent or without value.
  std::optional<std::string> text(std::string_view key) const;
  std::optional<std::int64_t> integer(std::string_view key) const;  ///< nothing also when not a whole number
  std::optional<double> number(std::string_view key) const;
  bool is_true(std::string_view key) const { return text(key) == "T"; }
  int count(std::string_view key) const;

 private:
  std::string_view cards_;
};

/// Calls `f(key, record)` for each keyword record: one card and the CONTINUE cards behind it. Key without "HIERARCH".
void for_each_record(std::string_view cards, const std::function<void(std::string_view key, std::string_view record)>& f);

/// "NAXIS12" is "NAXIS" + number; used to leave out structural keywords.
bool is_indexed(std::string_view key, std::string_view stem);
/// Keywords that describe how an HDU is stored, which whoever writes an HDU must make afresh.
bool is_structural(std::string_view key);
/// Keywords TTYPEn, TFORMn … of table columns.
bool is_column_keyword(std::string_view key);

/// Walks all HDUs. Throws DataError: not FITS, truncated, header absurd.
std::vector<HduLayout> read_layout(const ByteSource& source, const std::string& where);

/// "path[2]" or "path[SCI,1]": how messages name an HDU.
std::string hdu_name(const std::string& where, const HduLayout& hdu);

}  // namespace tessera::io::detail
