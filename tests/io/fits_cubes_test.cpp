#include "tessera/io/fits_cubes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <numeric>
#include <thread>

#include "base/temporary_folder.h"
#include "tessera/base/error.h"
#include "tessera/io/fits.h"

namespace tessera::io {
namespace {

float value_at(int x, int y, int z) { return static_cast<float>(x + 10 * y + 100 * z) + 0.5f; }

class Cubes : public testing::Test {
 protected:
  static constexpr int width = 7, height = 5, depth = 3;
  std::vector<CubeHdu> hdus() {
    Header unit;
    unit.set("BUNIT", std::string{"MJy/sr"});
    return {{"IMAGE", CubeHdu::Pixels::real, unit}, {"NHITS", CubeHdu::Pixels::integer, {}}};
  }
  /// Two rows at a time, the last ones first.
  void fill(FitsCubes& file, int z) {
    for (const int y : {4, 2, 0}) {
      const int rows = std::min(2, height - y);
      std::vector<float> real;
      std::vector<std::int32_t> whole;
      for (int r = y; r < y + rows; ++r)
        for (int x = 0; x < width; ++x) real.push_back(x == 3 ? NAN : value_at(x, r, z)), whole.push_back(-x - r * z);
      file.write(0, z, y, real);
      file.write(1, z, y, whole);
    }
  }
  std::filesystem::path path() { return folder_.path() / "cube.fits"; }
  TemporaryFolder folder_;
};

TEST_F(Cubes, HoldWhatWasWrittenInAnyOrderByAnyThread) {
  Table table;
  table.name = "WAVES";
  table.add("w", std::vector<double>{1, 2, 3});
  FitsCubes file{path(), {}, hdus(), width, height, depth};
  std::vector<std::thread> threads;
  for (const int z : {2, 0, 1}) threads.emplace_back([&, z] { fill(file, z); });
  for (auto& t : threads) t.join();
  EXPECT_FALSE(std::filesystem::exists(path()));
  file.close({table});

  const FitsFile read{path()};
  ASSERT_EQ(read.hdus().size(), 4u);
  EXPECT_EQ(read.header(1).text("BUNIT"), "MJy/sr");
  EXPECT_THAT(read.hdus()[1].axes, testing::ElementsAre(width, height, depth));
  for (int z = 0; z < depth; ++z) {
    const auto real = read.read_float(1, {}, z);
    const auto whole = read.read_bits(2, {}, z);
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x) {
        if (x == 3) EXPECT_TRUE(std::isnan(real(x, y)));
        else EXPECT_EQ(real(x, y), value_at(x, y, z));
        EXPECT_EQ(static_cast<std::int32_t>(whole(x, y)), -x - y * z);
      }
  }
  EXPECT_THAT(read.read_table(3).numbers("w"), testing::ElementsAre(1, 2, 3));
}

TEST_F(Cubes, LeaveNothingWhenTheyAreNotClosed) {
  { FitsCubes file{path(), {}, hdus(), width, height, depth}; }
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
  EXPECT_THROW((FitsCubes{path(), {}, hdus(), 0, height, depth}), UsageError);
  EXPECT_THROW((FitsCubes{folder_.path() / "no" / "cube.fits", {}, hdus(), 1, 1, 1}), SystemError);
}

}  // namespace
}  // namespace tessera::io
