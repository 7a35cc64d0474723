/// io/fits_pixels.h — pixels of image HDUs: plain ones decoded by ourselves at memory speed, tile-compressed ones by
/// cfitsio. Internal to io.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "tessera/core/image.h"
#include "tessera/io/fits_layout.h"

namespace tessera::io::detail {

/// How stored numbers become values: value = zero + scale · stored; a stored integer equal to `blank` has no value.
struct Scaling {
  double scale = 1, zero = 0;
  std::optional<std::int64_t> blank;
  bool plain() const { return scale == 1 && zero == 0; }
};
/// Throws DataError when BSCALE or BZERO are no numbers, or BSCALE is 0.
Scaling scaling_of(const HduLayout& hdu, const std::string& where);

/// Width, height and third axis of an HDU read as planes. Throws DataError saying what it is instead of such an image.
struct PlaneShape {
  int width = 0, height = 0;
  std::int64_t planes = 1;
};
PlaneShape plane_shape(const HduLayout& hdu, const std::string& where);

Image<float> read_plain_float(const ByteSource& source, const HduLayout& hdu, const PlaneShape& shape, Box window, int plane, const std::string& where);
Image<std::uint32_t> read_plain_bits(const ByteSource& source, const HduLayout& hdu, const PlaneShape& shape, Box window, int plane, const std::string& where);
/// The value BZERO adds to a mask; throws DataError when the HDU holds no whole numbers.
std::int64_t bits_offset(const HduLayout& hdu, const std::string& where);

/// cfitsio fills its table of drivers when it is first used, and looks at it without a lock: this comes before any call that opens a file.
void ready_cfitsio();
/// Makes names of CfitsioName known to it; 0 when it took the driver. Called by ready_cfitsio().
int register_source_driver();

/// One cfitsio handle, opened when the first compressed image is asked for.
class CompressedReader {
 public:
  /// `path` is opened literally; what it unfolds to, or what is fetched of it, comes from `source`, which must outlive this object.
  CompressedReader(const std::string& path, const ByteSource& source);
  ~CompressedReader();
  CompressedReader(const CompressedReader&) = delete;
  CompressedReader& operator=(const CompressedReader&) = delete;
  Image<float> read_float(const HduLayout& hdu, Box window, int plane, const std::string& where);
  Image<std::uint32_t> read_bits(const HduLayout& hdu, Box window, int plane, const std::string& where);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// A name under which cfitsio opens what `source` reads, while this object lives. Internal to CompressedReader.
class CfitsioName {
 public:
  explicit CfitsioName(const ByteSource& source);
  ~CfitsioName();
  CfitsioName(const CfitsioName&) = delete;
  CfitsioName& operator=(const CfitsioName&) = delete;
  std::string text() const;
  /// What reading threw since the last call, thrown here: cfitsio itself only knows that something failed.
  void rethrow() const;

 private:
  int number_;
};

/// Reads over the compressed bytes of tiles before cfitsio does, which takes them on trust: it never ends on a damaged
/// gzip tile and reads behind a damaged Rice, PLIO or HCOMPRESS one.
class TileCheck {
 public:
  /// Throws DataError when the columns of the table make no sense.
  TileCheck(const ByteSource& source, const HduLayout& hdu, const std::string& where);
  /// Checks the tiles that hold pixels of `window`, each once. Throws DataError naming the tile.
  void require(Box window, int plane);

 private:
  struct Column {
    std::int64_t offset = 0;  // bytes from the start of a row
    char kind = 0, element = 0;
    std::string name;
  };
  void read_columns(const CardText& cards);
  void check_row(std::int64_t row, std::int64_t pixels);
  bool sound(const Column& column, std::span<const std::byte> bytes, std::int64_t pixels) const;

  const ByteSource& source_;
  const HduLayout& hdu_;
  std::string name_, method_;
  std::vector<Column> columns_;
  std::vector<std::int64_t> tile_;  // pixels along each axis
  std::int64_t row_bytes_ = 0, rows_ = 0, heap_ = 0, heap_bytes_ = 0;
  int rice_bytes_ = 4, rice_block_ = 32;
  std::vector<bool> checked_;
  std::vector<std::byte> row_buffer_, tile_buffer_;
};

}  // namespace tessera::io::detail
