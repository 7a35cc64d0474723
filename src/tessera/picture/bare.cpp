#include "tessera/picture/bare.h"

#include <zlib.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "tessera/base/error.h"
#include "tessera/picture/display_scale.h"
#include "tessera/picture/png_stream.h"

namespace tessera::picture {
namespace {

constexpr std::size_t colours = 256;  // index 0 is no data, the others the palette

std::string deflated(const std::string& bytes) {
  auto room = ::compressBound(static_cast<uLong>(bytes.size()));
  std::string packed(room, '\0');
  const int status = ::compress2(reinterpret_cast<Bytef*>(packed.data()), &room, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uLong>(bytes.size()), 9);
  if (status != Z_OK) throw SystemError{"a picture could not be compressed: out of memory"};
  packed.resize(room);
  return packed;
}

std::uint32_t colour_of(const ColourTable& table, std::size_t index) { return table[(index - 1) * 255 / (colours - 2)]; }

std::string palette_bytes(const ColourTable& table) {
  std::string bytes(3, '\0');
  for (std::size_t i = 1; i < colours; ++i)
    for (const int shift : {16, 8, 0}) bytes += static_cast<char>(colour_of(table, i) >> shift & 255u);
  return bytes;
}

/// One byte per pixel, each row behind the number of its filter (0, none), from the top row on.
std::string index_bytes(const Preview& preview, const DisplayScale& scale) {
  const int height = preview.pixels.box().height();
  std::string bytes;
  for (int y = height - 1; y >= 0; --y) {
    bytes += '\0';
    for (const float value : preview.pixels.row(y)) {
      const double place = std::isfinite(value) ? std::clamp(scale.position(static_cast<double>(value)), 0.0, 1.0) : -1;
      bytes += static_cast<char>(place < 0 ? 0 : 1 + std::lround(place * (colours - 2)));
    }
  }
  return bytes;
}

std::string indexed_png(const Preview& preview, const DisplayScale& scale, const ColourTable& table) {
  const Box box = preview.pixels.box();
  const std::string header = big_endian(static_cast<std::uint32_t>(box.width())) + big_endian(static_cast<std::uint32_t>(box.height())) +
                             std::string{"\x08\x03\x00\x00\x00", 5};  // 8 bits, a palette, deflate, filters, not interlaced
  return std::string{png_signature} + png_chunk("IHDR", header) + png_chunk("PLTE", palette_bytes(table)) + png_chunk("tRNS", std::string(1, '\0')) +
         png_chunk("IDAT", deflated(index_bytes(preview, scale))) + png_chunk("IEND", "");
}

}  // namespace

BarePicture draw_bare(const Preview& preview, const PictureOptions& options, int wanted_ticks) {
  const Box box = preview.pixels.box();
  if (box.empty()) throw UsageError{"a picture needs an image of at least one pixel"};
  const auto scale = choose_scale(preview.pixels.pixels(), options);
  BarePicture picture;
  picture.width = box.width();
  picture.height = box.height();
  picture.colours = colour_table(options.palette);
  picture.png = indexed_png(preview, scale, picture.colours);
  for (const auto& tick : choose_ticks(scale, wanted_ticks, options.integer_levels))
    if (const double place = scale.position(tick.value); place >= -1e-9 && place <= 1 + 1e-9) picture.ticks.push_back({std::clamp(place, 0.0, 1.0), tick.label});
  return picture;
}

}  // namespace tessera::picture
