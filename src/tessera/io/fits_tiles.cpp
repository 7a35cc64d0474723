#include <fmt/format.h>
#include <zlib.h>

#include <array>
#include <bit>

#include "tessera/base/error.h"
#include "tessera/base/text.h"
#include "tessera/io/bytes.h"
#include "tessera/io/fits_pixels.h"

namespace tessera::io::detail {
namespace {

/// Whether a gzip (or zlib) stream is whole and unfolds to 1, 2, 4 or 8 bytes a pixel.
bool sound_gzip(std::span<const std::byte> bytes, std::int64_t pixels) {
  z_stream z{};
  if (inflateInit2(&z, 15 + 32) != Z_OK) throw SystemError{"no memory for gzip"};
  std::array<Bytef, 1 << 15> out;
  z.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes.data()));
  z.avail_in = static_cast<uInt>(bytes.size());
  int status = Z_OK;
  std::int64_t length = 0;
  while (status == Z_OK && length <= pixels * 8) {
    z.next_out = out.data();
    z.avail_out = static_cast<uInt>(out.size());
    status = inflate(&z, Z_NO_FLUSH);
    length += static_cast<std::int64_t>(out.size() - z.avail_out);
    if (z.avail_out == out.size() && z.avail_in == 0) break;
  }
  inflateEnd(&z);
  return status == Z_STREAM_END && (length == pixels || length == 2 * pixels || length == 4 * pixels || length == 8 * pixels);
}

/// Bits from the front of a byte stream; past its end there are only ones, and `over` says so.
class Bits {
 public:
  explicit Bits(std::span<const std::byte> bytes) : bytes_{bytes} {}
  bool over() const { return at_ > 8 * bytes_.size(); }
  unsigned take(unsigned count) {
    const auto value = static_cast<unsigned>(window() >> (64 - count));
    at_ += count;
    return value;
  }
  void skip(std::size_t count) { at_ += count; }
  /// Passes over zeros and the one behind them.
  void skip_unary() {
    for (;;) {
      const auto zeros = static_cast<unsigned>(std::countl_zero(window()));
      if (zeros < 56) {
        at_ += zeros + 1;
        return;
      }
      at_ += 56;
    }
  }

 private:
  /// At least 57 bits from here on, leftmost first; the rest of the word is zero.
  std::uint64_t window() const {
    const std::size_t byte = at_ / 8;
    std::uint64_t word = 0;
    if (byte + 8 <= bytes_.size()) word = load_be<std::uint64_t>(bytes_.data() + byte);
    else
      for (std::size_t i = 0; i < 8; ++i) word = (word << 8) | (byte + i < bytes_.size() ? std::to_integer<std::uint64_t>(bytes_[byte + i]) : 0xffu);
    return word << (at_ % 8);
  }
  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
};

/// Walks a Rice stream (FITS standard, section 10.4.1) without building its pixels.
bool sound_rice(std::span<const std::byte> bytes, std::int64_t pixels, int bytes_per_pixel, int block) {
  const unsigned code_bits = bytes_per_pixel == 1 ? 3 : bytes_per_pixel == 2 ? 4 : 5;
  const unsigned raw_code = bytes_per_pixel == 1 ? 6 : bytes_per_pixel == 2 ? 14 : 25;
  Bits bits{bytes};
  bits.skip(8 * static_cast<std::size_t>(bytes_per_pixel));  // the first value
  for (std::int64_t done = 0; done < pixels && !bits.over(); done += block) {
    const std::int64_t n = std::min<std::int64_t>(block, pixels - done);
    const unsigned code = bits.take(code_bits);  // 0: all differences are zero; else low bits + 1
    if (code == 0) continue;
    if (code - 1 == raw_code) {
      bits.skip(static_cast<std::size_t>(n) * 8 * static_cast<std::size_t>(bytes_per_pixel));
      continue;
    }
    if (code - 1 > raw_code) return false;
    for (std::int64_t i = 0; i < n; ++i) {
      bits.skip_unary();
      bits.skip(code - 1);
    }
  }
  return !bits.over();
}

/// A PLIO line list names its own length in 16-bit words.
bool sound_plio(std::span<const std::byte> bytes) {
  const auto words = static_cast<std::int64_t>(bytes.size() / 2);
  if (words < 4) return false;
  const auto word = [&](std::int64_t i) { return static_cast<std::int64_t>(load_be<std::int16_t>(bytes.data() + 2 * i)); };
  if (word(3) > 0) return word(3) <= words;
  if (words < 6) return false;
  const std::int64_t length = (word(4) & 0x7fff) + (word(5) << 15);
  return word(2) >= 0 && length >= 0 && length <= words;
}

/// An HCOMPRESS stream begins with its magic and the size of the image it unfolds to.
bool sound_hcompress(std::span<const std::byte> bytes, std::int64_t pixels) {
  if (bytes.size() < 14 || load_be<std::uint16_t>(bytes.data()) != 0xdd99) return false;
  const std::int64_t nx = load_be<std::int32_t>(bytes.data() + 2), ny = load_be<std::int32_t>(bytes.data() + 6);
  return nx > 0 && ny > 0 && nx <= pixels && ny <= pixels && nx * ny == pixels;
}

}  // namespace

TileCheck::TileCheck(const ByteSource& source, const HduLayout& hdu, const std::string& where)
    : source_{source}, hdu_{hdu}, name_{hdu_name(where, hdu)} {
  const CardText cards{hdu.cards};
  method_ = cards.text("ZCMPTYPE").value_or("");
  row_bytes_ = cards.integer("NAXIS1").value_or(0);
  rows_ = cards.integer("NAXIS2").value_or(0);
  read_columns(cards);
  const std::int64_t heap_start = cards.text("THEAP") ? cards.integer("THEAP").value_or(-1) : row_bytes_ * rows_;
  if (heap_start < row_bytes_ * rows_ || heap_start > hdu.data_bytes) throw DataError{fmt::format("{}: THEAP = {} lies outside the data", name_, heap_start)};
  heap_ = hdu.data_offset + heap_start;
  heap_bytes_ = hdu.data_bytes - heap_start;
  for (std::size_t i = 0; i < hdu.info.axes.size(); ++i)
    tile_.push_back(cards.integer("ZTILE" + std::to_string(i + 1)).value_or(i == 0 ? hdu.info.axes[0] : 1));
  for (int i = 1; i <= 9; ++i) {
    const std::string parameter = cards.text("ZNAME" + std::to_string(i)).value_or("");
    const auto value = cards.integer("ZVAL" + std::to_string(i));
    // cfitsio takes the first value for the block size and the second for the bytes, whatever they are called.
    const std::string_view by_place = i == 1 ? "BLOCKSIZE" : i == 2 ? "BYTEPIX" : "";
    if (method_.starts_with("RICE") && !by_place.empty() && cards.text("ZVAL" + std::to_string(i)) && parameter != by_place)
      throw DataError{fmt::format("{}: ZNAME{} = '{}' where {} is expected for {}", name_, i, parameter, by_place, method_)};
    if (parameter != "BLOCKSIZE" && parameter != "BYTEPIX") continue;
    if (!value || *value < 1 || *value > (parameter == "BYTEPIX" ? 4 : 4096) || (parameter == "BYTEPIX" && *value == 3))
      throw DataError{fmt::format("{}: ZVAL{} = {} makes no sense for {}", name_, i, cards.text("ZVAL" + std::to_string(i)).value_or("absent"), parameter)};
    (parameter == "BYTEPIX" ? rice_bytes_ : rice_block_) = static_cast<int>(*value);
  }
  checked_.assign(static_cast<std::size_t>(rows_), false);
}

void TileCheck::read_columns(const CardText& cards) {
  std::int64_t offset = 0;
  for (std::int64_t i = 1, fields = cards.integer("TFIELDS").value_or(0); i <= fields; ++i) {
    const std::string form = cards.text("TFORM" + std::to_string(i)).value_or("");
    std::size_t at = 0;
    while (at < form.size() && form[at] >= '0' && form[at] <= '9') ++at;
    const auto repeat = at == 0 ? 1 : text::to_integer(form.substr(0, at)).value_or(-1);
    const char kind = at < form.size() ? form[at] : '?';
    const auto width = std::string_view{"LXBIJKAEDCMPQ"}.find(kind);
    constexpr std::array<int, 13> bytes{1, 1, 1, 2, 4, 8, 1, 4, 8, 8, 16, 8, 16};
    if (width == std::string_view::npos || repeat < 0 || repeat > 1'000'000'000 || ((kind == 'P' || kind == 'Q') && repeat > 1))
      throw DataError{fmt::format("{}: TFORM{} = {} is not valid in a compressed image", name_, i, form)};
    columns_.push_back({offset, repeat ? kind : '0', at + 1 < form.size() ? form[at + 1] : '?', cards.text("TTYPE" + std::to_string(i)).value_or("")});
    offset += kind == 'X' ? (repeat + 7) / 8 : repeat * bytes[width];
  }
  if (offset != row_bytes_) throw DataError{fmt::format("{}: the columns take {} bytes, NAXIS1 says {}", name_, offset, row_bytes_)};
}

void TileCheck::require(Box window, int plane) {
  const auto& axes = hdu_.info.axes;
  const auto axis = [&](std::size_t i) { return i < axes.size() ? axes[i] : 1; };
  const auto tile = [&](std::size_t i) { return i < tile_.size() ? tile_[i] : 1; };
  const std::int64_t across = (axis(0) + tile(0) - 1) / tile(0), up = (axis(1) + tile(1) - 1) / tile(1), tz = plane / tile(2);
  const auto length = [&](std::size_t i, std::int64_t t) { return std::min(tile(i), axis(i) - t * tile(i)); };
  for (std::int64_t ty = window.y0 / tile(1); ty * tile(1) < window.y1; ++ty)
    for (std::int64_t tx = window.x0 / tile(0); tx * tile(0) < window.x1; ++tx) check_row((tz * up + ty) * across + tx, length(0, tx) * length(1, ty) * length(2, tz));
}

void TileCheck::check_row(std::int64_t row, std::int64_t pixels) {
  if (row >= rows_) throw DataError{fmt::format("{}: tile {} is missing", name_, row + 1)};
  if (checked_[static_cast<std::size_t>(row)]) return;
  const std::byte* bytes = source_.at(hdu_.data_offset + row * row_bytes_, static_cast<std::size_t>(row_bytes_), row_buffer_);
  for (const Column& c : columns_) {
    if (c.kind != 'P' && c.kind != 'Q') continue;
    const std::int64_t count = c.kind == 'P' ? load_be<std::int32_t>(bytes + c.offset) : load_be<std::int64_t>(bytes + c.offset);
    const std::int64_t at = c.kind == 'P' ? load_be<std::int32_t>(bytes + c.offset + 4) : load_be<std::int64_t>(bytes + c.offset + 8);
    const auto element = std::string_view{"BIJKED"}.find(c.element);
    constexpr std::array<int, 6> size{1, 2, 4, 8, 4, 8};
    if (element == std::string_view::npos) throw DataError{fmt::format("{}: tiles of unknown type {}", name_, c.element)};
    if (count < 0 || at < 0 || count > heap_bytes_ / size[element] || at > heap_bytes_ - count * size[element])
      throw DataError{fmt::format("{}: tile {} lies outside the file's data; the file is damaged", name_, row + 1)};
    if (count == 0) continue;  // this tile stands in another column
    const auto length = static_cast<std::size_t>(count * size[element]);
    if (!sound(c, {source_.at(heap_ + at, length, tile_buffer_), length}, pixels))
      throw DataError{fmt::format("{}: tile {} does not decompress; the file is damaged", name_, row + 1)};
  }
  checked_[static_cast<std::size_t>(row)] = true;
}

bool TileCheck::sound(const Column& column, std::span<const std::byte> bytes, std::int64_t pixels) const {
  if (column.name == "GZIP_COMPRESSED_DATA") return sound_gzip(bytes, pixels);
  if (column.name == "UNCOMPRESSED_DATA") return static_cast<std::int64_t>(bytes.size()) == pixels * std::abs(hdu_.info.bitpix) / 8;
  if (column.name != "COMPRESSED_DATA") return true;
  if (method_.starts_with("GZIP")) return sound_gzip(bytes, pixels);
  if (method_.starts_with("RICE")) return sound_rice(bytes, pixels, rice_bytes_, rice_block_);
  if (method_.starts_with("PLIO")) return sound_plio(bytes);
  if (method_.starts_with("HCOMPRESS")) return sound_hcompress(bytes, pixels);
  return true;
}

}  // namespace tessera::io::detail
