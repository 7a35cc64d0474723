/// catalog/usual_names.h — the names under which catalogues keep positions, in the order in which they are looked for, letter case aside.
#pragma once
#include <span>
#include <string>
#include <string_view>

#include "tessera/catalog/columns.h"

namespace tessera::catalog {

inline constexpr std::string_view right_ascensions[] = {"ra", "ra_deg", "raj2000", "_raj2000", "ra_icrs", "_ra", "alpha_j2000", "ramean"};
inline constexpr std::string_view declinations[] = {"dec", "dec_deg", "dej2000", "decj2000", "_dej2000", "de_icrs", "dec_icrs", "_de", "delta_j2000", "decmean"};

/// The column of the name that was asked for, or, where none was, of the first usual name that is there. Null when there is none.
inline const Column* column_of(const Table& table, const std::string& asked, std::span<const std::string_view> usual) {
  if (!asked.empty()) return find_column(table, asked);
  for (const auto name : usual)
    if (const Column* c = table.find(name)) return c;
  return nullptr;
}

}  // namespace tessera::catalog
