#include "tessera/spectrum/blocks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tessera/base/error.h"

namespace tessera::spectrum {
namespace {

/// By wavelength, then frame; those without a wavelength last.
void sort_spectrum(std::span<Measurement> rows) {
  struct Key {
    double wavelength;
    std::int32_t frame;
    std::uint32_t row;
  };
  std::vector<Key> keys;
  for (std::uint32_t i = 0; i < rows.size(); ++i) keys.push_back({rows[i].wavelength_um, rows[i].frame, i});
  std::ranges::sort(keys, [](const Key& a, const Key& b) {
    const bool x = std::isnan(a.wavelength), y = std::isnan(b.wavelength);
    if (x != y) return y;
    if (!x && a.wavelength != b.wavelength) return a.wavelength < b.wavelength;
    return a.frame < b.frame;
  });
  std::vector<Measurement> sorted;
  sorted.reserve(rows.size());
  for (const auto& k : keys) sorted.push_back(std::move(rows[k.row]));
  std::ranges::move(sorted, rows.begin());
}

}  // namespace

void Blocks::show(std::size_t source) {
  if (measured_.holds(source)) return;
  const std::size_t from = source / blocks_.per_block * blocks_.per_block, to = std::min(from + blocks_.per_block, blocks_.sources);
  measured_.begin_block(from, to);
  std::vector<std::size_t> next(to - from);
  journal_.rows_of(from, to, [&](Measurement m) {
    const auto s = static_cast<std::size_t>(m.source);
    const auto place = measured_.of(s);
    auto& used = next[s - from];
    if (used == place.size()) throw DataError{fmt::format("the journal holds more rows of source {} than were measured; delete the folder and run again", s + 1)};
    measured_.row(s, used++) = std::move(m);
  });
  pool_.for_each(static_cast<std::int64_t>(to - from), [&](std::int64_t i) { sort_spectrum(measured_.rows(from + static_cast<std::size_t>(i))); });
}

void Blocks::for_each(const std::function<void(std::size_t, std::size_t)>& call) {
  for (std::size_t from = 0; from < blocks_.sources; from += blocks_.per_block) {
    show(from);
    call(from, std::min(from + blocks_.per_block, blocks_.sources));
  }
}

}  // namespace tessera::spectrum
