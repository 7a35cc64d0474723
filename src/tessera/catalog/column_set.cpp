#include "tessera/catalog/column_set.h"

namespace tessera::catalog {

void ColumnSet::append(const ColumnSet& other) {
  for (const auto& [name, data] : other.numbers_) of(numbers_, name) = data;
  for (const auto& [name, data] : other.wholes_) of(wholes_, name) = data;
  for (const auto& [name, data] : other.words_) of(words_, name) = data;
}

void ColumnSet::drop_first_row() {
  for_each([](const std::string&, auto& data) {
    if (!data.empty()) data.erase(data.begin());
  });
}

Table ColumnSet::finish(const std::string& flux_unit) {
  Table table;
  for_each([](const std::string& name, auto&) {
    if (const auto* d = find_definition(name); !d || !is_own_name(*d, name)) throw UsageError{"column '" + name + "' of a catalogue is not declared"};
  });
  for (const auto& d : definitions())
    for_each([&](const std::string& name, auto& data) {
      if (find_definition(name) != &d) return;
      Column& c = add(table, name, std::move(data));
      if (d.unit == "uJy") c.unit = flux_unit;
    });
  *this = {};
  return table;
}

}  // namespace tessera::catalog
