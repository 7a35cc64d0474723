/// io/table_parts.h — head, rows and tail of the text formats, for the whole table and for streams. Internal to io.
#pragma once
#include <string>
#include <vector>

#include "tessera/core/table.h"

namespace tessera::io::detail {

std::string votable_head(const Table& table, bool rows);
void append_votable_rows(const Table& table, std::string& out);
std::string votable_tail(const Table& table, bool rows);

std::string ecsv_head(const Table& table);
void append_ecsv_rows(const Table& table, std::string& out);

/// Of one column: name, type, unit and the word for a missing value, and how wide the column is.
struct IpacColumn {
  std::vector<std::string> header;
  std::size_t width = 0;
  bool text = false;
};
/// As wide as their headers.
std::vector<IpacColumn> ipac_columns(const Table& table);
/// So wide that rows of `part` fit too.
void widen(std::vector<IpacColumn>& columns, const Table& part);
std::string ipac_head(const Table& table, const std::vector<IpacColumn>& columns);
void append_ipac_rows(const Table& table, const std::vector<IpacColumn>& columns, std::string& out);

}  // namespace tessera::io::detail
