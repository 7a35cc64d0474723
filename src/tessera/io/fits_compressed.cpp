// Tile-compressed images, through cfitsio. Three of its habits are met here: names are parsed unless the "diskfile"
// calls are used, blanks come back as numbers unless a null value is asked for, and its error stack is shared by all
// threads, so only status numbers are used.
#include <fitsio.h>
#include <fmt/format.h>

#include <array>
#include <cmath>
#include <limits>

#include "tessera/base/error.h"
#include "tessera/io/fits_pixels.h"

namespace tessera::io::detail {
namespace {

void check_status(int status, const std::string& name, const char* doing) {
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
  std::optional<CfitsioName> remote;
  // cfitsio keeps the addresses of these two.
  void* memory = nullptr;
  std::size_t memory_size = 0;

  void check(int status, const std::string& name, const char* doing) const {
    if (status != 0 && remote) remote->rethrow();
    check_status(status, name, doing);
  }

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

void ready_cfitsio() {
  // Once, however many threads come.
  static const int done = [] {
    fits_init_cfitsio();
    return register_source_driver();
  }();
  static_cast<void>(done);
}

CompressedReader::CompressedReader(const std::string& path, const ByteSource& source) : impl_{std::make_unique<Impl>()} {
  ready_cfitsio();
  int status = 0;
  const auto memory = source.memory();
  if (source.remote() && memory.empty()) {
    impl_->remote.emplace(source);
    fits_open_file(&impl_->file, impl_->remote->text().c_str(), READONLY, &status);
  } else if (memory.empty()) {
    fits_open_diskfile(&impl_->file, path.c_str(), READONLY, &status);
  } else {
    impl_->memory = const_cast<std::byte*>(memory.data());
    impl_->memory_size = memory.size();
    fits_open_memfile(&impl_->file, "memory", READONLY, &impl_->memory, &impl_->memory_size, 0, nullptr, &status);
  }
  impl_->check(status, path, "opening");
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

}  // namespace tessera::io::detail
