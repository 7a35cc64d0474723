// ECSV tables, and the YAML of their headers; what can be read must be writable or be refused, and read back with as many rows.
#include "fuzz.h"
#include "tessera/io/tables.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tessera;
  return fuzz::read_or_refuse([&] {
    const Table table = io::parse_ecsv(fuzz::text_of(data, size), "fuzz");
    if (io::parse_ecsv(io::format_ecsv(table), "again").rows() != table.rows()) std::abort();
  });
}
