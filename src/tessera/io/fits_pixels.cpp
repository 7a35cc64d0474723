#include "tessera/io/fits_pixels.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "tessera/base/clones.h"
#include "tessera/base/error.h"
#include "tessera/io/bytes.h"

namespace tessera::io::detail {
namespace {

/// Bytes decoded at once: small enough to stay in the second-level cache between reading and converting.
constexpr std::size_t chunk_bytes = 1u << 18;

/// Calls `convert(bytes, out, n)` over the window; whole rows are read together.
template <class T, class Convert>
Image<T> decode_window(const ByteSource& source, const HduLayout& hdu, const PlaneShape& shape, Box window, int plane, const Convert& convert) {
  auto image = Image<T>::unfilled(window);
  const std::int64_t item = std::abs(hdu.info.bitpix) / 8;
  const std::int64_t row_items = window.width();
  const std::int64_t first = hdu.data_offset + item * plane * shape.width * static_cast<std::int64_t>(shape.height);
  const bool whole_rows = window.width() == shape.width;
  const std::int64_t end = first + item * ((window.y1 - std::int64_t{1}) * shape.width + window.x1);
  std::int64_t expected = first;
  const std::int64_t rows_at_once = whole_rows ? std::max<std::int64_t>(1, static_cast<std::int64_t>(chunk_bytes) / (item * row_items)) : 1;
  const std::int64_t items_at_once = std::max<std::int64_t>(1, static_cast<std::int64_t>(chunk_bytes) / item);
  std::vector<std::byte> buffer;
  for (std::int64_t y = window.y0; y < window.y1; y += rows_at_once) {
    const std::int64_t rows = std::min<std::int64_t>(rows_at_once, window.y1 - y);
    T* out = image.row(static_cast<int>(y)).data();
    for (std::int64_t done = 0, all = rows * row_items; done < all;) {  // a single row may be longer than a chunk
      const std::int64_t n = std::min(items_at_once, all - done);
      const std::int64_t at = first + item * (y * shape.width + window.x0 + done);
      if (at + n * item > expected) source.expect(at, expected_bytes < end - at ? expected_bytes : end - at), expected = at + expected_bytes;
      const std::byte* bytes = source.at(at, static_cast<std::size_t>(n * item), buffer);
      convert(bytes, out + done, static_cast<std::size_t>(n));
      done += n;
    }
  }
  return image;
}

TESSERA_CLONES void floats_from_be(const std::byte* bytes, float* out, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    std::uint32_t v;
    std::memcpy(&v, bytes + 4 * i, 4);
    v = swap_bytes(v);
    v = (v & 0x7f800000u) == 0x7f800000u ? 0x7fc00000u : v;  // ±inf and every NaN become the one quiet NaN
    std::memcpy(out + i, &v, 4);
  }
}

TESSERA_CLONES void bits_from_be(const std::byte* bytes, std::uint32_t add, std::uint32_t* out, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    std::uint32_t v;
    std::memcpy(&v, bytes + 4 * i, 4);
    out[i] = swap_bytes(v) + add;
  }
}

float finite_or_nan(double value) {
  const auto narrow = static_cast<float>(value);
  return std::isfinite(narrow) ? narrow : std::numeric_limits<float>::quiet_NaN();
}

template <class Raw>
Image<float> decode_scaled(const ByteSource& source, const HduLayout& hdu, const PlaneShape& shape, Box window, int plane, const Scaling& s) {
  if constexpr (std::is_integral_v<Raw>) {
    if (s.blank)
      return decode_window<float>(source, hdu, shape, window, plane, [&](const std::byte* bytes, float* out, std::size_t n) {
        const std::int64_t blank = *s.blank;
        for (std::size_t i = 0; i < n; ++i) {
          const auto raw = load_be<Raw>(bytes + sizeof(Raw) * i);
          out[i] = raw == blank ? std::numeric_limits<float>::quiet_NaN() : finite_or_nan(s.zero + s.scale * static_cast<double>(raw));
        }
      });
  }
  return decode_window<float>(source, hdu, shape, window, plane, [&](const std::byte* bytes, float* out, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) out[i] = finite_or_nan(s.zero + s.scale * static_cast<double>(load_be<Raw>(bytes + sizeof(Raw) * i)));
  });
}

template <class Raw>
Image<std::uint32_t> decode_bits(const ByteSource& source, const HduLayout& hdu, const PlaneShape& shape, Box window, int plane, std::int64_t zero) {
  return decode_window<std::uint32_t>(source, hdu, shape, window, plane, [&](const std::byte* bytes, std::uint32_t* out, std::size_t n) {
    const auto add = static_cast<std::uint32_t>(zero);  // sums modulo 2³² are the low bits of the true sums
    if constexpr (sizeof(Raw) == 4) return bits_from_be(bytes, add, out, n);
    for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<std::uint32_t>(load_be<Raw>(bytes + sizeof(Raw) * i)) + add;
  });
}

}  // namespace

Scaling scaling_of(const HduLayout& hdu, const std::string& where) {
  const CardText cards{hdu.cards};
  Scaling s;
  for (const auto& [key, member] : {std::pair{"BSCALE", &s.scale}, std::pair{"BZERO", &s.zero}}) {
    const auto text = cards.text(key);
    if (!text) continue;
    const auto value = cards.number(key);
    if (!value || !std::isfinite(*value)) throw DataError{fmt::format("{}: {} = {} is not a number", hdu_name(where, hdu), key, *text)};
    *member = *value;
  }
  if (s.scale == 0) throw DataError{fmt::format("{}: BSCALE = 0 would make every pixel equal", hdu_name(where, hdu))};
  if (hdu.info.bitpix > 0) s.blank = cards.integer("BLANK");
  return s;
}

PlaneShape plane_shape(const HduLayout& hdu, const std::string& where) {
  const std::string name = hdu_name(where, hdu);
  if (hdu.random_groups) throw DataError{name + ": random groups are not read; an image was expected"};
  if (hdu.info.kind == HduInfo::Kind::table) throw DataError{name + ": is a table, an image was expected"};
  if (hdu.info.kind != HduInfo::Kind::image) throw DataError{name + ": holds no image (NAXIS = 0 or an unknown extension)"};
  const auto& axes = hdu.info.axes;
  std::string size;
  for (const std::int64_t n : axes) size += (size.empty() ? "" : "×") + std::to_string(n);
  if (axes.size() < 2) throw DataError{fmt::format("{}: is one-dimensional ({} pixels), a 2-D image was expected", name, size)};
  for (std::size_t i = 3; i < axes.size(); ++i)
    if (axes[i] != 1) throw DataError{fmt::format("{}: is {}-dimensional ({}), a 2-D image or a cube was expected", name, axes.size(), size)};
  if (axes[0] == 0 || axes[1] == 0 || (axes.size() > 2 && axes[2] == 0)) throw DataError{fmt::format("{}: an image without pixels ({})", name, size)};
  constexpr std::int64_t most = std::numeric_limits<int>::max();
  if (axes[0] > most || axes[1] > most) throw DataError{fmt::format("{}: {} pixels are more than 2³¹ along one axis", name, size)};
  return {static_cast<int>(axes[0]), static_cast<int>(axes[1]), axes.size() > 2 ? axes[2] : 1};
}

Image<float> read_plain_float(const ByteSource& source, const HduLayout& hdu, const PlaneShape& shape, Box window, int plane, const std::string& where) {
  const Scaling s = scaling_of(hdu, where);
  switch (hdu.info.bitpix) {
    case 8: return decode_scaled<std::uint8_t>(source, hdu, shape, window, plane, s);
    case 16: return decode_scaled<std::int16_t>(source, hdu, shape, window, plane, s);
    case 32: return decode_scaled<std::int32_t>(source, hdu, shape, window, plane, s);
    case 64: return decode_scaled<std::int64_t>(source, hdu, shape, window, plane, s);
    case -32:
      if (s.plain()) return decode_window<float>(source, hdu, shape, window, plane, floats_from_be);
      return decode_scaled<float>(source, hdu, shape, window, plane, s);
    default: return decode_scaled<double>(source, hdu, shape, window, plane, s);
  }
}

std::int64_t bits_offset(const HduLayout& hdu, const std::string& where) {
  if (hdu.info.bitpix < 0)
    throw DataError{fmt::format("{}: BITPIX = {}: a mask of whole numbers was expected, not floating point", hdu_name(where, hdu), hdu.info.bitpix)};
  const Scaling s = scaling_of(hdu, where);
  if (s.scale != 1 || s.zero != std::floor(s.zero) || std::fabs(s.zero) > 0x1p63)
    throw DataError{fmt::format("{}: BSCALE = {}, BZERO = {}: scaled pixels hold no bits", hdu_name(where, hdu), s.scale, s.zero)};
  return s.zero == 0x1p63 ? std::numeric_limits<std::int64_t>::min() : static_cast<std::int64_t>(s.zero);  // the same modulo 2³²
}

Image<std::uint32_t> read_plain_bits(const ByteSource& source, const HduLayout& hdu, const PlaneShape& shape, Box window, int plane, const std::string& where) {
  const std::int64_t zero = bits_offset(hdu, where);
  switch (hdu.info.bitpix) {
    case 8: return decode_bits<std::uint8_t>(source, hdu, shape, window, plane, zero);
    case 16: return decode_bits<std::int16_t>(source, hdu, shape, window, plane, zero);
    case 32: return decode_bits<std::int32_t>(source, hdu, shape, window, plane, zero);
    default: return decode_bits<std::int64_t>(source, hdu, shape, window, plane, zero);
  }
}

}  // namespace tessera::io::detail
