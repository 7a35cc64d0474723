// GZIP_2 (FITS standard, section 10.4.2): of all numbers the first byte, then of all the second …, and gzip over that. NaN is a number like others.
#include <zlib.h>

#include <bit>
#include <string>

#include "tessera/base/error.h"
#include "tessera/io/fits.h"

namespace tessera::io {
namespace {

constexpr int level = 1;  // bytes of noise do not pack better for more trouble

std::string shuffled(View<const float> tile) {
  const Box box = tile.box();
  const auto n = static_cast<std::size_t>(box.area());
  std::string bytes(4 * n, '\0');
  std::size_t i = 0;
  for (int y = box.y0; y < box.y1; ++y)
    for (const float v : tile.row(y)) {
      const auto word = std::bit_cast<std::uint32_t>(v);
      for (std::size_t k = 0; k < 4; ++k) bytes[k * n + i] = static_cast<char>(word >> (24 - 8 * k));
      ++i;
    }
  return bytes;
}

}  // namespace

std::string pack_tile(View<const float> tile) {
  const std::string bytes = shuffled(tile);
  z_stream z{};
  if (deflateInit2(&z, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) throw SystemError{"no memory for gzip"};
  std::string packed(deflateBound(&z, static_cast<uLong>(bytes.size())), '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  z.avail_in = static_cast<uInt>(bytes.size());
  z.next_out = reinterpret_cast<Bytef*>(packed.data());
  z.avail_out = static_cast<uInt>(packed.size());
  const int status = deflate(&z, Z_FINISH);
  packed.resize(packed.size() - z.avail_out);
  deflateEnd(&z);
  if (status != Z_STREAM_END) throw SystemError{"a tile could not be packed"};
  return packed;
}

}  // namespace tessera::io
