#include "tessera/spherex/channels.h"

#include <fmt/format.h>

#include <cmath>

#include "tessera/base/error.h"
#include "tessera/io/fits.h"
#include "tessera/spherex/channel_numbers_private.h"

namespace tessera::spherex {

const ChannelTable& ChannelTable::builtin() {
  static const ChannelTable table = [] {
    ChannelTable t;
    t.channels_.assign(std::begin(detail::channel_numbers), std::end(detail::channel_numbers));
    return t;
  }();
  return table;
}

ChannelTable ChannelTable::read(const std::filesystem::path& path) {
  const io::FitsFile file{path};
  const auto hdu = file.find("SPECTRAL_CHANNELS");
  if (!hdu || file.hdus()[*hdu].kind != io::HduInfo::Kind::table)
    throw DataError{fmt::format("{}: no table SPECTRAL_CHANNELS; expected a product spectral_channels", path.string())};
  const Table rows = file.read_table(*hdu);
  const auto column = [&](const char* name) {
    if (!rows.find(name)) throw DataError{fmt::format("{}: table SPECTRAL_CHANNELS has no column {}", path.string(), name)};
    return rows.numbers(name);
  };
  const auto detector = column("DETECTOR"), strip = column("SUBCHAN"), centre = column("WAVELENGTH"), low = column("WL_MIN"), high = column("WL_MAX"), power = column("R");
  const auto width = rows.find("BANDWIDTH") ? rows.numbers("BANDWIDTH") : std::vector<double>{};
  ChannelTable table;
  table.channels_.resize(detectors * strips);
  for (std::size_t i = 0; i < detector.size(); ++i) {
    const auto where = fmt::format("{}: row {} of SPECTRAL_CHANNELS", path.string(), i + 1);
    if (!(detector[i] >= 1 && detector[i] <= detectors && strip[i] >= 1 && strip[i] <= strips))
      throw DataError{fmt::format("{}: detector {}, strip {}; expected 1 to 6 and 1 to 17", where, detector[i], strip[i])};
    if (!(low[i] > 0 && low[i] < centre[i] && centre[i] < high[i] && power[i] > 0))
      throw DataError{fmt::format("{}: wavelength {} µm with edges {} and {}; expected ascending numbers", where, centre[i], low[i], high[i])};
    const int number = strips * (static_cast<int>(detector[i]) - 1) + static_cast<int>(strip[i]);
    table.channels_[static_cast<std::size_t>(number - 1)] = {number,   static_cast<int>(detector[i]), static_cast<int>(strip[i]), centre[i], width.empty() ? centre[i] / power[i] : width[i],
                                                             power[i], low[i],                        high[i]};
  }
  for (const auto& c : table.channels_)
    if (c.channel == 0) throw DataError{fmt::format("{}: SPECTRAL_CHANNELS lacks rows; expected 17 strips of each of six detectors, found {} rows", path.string(), detector.size())};
  return table;
}

std::span<const Channel> ChannelTable::of(int detector) const {
  if (detector < 1 || detector > detectors) throw UsageError{fmt::format("detector {}; expected 1 to 6", detector)};
  return channels().subspan(static_cast<std::size_t>(strips * (detector - 1)), strips);
}

const Channel& ChannelTable::channel(int number) const {
  if (number < 1 || number > detectors * strips) throw UsageError{fmt::format("channel {}; expected 1 to {}", number, detectors * strips)};
  return channels_[static_cast<std::size_t>(number - 1)];
}

std::optional<Channel> ChannelTable::channel_at(int detector, double wavelength_um) const {
  for (const auto& c : of(detector))
    if (wavelength_um >= c.min_um && wavelength_um < c.max_um) return c;
  return {};
}

}  // namespace tessera::spherex
