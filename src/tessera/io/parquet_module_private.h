/// io/parquet_module_private.h — what the program calls in the module that links Arrow. No exception leaves it: 0 is success, else `error` says what went wrong.
#pragma once
#include <string>

#include "tessera/core/table.h"

extern "C" {
const char* tessera_parquet_library();
/// `votable`: the table's VOTable without rows.
int tessera_parquet_write(const tessera::Table* table, const char* votable, const char* path, std::string* error);
/// `votable` gets that of the file, or stays empty.
int tessera_parquet_read(const char* path, tessera::Table* table, std::string* votable, std::string* error);
}
