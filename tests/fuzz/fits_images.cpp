// Images of FITS files: plain, gzipped, tile-compressed.
#include "fuzz.h"
#include "tessera/io/fits.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tessera;
  const fuzz::MemoryFile bytes{data, size};
  return fuzz::read_or_refuse([&] {
    const io::FitsFile file{bytes.path()};
    for (const auto& hdu : file.hdus()) {
      if (hdu.kind != io::HduInfo::Kind::image || hdu.axes.size() < 2) continue;
      // A tile may honestly unfold to much; what is asked for here is small, as the pipeline asks for bands.
      const auto side = [](std::int64_t n) { return static_cast<int>(std::min<std::int64_t>(n, 300)); };
      const Box window{0, 0, side(hdu.axes[0]), side(hdu.axes[1])};
      fuzz::read_or_refuse([&] { file.read_float(hdu.index, window); });
      fuzz::read_or_refuse([&] { file.read_bits(hdu.index, window); });
      if (hdu.axes.size() > 2) fuzz::read_or_refuse([&] { file.read_float(hdu.index, window, side(hdu.axes[2]) - 1); });
    }
  });
}
