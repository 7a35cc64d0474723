/// simulate/layout.h — how each observatory lays a frame out in files: names, headers, mask bits. Knows no FITS library: a frame
/// file is a list of HDUs in memory, written by whoever asked. Headers follow the public handbooks (IRAC, MIPS, ACS, JWST).
#pragma once
#include <string>
#include <variant>
#include <vector>

#include "tessera/core/header.h"
#include "tessera/core/image.h"
#include "tessera/simulate/exposure.h"

namespace tessera::simulate {

struct HduImage {
  std::string name;        ///< EXTNAME, "" in a primary HDU that is the image itself
  Header header;
  std::variant<std::monostate, Image<float>, Image<std::int16_t>, Image<std::int32_t>> pixels;   ///< monostate: no data
};
struct FrameHdus {
  std::string file_name;
  std::vector<HduImage> hdus;
};

/// Files of one exposure; takes its planes. The first file is the one that holds the image.
std::vector<FrameHdus> lay_out(const Scene& scene, std::size_t index, Exposure exposure);

/// WCS of a frame as its header has it, without NAXIS cards.
Header wcs_cards(const Scene& scene, std::size_t index);
/// Name shared by all files of a frame: "SIM_I1_0007".
std::string frame_name(const Camera& camera, int frame);
/// Value of a layout's mask plane for some Flag bits.
std::int32_t mask_value(Layout layout, std::uint8_t flags, bool cosmic_masked);

}  // namespace tessera::simulate
