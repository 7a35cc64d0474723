// Tile-compressed images, through cfitsio. Three of its habits are met here: names are parsed unless the "diskfile"
// calls are used, blanks come back as numbers unless a null value is asked for, and its error stack is shared by all
// threads, so only status numbers are used.
#include <fitsio.h>
#include <fmt/format.h>

#include <array>
#include <cmath>
#include <limits>

#include "tessera/base/error.h"
#include "tessera/base/text.h"
#include "tessera/io/bytes.h"
#include "tessera/io/fits_pixels.h"

namespace tessera::io::detail {
namespace {

void check(int status, const std::string& name, const char* doing) {
  if (status == 0) return;
  char words[FLEN_STATUS] = "";
  fits_get_errstatus(status, words);
  throw DataError{fmt::format("{}: {} failed: {} (cfitsio status {})", name, doing, words, status)};
}

struct Subset {
  std::array<long, 6> first{1, 1, 1, 1, 1, 1}, last{1, 1, 1, 1, 1, 1}, step{1, 1, 1, 1, 1, 1};
  Subset(Box rows, int plane) {
    first[0] = rows.x0 + 1;
    last[0] = rows.x1;
    first[1] = rows.y0 + 1;
    last[1] = rows.y1;
    first[2] = last[2] = plane + 1;
  }
};

}  // namespace

struct CompressedReader::Impl {
  fitsfile* file = nullptr;
  // cfitsio keeps the addresses of these two.
  void* memory = nullptr;
  std::size_t memory_size = 0;

  void go_to(const HduLayout& hdu, const std::string& name) {
    int status = 0;
    fits_movabs_hdu(file, hdu.info.index + 1, nullptr, &status);
    check(status, name, "reading the header");
    if (!fits_is_compressed_image(file, &status)) throw DataError{name + ": not a compressed image for cfitsio"};
    fits_set_bscale(file, 1, 0, &status);  // scaling is ours, below, so that BLANK and unsigned types need no second set of rules
    check(status, name, "preparing");
  }

  /// Reads `window` of one plane; a blank becomes `null_value` where that is not null.
  template <class T>
  std::vector<T> read(int type, Box window, int plane, T* null_value, const std::string& name) {
    std::vector<T> pixels(static_cast<std::size_t>(window.area()));
    Subset s{window, plane};
    int status = 0, any = 0;
    fits_read_subset(file, type, s.first.data(), s.last.data(), s.step.data(), null_value, pixels.data(), &any, &status);
    check(status, name, "decompressing");
    return pixels;
  }
};

CompressedReader::CompressedReader(const std::string& path, std::span<const std::byte> memory) : impl_{std::make_unique<Impl>()} {
  int status = 0;
  if (memory.empty()) {
    fits_open_diskfile(&impl_->file, path.c_str(), READONLY, &status);
  } else {
    impl_->memory = const_cast<std::byte*>(memory.data());
    impl_->memory_size = memory.size();
    fits_open_memfile(&impl_->file, "memory", READONLY, &impl_->memory, &impl_->memory_size, 0, nullptr, &status);
  }
  check(status, path, "opening");
}

CompressedReader::~CompressedReader() {
  int status = 0;
  if (impl_->file) fits_close_file(impl_->file, &status);
}

Image<float> CompressedReader::read_float(const HduLayout& hdu, Box window, int plane, const std::string& where) {
  const std::string name = hdu_name(where, hdu);
  impl_->go_to(hdu, name);
  double nan = std::numeric_limits<double>::quiet_NaN();
  Image<float> image{window};
  // By bands of rows, in double: 32-bit integers stay exact until BZERO is added, and values beyond float's range do not raise an error.
  const Scaling s = scaling_of(hdu, where);
  const int rows = std::max(1, (1 << 21) / window.width());
  for (int y = window.y0; y < window.y1; y += rows) {
    const Box band{window.x0, y, window.x1, std::min(window.y1, y + rows)};
    const auto pixels = impl_->read<double>(TDOUBLE, band, plane, &nan, name);
    float* out = image.row(y).data();
    for (std::size_t i = 0; i < pixels.size(); ++i) {
      const auto v = static_cast<float>(s.zero + s.scale * pixels[i]);
      out[i] = std::isfinite(v) ? v : std::numeric_limits<float>::quiet_NaN();
    }
  }
  return image;
}

Image<std::uint32_t> CompressedReader::read_bits(const HduLayout& hdu, Box window, int plane, const std::string& where) {
  const std::string name = hdu_name(where, hdu);
  const auto zero = static_cast<std::uint32_t>(bits_offset(hdu, where));
  impl_->go_to(hdu, name);
  const auto pixels = impl_->read<int>(TINT, window, plane, nullptr, name);
  Image<std::uint32_t> image{window};
  for (std::size_t i = 0; i < pixels.size(); ++i) image.pixels()[i] = static_cast<std::uint32_t>(pixels[i]) + zero;
  return image;
}

namespace {

/// Bytes from the start of a row to each column, and each column's TFORM. Throws DataError when they disagree with NAXIS1.
struct TileColumn {
  std::int64_t offset = 0;
  char kind = 0, element = 0;
};

std::vector<TileColumn> tile_columns(const CardText& cards, const std::string& name) {
  std::vector<TileColumn> columns;
  std::int64_t offset = 0;
  const auto fields = cards.integer("TFIELDS").value_or(0);
  for (std::int64_t i = 1; i <= fields; ++i) {
    const std::string form = cards.text("TFORM" + std::to_string(i)).value_or("");
    std::size_t at = 0;
    while (at < form.size() && form[at] >= '0' && form[at] <= '9') ++at;
    const auto repeat = at == 0 ? 1 : text::to_integer(form.substr(0, at)).value_or(-1);
    const char kind = at < form.size() ? form[at] : '?';
    const auto width = std::string_view{"LXBIJKAEDCMPQ"}.find(kind);
    constexpr std::array<int, 13> bytes{1, 1, 1, 2, 4, 8, 1, 4, 8, 8, 16, 8, 16};
    if (width == std::string_view::npos || repeat < 0 || repeat > 1'000'000'000 || ((kind == 'P' || kind == 'Q') && repeat > 1))
      throw DataError{fmt::format("{}: TFORM{} = {} is not valid in a compressed image", name, i, form)};
    columns.push_back({offset, repeat ? kind : '0', at + 1 < form.size() ? form[at + 1] : '?'});
    offset += kind == 'X' ? (repeat + 7) / 8 : repeat * bytes[width];
  }
  const auto row_bytes = cards.integer("NAXIS1").value_or(-1);
  if (offset != row_bytes) throw DataError{fmt::format("{}: the columns take {} bytes, NAXIS1 says {}", name, offset, row_bytes)};
  return columns;
}

}  // namespace

void check_tiles(const ByteSource& source, const HduLayout& hdu, const std::string& where) {
  const std::string name = hdu_name(where, hdu);
  const CardText cards{hdu.cards};
  const std::vector<TileColumn> columns = tile_columns(cards, name);
  const std::int64_t row_bytes = cards.integer("NAXIS1").value_or(0), rows = cards.integer("NAXIS2").value_or(0);
  const std::int64_t heap_start = cards.text("THEAP") ? cards.integer("THEAP").value_or(-1) : row_bytes * rows;
  if (heap_start < row_bytes * rows || heap_start > hdu.data_bytes) throw DataError{fmt::format("{}: THEAP = {} lies outside the data", name, heap_start)};
  const std::int64_t heap = hdu.data_bytes - heap_start;
  std::vector<std::byte> buffer;
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::byte* bytes = source.at(hdu.data_offset + row * row_bytes, static_cast<std::size_t>(row_bytes), buffer);
    for (const TileColumn& c : columns) {
      if (c.kind != 'P' && c.kind != 'Q') continue;
      const std::int64_t count = c.kind == 'P' ? load_be<std::int32_t>(bytes + c.offset) : load_be<std::int64_t>(bytes + c.offset);
      const std::int64_t at = c.kind == 'P' ? load_be<std::int32_t>(bytes + c.offset + 4) : load_be<std::int64_t>(bytes + c.offset + 8);
      const auto element = std::string_view{"BIJKED"}.find(c.element);
      constexpr std::array<int, 6> size{1, 2, 4, 8, 4, 8};
      if (element == std::string_view::npos) throw DataError{fmt::format("{}: tiles of unknown type {}", name, c.element)};
      if (count < 0 || at < 0 || count > heap / size[element] || at > heap - count * size[element])
        throw DataError{fmt::format("{}: tile {} lies outside the file's data; the file is damaged", name, row + 1)};
    }
  }
}

}  // namespace tessera::io::detail
