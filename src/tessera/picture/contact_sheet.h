/// picture/contact_sheet.h — many small pictures in rows on one PNG, each stretched for itself, with a line of text below.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "tessera/picture/picture.h"

namespace tessera::picture {

struct SheetItem {
  Preview preview;    ///< at most sheet_cell pixels along a side; without a pixel or without data: an empty frame
  std::string label;
};
inline constexpr int sheet_cell = 120;

/// Left to right, then down. Throws UsageError without items, SystemError when the file cannot be written.
void write_contact_sheet(const std::vector<SheetItem>& items, int columns, const std::string& title, const PictureOptions& options, const std::filesystem::path& path);

}  // namespace tessera::picture
