/// io/table_streams_private.h — the streams of formats that have writers of their own. Internal to io.
#pragma once
#include "tessera/io/table_stream.h"

namespace tessera::io::detail {

/// Throws UsageError, which names the file, unless `part` has the columns of `whole`.
void require_columns(const Table& part, const Table& whole, const std::filesystem::path& path);

std::unique_ptr<TableStream> fits_stream(Table widest, std::int64_t rows, const std::filesystem::path& path);
std::unique_ptr<TableStream> parquet_stream(Table widest, const std::filesystem::path& path);

}  // namespace tessera::io::detail
