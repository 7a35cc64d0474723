/// spherex/flags.h — the bits of a SPHEREx FLAGS plane: names, standard numbers, and the sets that fits, backgrounds and mosaics leave out.
/// A plane whose cards (MP_<NAME>, or MSKNnnnn and MSKMnnnn) number the bits otherwise is translated into standard numbers.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tessera/core/header.h"

namespace tessera::spherex {

struct Flag {
  int bit = 0;
  std::string_view name, text;
};

/// All flags by ascending bit; 32 and 33 occur in photometry only.
std::span<const Flag> flags();
inline constexpr std::uint64_t contains_bad_pixel = std::uint64_t{1} << 32, fit_error = std::uint64_t{1} << 33;
/// The mask of one name, case-insensitive. Throws UsageError with the nearest names when there is none.
std::uint64_t flag_mask(std::string_view name);
/// Pixels that a fit of sources ignores.
std::uint64_t fit_ignored();
/// Pixels that a local background ignores: those and OVERFLOW, OUTLIER, SOURCE, TRANSIENT.
std::uint64_t background_masked();
/// Pixels that a mosaic drops; OVERFLOW, OUTLIER and SOURCE are kept and reported.
std::uint64_t mosaic_dropped();
std::uint64_t mosaic_reported();
/// Names of the bits that are set, ascending; a bit without a name is "bit_N".
std::vector<std::string> decode(std::uint64_t flags);

/// How the bits of one plane are numbered.
class FlagNumbers {
 public:
  /// The standard numbers.
  FlagNumbers() = default;
  /// From the cards of a FLAGS header; without any the standard numbers, and from_cards() is false. Names that have no card keep their
  /// standard bit unless a card gives it to another. Throws DataError that starts with `where`: a number outside 0 to 31, one bit named twice.
  static FlagNumbers from_header(const Header& header, const std::string& where);
  std::uint64_t standard(std::uint32_t plane) const;
  /// Of many pixels; both spans of one length.
  void standard(std::span<const std::uint32_t> plane, std::span<std::uint64_t> out) const;
  bool from_cards() const { return from_cards_; }
  bool is_standard() const { return moved_.empty(); }
  /// Names in the cards that the table of standard numbers lacks: their bits are not carried on.
  const std::vector<std::string>& unknown() const { return unknown_; }

 private:
  bool from_cards_ = false;
  std::uint32_t same_ = 0xffffffffu;                              // bits carried on as they are
  std::vector<std::pair<std::uint32_t, std::uint64_t>> moved_;  // plane mask → standard mask
  std::vector<std::string> unknown_;
};

}  // namespace tessera::spherex
