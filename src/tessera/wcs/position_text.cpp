#include "tessera/wcs/position_text.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "tessera/base/text.h"

namespace tessera::wcs {
namespace {

/// "12:34:56.7", "12h34m56.7s", "188.73": degrees, the first two forms times 15 when `hours`.
std::optional<double> angle(std::string_view word, bool hours) {
  if (const auto plain = text::to_double(word)) return plain;
  std::string fields{word};
  const bool named_hours = fields.find('h') != std::string::npos;
  for (char& c : fields)
    if (std::string_view{"hdms'\""}.find(c) != std::string_view::npos) c = ':';
  while (!fields.empty() && fields.back() == ':') fields.pop_back();
  const bool negative = !fields.empty() && fields.front() == '-';
  double value = 0, unit = 1;
  const auto parts = text::split(fields, ':');
  if (parts.size() < 2 || parts.size() > 3) return std::nullopt;
  for (const auto& part : parts) {
    const auto number = text::to_double(part);
    if (!number || (unit < 1 && (*number < 0 || *number >= 60))) return std::nullopt;
    value += std::abs(*number) * unit;
    unit /= 60;
  }
  return (negative ? -value : value) * (hours || named_hours ? 15 : 1);
}

}  // namespace

std::optional<SkyPoint> parse_position(std::string_view position) {
  std::string copy{position};
  std::replace(copy.begin(), copy.end(), ',', ' ');
  auto words = text::split(copy, ' ');
  std::erase_if(words, [](const std::string& w) { return w.empty(); });
  if (words.size() != 2) return std::nullopt;
  const auto ra = angle(words[0], true), dec = angle(words[1], false);
  if (!ra || !dec || !(*ra >= -360 && *ra <= 360) || !(std::abs(*dec) <= 90)) return std::nullopt;
  return SkyPoint{*ra, *dec};
}

}  // namespace tessera::wcs
