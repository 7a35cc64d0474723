// Coordinates from the cards of a header, through wcslib.
#include "fuzz.h"
#include "tessera/wcs/grid.h"
#include "tessera/wcs/sky_wcs.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tessera;
  const Header header = Header::parse(fuzz::text_of(data, size));
  const auto use = [](const wcs::SkyWcs& sky) {
    for (const wcs::PixelPoint p : {wcs::PixelPoint{0, 0}, {100.25, 50.5}, {-1e6, 1e6}}) {
      sky.sky_to_pixel(sky.pixel_to_sky(p));
      sky.pixel_area_sr(p);
      sky.north_angle_deg(p);
    }
    sky.notes();
  };
  fuzz::read_or_refuse([&] {
    for (const char alternate : {' ', 'A'}) {
      wcs::WcsOptions options;
      options.alternate = alternate;
      options.unpromised = alternate == 'A' ? wcs::UnpromisedDistortion::apply : wcs::UnpromisedDistortion::ignore;
      if (wcs::SkyWcs::present(header, alternate)) use(wcs::SkyWcs::from_header(header, "fuzz", options));
    }
  });
  return fuzz::read_or_refuse([&] { use(wcs::grid_from_header(header, "fuzz").wcs()); });
}
