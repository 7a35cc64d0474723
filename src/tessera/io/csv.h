/// io/csv.h — tables of comma-separated values (RFC 4180), read only: a line of names, then rows; types are guessed, empty cells are null.
#pragma once
#include <string>
#include <string_view>

#include "tessera/core/table.h"

namespace tessera::io {

/// Lines that begin with # before the names are comments. Throws DataError with the line: no names, a row of another length, a quote without end.
Table parse_csv(std::string_view text, const std::string& where);

}  // namespace tessera::io
