/// apps/cli/resources.h — what the machine and the terminal offer.
#pragma once
#include <cstdint>
#include <cstdio>
#include <string>

namespace tessera::cli {

/// "4G", "800M", "25%" of the machine's memory. Throws UsageError for other text and for less than 64 MiB.
std::int64_t memory_ceiling(const std::string& text, std::int64_t physical);

/// All threads started later allocate from one heap: with one for each, what a thread freed is of no use to the others (half as much again was met). Costs them some waiting for one another.
void share_one_heap();

/// Columns of the terminal behind `stream`, else of $COLUMNS, else 80; within 40 and 120.
int terminal_width(std::FILE* stream);

}  // namespace tessera::cli
