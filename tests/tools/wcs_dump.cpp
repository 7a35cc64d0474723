// wcs_dump FILE HDU [refuse|ignore|apply] [ALTERNATE] < pixels: sky positions of "x y" lines (from 0), and back, for comparison
// with other programs. The first line says "accepted" with what was read, or "refused" with the reason.
#include <fmt/format.h>

#include <cstdio>
#include <iostream>

#include "header_text.h"
#include "tessera/base/error.h"
#include "tessera/base/text.h"
#include "tessera/wcs/sky_wcs.h"

namespace {

using namespace tessera;

float big_endian_float(const char* p) {
  std::uint32_t bits = 0;
  for (int k = 0; k < 4; ++k) bits = bits << 8 | static_cast<unsigned char>(p[k]);
  float value = 0;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

/// The look-up table extensions of a FITS file.
wcs::LookupTables tables_of(const std::vector<testing_tools::Hdu>& hdus, const std::string& bytes) {
  wcs::LookupTables tables;
  for (const auto& hdu : hdus) {
    const Header header = Header::parse(hdu.cards);
    const auto name = header.text("EXTNAME").value_or("");
    if ((name != "WCSDVARR" && name != "D2IMARR") || hdu.data_at + hdu.data_bytes > bytes.size()) continue;
    std::vector<float> pixels(hdu.data_bytes / 4);
    for (std::size_t k = 0; k < pixels.size(); ++k) pixels[k] = big_endian_float(bytes.data() + hdu.data_at + 4 * k);
    tables.push_back(std::make_shared<const wcs::LookupTable>(wcs::LookupTable::from_hdu(header, std::move(pixels), name)));
  }
  return tables;
}

int dump(int argc, char** argv) {
  const std::filesystem::path path = argv[1];
  const std::string bytes = files::read(path);
  const auto hdus = testing_tools::headers_of(path, bytes);
  const auto index = static_cast<std::size_t>(text::to_integer(argv[2]).value_or(0));
  if (index >= hdus.size()) throw DataError{fmt::format("{}: no HDU {}", path.string(), index)};
  wcs::WcsOptions options;
  const std::string_view word = argc > 3 ? argv[3] : "refuse";
  if (word == "ignore") options.unpromised = wcs::UnpromisedDistortion::ignore;
  if (word == "apply") options.unpromised = wcs::UnpromisedDistortion::apply;
  if (argc > 4) options.alternate = argv[4][0];
  options.tables = tables_of(hdus, bytes);
  const auto sky = wcs::SkyWcs::from_header(Header::parse(hdus[index].cards), path.filename().string(), options);
  fmt::print("accepted\t{}\t{}\t{}\t{}\t{}\t{}\n", sky.projection(), sky.frame(), sky.distortion(), sky.width(), sky.height(),
             text::join(sky.notes(), "; "));
  double x = 0, y = 0;
  while (std::cin >> x >> y) {
    const auto s = sky.pixel_to_sky(wcs::PixelPoint{x, y});
    const auto p = sky.sky_to_pixel(s);
    fmt::print("{:.17g} {:.17g} {:.17g} {:.17g}\n", s.ra_deg, s.dec_deg, p.x, p.y);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  try {
    return dump(argc, argv);
  } catch (const Error& e) {
    fmt::print("refused\t{}\n", e.what());
    return 0;
  }
}
