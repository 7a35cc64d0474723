#include "tessera/pipeline/kept_tiles.h"

#include <gtest/gtest.h>

namespace tessera::pipeline {
namespace {

TEST(KeptTiles, AreThoseOfTheGuidesExample) {
  // Figure 8.1: NAXIS1 = 4450, NAXIS2 = 1024, 500 suggested: 9 tiles of 494 (the last 498) by 2 of 512.
  const auto tiles = kept_tiles(4450, 1024, 500, 500);
  ASSERT_EQ(tiles.size(), 18u);
  EXPECT_EQ(tiles[0], (Box{0, 0, 494, 512}));
  EXPECT_EQ(tiles[8], (Box{3952, 0, 4450, 512}));
  EXPECT_EQ(tiles[17], (Box{3952, 512, 4450, 1024}));
}

TEST(KeptTiles, CoverTheMosaicOnce) {
  for (const int width : {1, 15, 100, 749, 750, 751, 1234})
    for (const int suggested : {16, 500, 2000}) {
      const auto tiles = kept_tiles(width, 40, suggested, suggested);
      std::int64_t area = 0;
      for (const auto& t : tiles) area += t.area();
      EXPECT_EQ(area, std::int64_t{width} * 40);
      EXPECT_EQ(tiles.front().x0, 0);
      EXPECT_EQ(tiles.back().x1, width);
    }
  EXPECT_EQ(kept_tiles(750, 10, 500, 500).size(), 1u) << "a remainder of half a tile makes no other";
  EXPECT_EQ(kept_tiles(751, 10, 500, 500).size(), 2u);
}

}  // namespace
}  // namespace tessera::pipeline
