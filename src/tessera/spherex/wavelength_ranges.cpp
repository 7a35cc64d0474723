#include "tessera/spherex/wavelength_ranges.h"

#include <fmt/format.h>

#include <algorithm>

#include "tessera/base/error.h"
#include "tessera/base/text.h"

namespace tessera::spherex {

WavelengthRanges parse_wavelengths(const std::vector<std::string>& ranges, const std::string& key) {
  WavelengthRanges parsed;
  for (const auto& range : ranges) {
    const auto dash = range.find('-', 1);
    const auto low = text::to_double(text::trim(std::string_view{range}.substr(0, dash))), high = dash == std::string::npos ? std::nullopt : text::to_double(text::trim(std::string_view{range}.substr(dash + 1)));
    if (!low || !high) throw UsageError{fmt::format("{}: '{}' is no range; expected two numbers in micrometres, as in 0.9-1.1", key, range)};
    if (!(*low < *high)) throw UsageError{fmt::format("{}: the range {} is empty; the shorter wavelength comes first", key, range)};
    if (*high < 0.7 || *low > 5.1) throw UsageError{fmt::format("{}: no detector sees {} micrometres; they reach from 0.74 to 5.01", key, range)};
    parsed.emplace_back(*low, *high);
  }
  return parsed;
}

bool reaches_into(const WavelengthRanges& ranges, double low_um, double high_um) {
  return ranges.empty() || std::ranges::any_of(ranges, [&](const auto& r) { return high_um >= r.first && low_um <= r.second; });
}

}  // namespace tessera::spherex
