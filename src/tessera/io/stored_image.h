/// io/stored_image.h — the stored bytes of an uncompressed two-dimensional FITS image, for whoever decodes several planes in one loop;
/// everybody else reads pixels through FitsFile.
#pragma once
#include <cstddef>
#include <filesystem>
#include <memory>

namespace tessera::io {

class StoredImage {
 public:
  /// Opens the file on its own. Throws DataError as FitsFile does.
  StoredImage(const std::filesystem::path& path, int hdu);
  ~StoredImage();
  StoredImage(StoredImage&&) noexcept;
  StoredImage& operator=(StoredImage&&) noexcept;

  /// False for what has to be read by FitsFile: compressed, a cube, a table, with BLANK values.
  bool plain() const;
  int bitpix() const;
  double scale() const;  ///< value = zero + scale · number
  double zero() const;
  int width() const;
  int height() const;
  /// Big-endian numbers of rows [y0, y1), good until the next call. Throws DataError when the file ends before.
  const std::byte* rows(int y0, int y1);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tessera::io
