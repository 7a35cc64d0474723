/// io/fits_copy.h — a copy of a FITS file in which some images have other pixels and a few more cards, or only a window of their pixels, and all else its bytes.
#pragma once
#include <filesystem>
#include <functional>
#include <span>

#include "tessera/core/box.h"
#include "tessera/core/header.h"

namespace tessera::io {

struct ImageEdit {
  int hdu = 0;
  Header cards;  ///< replace cards of the same keywords, or are added at the end of the header
  std::function<void(int y, std::span<float> row)> change;  ///< called for each row in order; values as read_float() gives them
};

/// HDUs without an edit keep every byte. Edited images (2-D, or with further axes of length 1) become plain images of 32-bit floats,
/// whatever they were, with all their cards but those of storage and scaling; CHECKSUM and DATASUM are made anew. gzip input gives a plain file.
/// Throws DataError about `from`, SystemError about `to`, which appears complete or not at all.
void copy_fits(const std::filesystem::path& from, const std::filesystem::path& to, std::span<const ImageEdit> edits);

/// The named images (2-D, of one size that holds `window`) keep the pixels of the window alone, as they are stored; packed ones become plain 32-bit whole numbers or
/// floats. CRPIX1 and CRPIX2 of every WCS (also CRPIX1A …) move along, so that pixels keep their places; all other cards and HDUs keep their bytes. Throws as copy_fits().
void crop_fits(const std::filesystem::path& from, const std::filesystem::path& to, Box window, std::span<const int> images);

}  // namespace tessera::io
