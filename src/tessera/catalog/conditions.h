/// catalog/conditions.h — which rows of a table are wanted: `snr > 5 and deblend != "NO"`, and the same as MOPEX's Select writes it (guide 6.5.20).
///
///   condition := term { or term };  term := factor { and factor };  factor := not factor | ( condition ) | "condition" | column relation value
///   relation  := < <= > >= = == != !          value := a number, a text in quotes, or a word
///
/// Words and, or, not in any letter case, also && and ||. `!` between a column and a value is MOPEX's "is not". MOPEX puts quotes round parts of a
/// condition: those hold a condition. A column may be called by our name or by MOPEX's.
#pragma once
#include <string>
#include <vector>

#include "tessera/core/table.h"

namespace tessera::catalog {

/// One flag per row. A null, and a number that is not one, meet no relation, `!=` either. Throws UsageError with the place in the text: a mistake of grammar, a column
/// that is not there (with the nearest), a number compared with a text.
std::vector<bool> rows_where(const Table& table, const std::string& condition);
/// The grammar of a condition (or none) on a catalogue, and that its columns are declared: for steps that have the table only at their end. Throws UsageError likewise.
void check_condition(const std::string& condition);
/// Those rows, in order.
Table select_rows(const Table& table, const std::vector<bool>& wanted);

}  // namespace tessera::catalog
