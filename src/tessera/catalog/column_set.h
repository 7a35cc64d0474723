/// catalog/column_set.h — columns of a catalogue while they are filled; at the end they stand in the order of their declaration (catalog/columns.h).
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tessera/catalog/columns.h"

namespace tessera::catalog {

class ColumnSet {
 public:
  void number(const std::string& name, double v) { of(numbers_, name).push_back(v); }
  void whole(const std::string& name, std::int64_t v) { of(wholes_, name).push_back(v); }
  void word(const std::string& name, std::string v) { of(words_, name).push_back(std::move(v)); }
  void numbers(const std::string& name, std::vector<double> v) { of(numbers_, name) = std::move(v); }
  void wholes(const std::string& name, std::vector<std::int64_t> v) { of(wholes_, name) = std::move(v); }
  /// The columns of another set, which replace those of the same name.
  void append(const ColumnSet& other);
  /// Takes the first row away: a table without rows has its columns too when one was put in.
  void drop_first_row();
  /// Columns declared in uJy get `flux_unit`. Throws UsageError for a name that is not declared, or columns of several lengths. Empties the set.
  Table finish(const std::string& flux_unit);

 private:
  template <class T>
  using Kind = std::vector<std::pair<std::string, std::vector<T>>>;
  template <class T>
  static std::vector<T>& of(Kind<T>& kind, const std::string& name) {
    for (auto& [n, data] : kind)
      if (n == name) return data;
    return kind.emplace_back(name, std::vector<T>{}).second;
  }
  template <class F>
  void for_each(F f) {
    for (auto& [name, data] : numbers_) f(name, data);
    for (auto& [name, data] : wholes_) f(name, data);
    for (auto& [name, data] : words_) f(name, data);
  }

  Kind<double> numbers_;
  Kind<std::int64_t> wholes_;
  Kind<std::string> words_;
};

}  // namespace tessera::catalog
