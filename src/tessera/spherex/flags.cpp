#include "tessera/spherex/flags.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <map>

#include "tessera/base/clones.h"
#include "tessera/base/error.h"
#include "tessera/base/text.h"

namespace tessera::spherex {
namespace {

constexpr Flag table[] = {
    {0, "TRANSIENT", "transient detected during the exposure"},
    {1, "OVERFLOW", "overflow of the ramp"},
    {2, "SUR_ERROR", "error of the processing on board"},
    {4, "PHANTOM", "phantom pixel"},
    {5, "REFERENCE", "reference pixel"},
    {6, "NONFUNC", "permanently unusable"},
    {7, "DICHROIC", "low efficiency because of the dichroic"},
    {9, "MISSING_DATA", "data lost on board"},
    {10, "HOT", "hot pixel"},
    {11, "COLD", "anomalously low signal"},
    {12, "FULLSAMPLE", "the full ramp is available"},
    {13, "SUR_MISMATCH", "slope differs from that of the full ramp"},
    {14, "PHANMISS", "phantom correction not applied"},
    {15, "NONLINEAR", "non-linearity cannot be corrected reliably"},
    {16, "VAR_UNDER", "variance below the noise of reading"},
    {17, "PERSIST", "persistent charge above the threshold"},
    {18, "PERSIST_UNK", "history of persistence unknown"},
    {19, "OUTLIER", "outlier among its neighbours"},
    {20, "CROSSTALK", "crosstalk"},
    {21, "SOURCE", "mapped to a known source"},
    {22, "GHOST", "ghost of a bright source in the exposure"},
    {23, "GHOST_FPA", "ghost of a bright source on another detector"},
    {24, "GHOST_EXT", "ghost of a bright source outside the field"},
    {25, "STREAK", "streak"},
    {26, "BLOOM", "part of a bloom"},
    {27, "SNOWBALL", "part of a snowball"},
    {28, "HALO", "part of a transient halo"},
    {29, "SATELLITE_HALO", "halo of a satellite's trail"},
    {32, "CONTAINS_BAD_PIXEL", "a pixel of the fit's region is one that fits ignore (photometry)"},
    {33, "FIT_ERROR", "the fit has no result (photometry)"},
};

TESSERA_CLONES void masked(const std::uint32_t* plane, std::uint32_t mask, std::uint64_t* out, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) out[i] = plane[i] & mask;
}

const Flag* named(std::string_view name) {
  const auto found = std::ranges::find_if(table, [&](const Flag& f) { return text::lower(f.name) == text::lower(name); });
  return found == std::end(table) ? nullptr : found;
}

std::uint64_t masks(std::initializer_list<std::string_view> names) {
  std::uint64_t all = 0;
  for (const auto name : names) all |= flag_mask(name);
  return all;
}

/// name → mask in the plane, from either kind of cards.
std::map<std::string, std::uint32_t> named_masks(const Header& header, const std::string& where) {
  std::map<std::string, std::uint32_t> names;
  for (const auto& card : header.cards()) {
    if (card.key.starts_with("MP_")) {
      const auto bit = header.integer(card.key);
      if (!bit || *bit < 0 || *bit > 31) throw DataError{fmt::format("{}: {} = {}; expected the number of a bit, 0 to 31", where, card.key, header.text(card.key).value_or(""))};
      names[card.key.substr(3)] = std::uint32_t{1} << *bit;
    } else if (card.key.starts_with("MSKN") && card.key.size() == 8) {
      const std::string key = "MSKM" + card.key.substr(4);
      const auto mask = header.integer(key);
      const auto name = header.text(card.key);
      if (!mask || *mask <= 0 || *mask > 0xffffffffLL || !std::has_single_bit(static_cast<std::uint64_t>(*mask)))
        throw DataError{fmt::format("{}: {} = {}; expected the value of one bit for {}", where, key, header.text(key).value_or("absent"), name.value_or(""))};
      names[name.value_or("")] = static_cast<std::uint32_t>(*mask);
    }
  }
  return names;
}

}  // namespace

std::span<const Flag> flags() { return table; }

std::uint64_t flag_mask(std::string_view name) {
  if (const auto* flag = named(name)) return std::uint64_t{1} << flag->bit;
  std::string known;
  for (const auto& f : table) known += (known.empty() ? "" : ", ") + std::string{f.name};
  throw UsageError{fmt::format("no flag '{}'; known: {}", name, known)};
}

std::uint64_t fit_ignored() {
  static const auto all =
      masks({"SUR_ERROR", "NONFUNC", "MISSING_DATA", "HOT", "COLD", "NONLINEAR", "PERSIST", "BLOOM", "SNOWBALL", "HALO", "SATELLITE_HALO"});
  return all;
}

std::uint64_t background_masked() {
  static const auto all = fit_ignored() | masks({"OVERFLOW", "OUTLIER", "SOURCE", "TRANSIENT"});
  return all;
}

std::uint64_t mosaic_dropped() {
  static const auto all = masks({"TRANSIENT", "SUR_ERROR", "NONFUNC", "DICHROIC", "MISSING_DATA", "HOT", "COLD", "PHANMISS", "NONLINEAR", "PERSIST", "CROSSTALK", "GHOST",
                                 "GHOST_FPA", "GHOST_EXT", "STREAK", "BLOOM", "SNOWBALL", "HALO", "SATELLITE_HALO"});
  return all;
}

std::uint64_t mosaic_reported() {
  static const auto all = masks({"OVERFLOW", "OUTLIER", "SOURCE"});
  return all;
}

std::vector<std::string> decode(std::uint64_t value) {
  std::vector<std::string> names;
  for (int bit = 0; bit < 64; ++bit) {
    if (!(value >> bit & 1)) continue;
    const auto found = std::ranges::find(table, bit, &Flag::bit);
    names.push_back(found == std::end(table) ? fmt::format("bit_{}", bit) : std::string{found->name});
  }
  return names;
}

FlagNumbers FlagNumbers::from_header(const Header& header, const std::string& where) {
  FlagNumbers numbers;
  std::map<std::uint32_t, std::string> owner;
  for (const auto& [name, mask] : named_masks(header, where)) {
    numbers.from_cards_ = true;
    if (const auto [other, fresh] = owner.try_emplace(mask, name); !fresh)
      throw DataError{fmt::format("{}: bit {} is named twice, {} and {}; mend the cards of FLAGS", where, std::countr_zero(mask), other->second, name)};
    const auto* flag = named(name);
    if (!flag) numbers.unknown_.push_back(name);
    if (flag && flag->bit < 32 && mask == std::uint32_t{1} << flag->bit) continue;
    numbers.same_ &= ~mask;
    if (!flag) continue;
    numbers.moved_.emplace_back(mask, std::uint64_t{1} << flag->bit);
    if (flag->bit < 32) numbers.same_ &= ~(std::uint32_t{1} << flag->bit);  // the flag's own place means something else, or nothing
  }
  return numbers;
}

std::uint64_t FlagNumbers::standard(std::uint32_t plane) const {
  std::uint64_t value = plane & same_;
  for (const auto& [from, to] : moved_)
    if (plane & from) value |= to;
  return value;
}

void FlagNumbers::standard(std::span<const std::uint32_t> plane, std::span<std::uint64_t> out) const {
  if (moved_.empty()) return masked(plane.data(), same_, out.data(), out.size());
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = standard(plane[i]);
}

}  // namespace tessera::spherex
