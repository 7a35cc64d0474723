/// apps/cli/resources.h — what the machine and the terminal offer.
#pragma once
#include <cstdint>
#include <cstdio>
#include <string>

namespace tessera::cli {

/// "4G", "800M", "25%" of the machine's memory. Throws UsageError for other text and for less than 64 MiB.
std::int64_t memory_ceiling(const std::string& text, std::int64_t physical);

/// Columns of the terminal behind `stream`, else of $COLUMNS, else 80; within 40 and 120.
int terminal_width(std::FILE* stream);

}  // namespace tessera::cli
