// FIF.tbl: the grid of an IPAC table; a grid that is taken has a WCS and can be written.
#include "fuzz.h"
#include "tessera/io/tables.h"
#include "tessera/wcs/grid.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tessera;
  return fuzz::read_or_refuse([&] {
    const auto grid = wcs::grid_from_fif(io::parse_ipac(fuzz::text_of(data, size), "fuzz"), "fuzz");
    const auto sky = grid.wcs();
    sky.sky_to_pixel(sky.pixel_to_sky({grid.width / 2.0, grid.height / 2.0}));
    io::format_ipac(wcs::fif_table(grid));
    grid.header();
  });
}
