/// io/fits_table_columns.h — the columns a FITS table's header declares. Internal to io.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "tessera/core/header.h"
#include "tessera/io/fits_layout.h"

namespace tessera::io::detail {

struct FitsColumn {
  std::string name, unit, ucd, description;
  char kind = '?';            ///< letter of TFORMn; for ASCII tables A, I, F (also E and D)
  std::int64_t repeat = 1;    ///< elements (characters for A, bits for X)
  std::int64_t text_width = 0;  ///< of one string of an array of strings
  std::int64_t offset = 0;    ///< bytes from the start of the row
  std::int64_t bytes = 0;     ///< in the row
  int decimals = 0;           ///< implied decimal digits of an ASCII number without a point
  double scale = 1, zero = 0;
  std::optional<std::int64_t> null;
  std::string null_text;      ///< of an ASCII column
};

/// Throws DataError naming HDU and keyword when the declarations contradict each other or the row length.
std::vector<FitsColumn> fits_columns(const HduLayout& hdu, const std::string& where);

}  // namespace tessera::io::detail
