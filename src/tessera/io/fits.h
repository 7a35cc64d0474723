/// io/fits.h — FITS images and tables through cfitsio, which is seen in fits_*.cpp only. Every header is checked by us first
/// (card count, axes, sizes against the file's length). File names are taken literally, never as cfitsio's extended syntax.
#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tessera/core/header.h"
#include "tessera/core/image.h"
#include "tessera/core/table.h"

namespace tessera::io {

struct HduInfo {
  enum class Kind { empty, image, table };
  int index = 0;            ///< from 0
  Kind kind = Kind::empty;  ///< a tile-compressed image counts as image
  std::string name;         ///< EXTNAME, "" when absent
  int version = 1;          ///< EXTVER
  std::vector<std::int64_t> axes;  ///< NAXISn of the (uncompressed) image, or {row bytes, rows}
  int bitpix = 0;
  bool compressed = false;
};

/// One open file, for one thread at a time; open it once per thread. Plain, .gz and tile-compressed (.fz) files.
class FitsFile {
 public:
  /// Throws DataError: absent, a folder, not FITS, truncated (says bytes found and expected), header absurd.
  explicit FitsFile(const std::filesystem::path& path);
  ~FitsFile();
  FitsFile(FitsFile&&) noexcept;
  FitsFile& operator=(FitsFile&&) noexcept;

  const std::filesystem::path& path() const;
  const std::vector<HduInfo>& hdus() const;
  std::optional<int> find(std::string_view extname, int extver = 0) const;  ///< case-insensitive; extver 0: the first
  /// First HDU with a 2-D image of non-zero size (axes beyond the second of length 1), or nothing.
  std::optional<int> first_image() const;
  /// Cards of one HDU; for a tile-compressed image those of the image it holds (NAXIS…, not ZNAXIS…). With `inherit`,
  /// cards of the primary HDU that the extension lacks are appended when the extension says INHERIT = T.
  Header header(int hdu, bool inherit = true) const;
  /// Pixels of `window` (default all) of a 2-D image as float; BSCALE/BZERO applied; BLANK, NaN and ±inf become NaN.
  /// `plane` picks the third axis. Throws DataError: not an image, window outside, read error, other dimensions.
  Image<float> read_float(int hdu, std::optional<Box> window = {}, int plane = 0) const;
  /// Bit patterns of an integer image (BZERO applied; negative values keep their two's complement low 32 bits).
  Image<std::uint32_t> read_bits(int hdu, std::optional<Box> window = {}, int plane = 0) const;
  /// A whole binary or ASCII table; vector columns of fixed length n become n columns name_1 … name_n.
  Table read_table(int hdu) const;
  /// Bytes a gzip file unfolds to; 0 for a plain file.
  std::int64_t unpacked_bytes() const;
  /// Whether this is a gzip file so large that it is inflated as it is read: then reading backwards begins anew. See unpack_gzip().
  bool streamed() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Writes what a gzip file unfolds to. Throws DataError when it is damaged, SystemError when `to` cannot be written.
void unpack_gzip(const std::filesystem::path& from, const std::filesystem::path& to);

/// Tiles of packed images: their size never depends on how the image was made. Those at the right and upper border are smaller.
inline constexpr int packed_tile_width = 256, packed_tile_height = 64;
/// The bytes of one tile, packed without loss (GZIP_2 of the convention for tiled images, FITS standard 10.4). Safe from many threads.
std::string pack_tile(View<const float> tile);

/// Writes a new file beside its target and renames it when close() succeeds; an object destroyed before that leaves nothing.
/// CHECKSUM and DATASUM on every HDU. Throws SystemError with path and reason.
class FitsWriter {
 public:
  explicit FitsWriter(const std::filesystem::path& path);
  ~FitsWriter();
  /// `gzip_lossless` keeps every bit, and so NaN. `rice`: whole numbers without loss; of floats what is left when steps of 1/16 of a tile's noise are
  /// taken with SUBTRACTIVE_DITHER_2: zeros stay zeros, and NaN, which would not survive, is written as 0.
  enum class Compression { none, gzip_lossless, rice };
  /// Structural cards (SIMPLE, BITPIX, NAXIS…, EXTNAME from `name`) are ours; `header` gives the rest in its order.
  void add_image(const std::string& name, const Header& header, View<const float> pixels, Compression c = Compression::none);
  void add_image(const std::string& name, const Header& header, View<const double> pixels);
  void add_image(const std::string& name, const Header& header, View<const std::int16_t> pixels, Compression c = Compression::none);
  void add_image(const std::string& name, const Header& header, View<const std::int32_t> pixels, Compression c = Compression::none);
  /// A float image too large for memory: `fill(y, row)` is called for y = 0 … height−1 in order.
  void add_image(const std::string& name, const Header& header, int width, int height,
                 const std::function<void(int y, std::span<float> row)>& fill, Compression c = Compression::none);
  /// A cube of integers or floats, `fill(z, y, row)` called for rows in order, plane after plane.
  void add_cube(const std::string& name, const Header& header, int width, int height, int depth, const std::function<void(int z, int y, std::span<std::int32_t> row)>& fill,
                Compression c = Compression::none);
  void add_cube(const std::string& name, const Header& header, int width, int height, int depth, const std::function<void(int z, int y, std::span<float> row)>& fill,
                Compression c = Compression::none);
  /// A float image in tiles that pack_tile() has packed; add_packed() then takes them by rows from below, left to right.
  void begin_packed(const std::string& name, const Header& header, int width, int height);
  void add_packed(std::string_view tile);
  void add_empty(const Header& header);  ///< a primary HDU without data
  void add_table(const Table& table);    ///< binary table; the first HDU becomes an empty primary when none was added
  void close();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tessera::io
