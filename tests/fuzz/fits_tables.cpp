// Headers and tables of FITS files.
#include "fuzz.h"
#include "tessera/io/fits.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tessera;
  const fuzz::MemoryFile bytes{data, size};
  return fuzz::read_or_refuse([&] {
    const io::FitsFile file{bytes.path()};
    for (const auto& hdu : file.hdus()) {
      const Header header = file.header(hdu.index);
      if (Header::parse(header.cards80()).cards().size() < header.cards().size() / 4) std::abort();  // CONTINUE may join cards, no more
      if (hdu.kind == io::HduInfo::Kind::table) fuzz::read_or_refuse([&] { file.read_table(hdu.index); });
    }
  });
}
