/// io/parquet_module_private.h — what the program calls in the module that links Arrow. No exception leaves it: 0 is success, else `error` says what went wrong.
#pragma once
#include <cstdint>
#include <string>

#include "tessera/core/table.h"

extern "C" {
const char* tessera_parquet_library();
/// `votable`: the table's VOTable without rows.
int tessera_parquet_write(const tessera::Table* table, const char* votable, const char* path, std::string* error);
/// The same in pieces: begin gives what add, end and abandon take, or null. `columns`: a table with the columns; its rows are not written. Of pieces, those of tessera_parquet_rows() rows but the last
/// give the file that tessera_parquet_write() makes. After end or abandon it is gone.
void* tessera_parquet_begin(const tessera::Table* columns, const char* votable, const char* path, std::string* error);
int tessera_parquet_add(void* file, const tessera::Table* rows, std::string* error);
int tessera_parquet_end(void* file, std::string* error);
void tessera_parquet_abandon(void* file);
std::int64_t tessera_parquet_rows();
/// `votable` gets that of the file, or stays empty.
int tessera_parquet_read(const char* path, tessera::Table* table, std::string* votable, std::string* error);
}
