#include "tessera/picture/contact_sheet.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <iterator>

#include "base/temporary_folder.h"
#include "tessera/base/error.h"

namespace tessera::picture {
namespace {

SheetItem item(int side, float value, const std::string& label) {
  PreviewBuilder builder{side, side, sheet_cell};
  std::vector<float> row(static_cast<std::size_t>(side));
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) row[static_cast<std::size_t>(x)] = value + static_cast<float>(x * y);
    builder.add_row(y, row);
  }
  return {builder.finish(), label};
}

/// Width and height as the file's first chunk says them.
std::pair<int, int> size_of(const std::filesystem::path& path) {
  std::ifstream in{path, std::ios::binary};
  const std::string bytes{std::istreambuf_iterator<char>{in}, {}};
  const auto number = [&](std::size_t at) {
    int v = 0;
    for (std::size_t k = 0; k < 4; ++k) v = v << 8 | static_cast<unsigned char>(bytes.at(at + k));
    return v;
  };
  return {number(16), number(20)};
}

TEST(ContactSheets, HaveACellForEveryItemAlsoForThoseWithoutData) {
  const TemporaryFolder folder;
  std::vector<SheetItem> items;
  for (int i = 0; i < 5; ++i) items.push_back(item(7 + 40 * i, static_cast<float>(i), "plane"));
  items.push_back(item(9, NAN, "empty"));
  items.push_back({{}, "nothing"});
  write_contact_sheet(items, 3, "seven", {}, folder.path() / "a.png");
  write_contact_sheet(items, 30, "seven", {}, folder.path() / "b.png");
  const auto three = size_of(folder.path() / "a.png"), seven = size_of(folder.path() / "b.png");
  EXPECT_GE(three.first, 3 * sheet_cell);
  EXPECT_LT(three.first, 4 * sheet_cell);
  EXPECT_GE(three.second, 3 * sheet_cell);
  EXPECT_GE(seven.first, 7 * sheet_cell);
  EXPECT_LT(seven.second, 2 * sheet_cell);
  EXPECT_THROW(write_contact_sheet({}, 3, "", {}, folder.path() / "c.png"), UsageError);
}

}  // namespace
}  // namespace tessera::picture
