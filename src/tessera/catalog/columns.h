/// catalog/columns.h — the columns of catalogues of sources, declared once: name, unit, UCD, description, and MOPEX's name (guide 6.5.11, 6.5.20).
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tessera/base/error.h"
#include "tessera/core/table.h"

namespace tessera::catalog {

/// A # in a name stands for a number: aperture_1, aperture_2 …
struct ColumnDefinition {
  std::string_view name, unit, ucd, description;
  std::string_view mopex;  ///< "" where MOPEX has none
};

/// All of them, in the order in which catalogues list them.
std::span<const ColumnDefinition> definitions();
/// By our name or MOPEX's, letter case aside; null when it is neither.
const ColumnDefinition* find_definition(std::string_view name);

/// Whether `name` is that of the definition, not MOPEX's.
bool is_own_name(const ColumnDefinition& definition, std::string_view name);

/// Appends a column as it is declared. Throws UsageError for a name that is not declared, or a length that is not the table's. `unit` replaces the declared one:
/// fluxes of images whose unit is not known.
template <class T>
Column& add(Table& table, std::string_view name, std::vector<T> data, std::string_view unit = {}) {
  const ColumnDefinition* d = find_definition(name);
  if (!d || !is_own_name(*d, name)) throw UsageError{"column '" + std::string{name} + "' of a catalogue is not declared"};
  return table.add(std::string{name}, std::move(data), std::string{unit.empty() ? d->unit : unit}, std::string{d->description}, std::string{d->ucd});
}

/// The column a user calls `name`: as it stands in the table, or its declaration under the other name. Null when there is none.
const Column* find_column(const Table& table, std::string_view name);
/// Columns take MOPEX's names where it has one.
void use_mopex_names(Table& table);
/// The named columns in the order named; names as find_column takes them. Throws UsageError naming one that is not there, with the nearest.
Table select_columns(const Table& table, const std::vector<std::string>& names);

}  // namespace tessera::catalog
