/// io/votable.h — what a VOTable FIELD declares, and cells of its three serialisations. Internal to io.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/io/table_text.h"

namespace tessera::io::detail {

struct VotableField {
  Column described;          ///< name, unit, ucd, description
  std::string datatype;      ///< double, char …
  std::int64_t count = 1;    ///< elements of a fixed array; for text its fixed length
  bool variable = false;     ///< arraysize with a star
  bool text = false;         ///< char or unicodeChar
  std::string null;          ///< VALUES null
  /// One reader per element (name_1 …); empty when the table cannot hold the column.
  std::vector<CellReader> readers;
  int bytes() const;         ///< of one element in BINARY
};

/// From the attributes of a FIELD. Throws DataError naming `where`.
void plan_field(VotableField& field, std::string_view arraysize, const std::string& where);

/// A cell of TABLEDATA.
void add_tabledata(VotableField& field, std::string_view cell, const std::string& where, std::size_t row);

/// All rows of a BINARY (`flags` false) or BINARY2 (true) stream in base64. Throws DataError when it ends inside a row.
void add_binary(std::vector<VotableField>& fields, std::string_view base64, bool flags, const std::string& where);

}  // namespace tessera::io::detail
