// MOPEX namelists and SWarp configurations: read without failing, whatever the bytes.
#include "fuzz.h"
#include "tessera/param/namelist.h"
#include "tessera/param/swarp_config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tessera;
  param::read_namelist(fuzz::text_of(data, size));
  param::read_swarp_config(fuzz::text_of(data, size));
  return 0;
}
