// IPAC tables; what can be read must be writable or be refused, and read back with as many rows.
#include "fuzz.h"
#include "tessera/io/tables.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tessera;
  return fuzz::read_or_refuse([&] {
    const Table table = io::parse_ipac(fuzz::text_of(data, size), "fuzz");
    if (io::parse_ipac(io::format_ipac(table), "again").rows() != table.rows()) std::abort();
  });
}
