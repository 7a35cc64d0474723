#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <set>
#include <string_view>
#include <unordered_map>

#include "tessera/base/error.h"
#include "tessera/spherex/psf_layout_private.h"

namespace tessera::spherex {

std::size_t PsfLayout::nearest(double x_full, double y_full) const {
  if (zones.empty()) throw UsageError{"this frame has no PSF zones"};
  const auto distance = [&](const PsfZone& z) { return (z.x - x_full) * (z.x - x_full) + (z.y - y_full) * (z.y - y_full); };
  std::size_t best = 0;
  double least = distance(zones.front());
  for (std::size_t i = 1; i < zones.size(); ++i)
    if (const double d = distance(zones[i]); d < least) best = i, least = d;
  return best;
}

namespace detail {
namespace {

/// Three numbers of "6.5.5+psffix1"; what is not a number counts as 0.
std::array<int, 3> version_numbers(const std::string& version) {
  std::array<int, 3> numbers{};
  const char* at = version.data();
  const char* end = at + version.size();
  if (at != end && (*at == 'v' || *at == 'V')) ++at;
  for (int& n : numbers) {
    const auto [next, error] = std::from_chars(at, end, n);
    if (error != std::errc{} || next == end || *next != '.') break;
    at = next + 1;
  }
  return numbers;
}

/// The four numbers of every zone. A header of hundreds of cards is gone through once, not once for each of them.
class ZoneCards {
 public:
  explicit ZoneCards(const Header& header) {
    for (const auto& card : header.cards())
      if (const auto stem = std::string_view{card.key}.substr(0, 5); stem == "XCTR_" || stem == "YCTR_" || stem == "XWID_" || stem == "YWID_") {
        Header one;
        one.add(card);
        if (const auto value = one.number(card.key)) numbers_.try_emplace(card.key, *value);
      }
  }
  double operator()(const char* key, int i, const std::string& where) const {
    const auto name = fmt::format("{}_{}", key, i);
    const auto found = numbers_.find(name);
    if (found == numbers_.end() || !std::isfinite(found->second)) throw DataError{fmt::format("{}: no number {}; expected the place of every PSF zone", where, name)};
    return found->second;
  }

 private:
  std::unordered_map<std::string, double> numbers_;
};

/// Plane 11 zy + zx stands at column zx. Cards with x and y exchanged let y run fastest.
int mend_exchanged(std::vector<PsfZone>& zones) {
  if (zones.size() < 2 || zones[1].x != zones[0].x || zones[1].y == zones[0].y) return 0;
  int mended = 0;
  for (auto& z : zones) {
    if (z.x != z.y) ++mended;
    std::swap(z.x, z.y);
    std::swap(z.width, z.height);
  }
  return mended;
}

}  // namespace

bool psf_cards_may_be_exchanged(const std::string& version) {
  return !version.empty() && !version.ends_with("+psffix1") && version_numbers(version) <= std::array<int, 3>{6, 5, 5};
}

PsfLayout cell_layout(const io::FitsFile& file, int hdu, const std::string& version) {
  const auto where = fmt::format("{}[PSF]", file.path().string());
  const auto& axes = file.hdus()[hdu].axes;
  if (axes.size() != 3 || axes[2] < 1) throw DataError{fmt::format("{}: {} axes; expected a cube of one plane for each zone", where, axes.size())};
  const Header header = file.header(hdu);
  PsfLayout layout{PsfLayout::Kind::cells, hdu, static_cast<int>(axes[0]), static_cast<int>(axes[1]), static_cast<int>(header.integer("OVERSAMP").value_or(10)), {}, 0};
  if (layout.oversample < 1 || layout.oversample > 100) throw DataError{fmt::format("{}: OVERSAMP = {}; expected 10", where, layout.oversample)};
  const ZoneCards card{header};
  for (int i = 1; i <= axes[2]; ++i) layout.zones.push_back({card("XCTR", i, where), card("YCTR", i, where), card("XWID", i, where), card("YWID", i, where), i - 1});
  if (psf_cards_may_be_exchanged(version)) layout.mended = mend_exchanged(layout.zones);
  return layout;
}

PsfLayout epsf_layout(const io::FitsFile& file, int hdu) {
  const auto where = fmt::format("{}[EPSF]", file.path().string());
  const Table table = file.read_table(hdu);
  std::int64_t samples = 0;
  while (table.find(fmt::format("EPSF_{}", samples + 1))) ++samples;
  const auto side = static_cast<int>(std::lround(std::sqrt(static_cast<double>(samples))));
  if (samples == 0 || std::int64_t{side} * side != samples) throw DataError{fmt::format("{}: column EPSF has {} samples; expected a square (33 × 33)", where, samples)};
  for (const char* name : {"XCENTER", "YCENTER", "XWIDTH", "YWIDTH"})
    if (!table.find(name)) throw DataError{fmt::format("{}: no column {}; expected the place of every PSF zone", where, name)};
  PsfLayout layout{PsfLayout::Kind::epsf, hdu, side, side, 5, {}, 0};
  const auto x = table.numbers("XCENTER"), y = table.numbers("YCENTER"), width = table.numbers("XWIDTH"), height = table.numbers("YWIDTH");
  for (std::size_t i = 0; i < x.size(); ++i) layout.zones.push_back({x[i], y[i], width[i], height[i], static_cast<int>(i)});
  return layout;
}

}  // namespace detail
}  // namespace tessera::spherex
