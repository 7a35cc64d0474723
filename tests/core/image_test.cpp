#include "tessera/core/image.h"

#include <gtest/gtest.h>

#include <numeric>

#include "tessera/core/frame.h"

namespace tessera {
namespace {

Image<int> numbered(Box box) {
  Image<int> image{box};
  std::iota(image.pixels().begin(), image.pixels().end(), 0);
  return image;
}

TEST(Box, IntersectionAndHullAreTheAlgebraOfRectangles) {
  const Box a{0, 0, 10, 5}, b{4, -2, 20, 3}, far{100, 100, 110, 110}, none{};
  EXPECT_EQ(intersection(a, b), (Box{4, 0, 10, 3}));
  EXPECT_EQ(intersection(a, b), intersection(b, a));
  EXPECT_EQ(hull(a, b), (Box{0, -2, 20, 5}));
  EXPECT_TRUE(intersection(a, far).empty());
  EXPECT_EQ(intersection(a, far).area(), 0);
  EXPECT_EQ(hull(a, none), a);
  EXPECT_EQ(hull(none, a), a);
  EXPECT_TRUE(hull(a, b).contains(a));
  EXPECT_TRUE(a.contains(far) == false && a.contains(none));
  EXPECT_EQ(a.grown(2).grown(-2), a);
}

TEST(Box, AreaDoesNotOverflowAnInt) { EXPECT_EQ((Box{0, 0, 1 << 20, 1 << 20}).area(), std::int64_t{1} << 40); }

TEST(View, KeepsTheCoordinatesOfTheImageItWasCutFrom) {
  const Image<int> image = numbered({-3, 10, 7, 16});
  const View<const int> whole = image;
  const auto part = whole.window({0, 12, 5, 14});
  for (int y = 12; y < 14; ++y) {
    for (int x = 0; x < 5; ++x) EXPECT_EQ(part(x, y), image(x, y));
    EXPECT_EQ(part.row(y).size(), 5u);
    EXPECT_EQ(part.row(y).data(), &image(0, y));
  }
  EXPECT_EQ(part.window({2, 13, 3, 14})(2, 13), image(2, 13));
}

TEST(View, RefusesAWindowThatReachesOutside) {
  const Image<int> image = numbered({0, 0, 4, 4});
  EXPECT_THROW(image.view().window({0, 0, 5, 4}), UsageError);
  EXPECT_THROW(image.view().window({-1, 0, 2, 2}), UsageError);
  EXPECT_NO_THROW(image.view().window({4, 4, 4, 4})) << "an empty window is legal";
}

TEST(Image, MovesItsPixelsAndCopiesOnlyWhenTold) {
  static_assert(!std::is_copy_constructible_v<Image<float>> && std::is_nothrow_move_constructible_v<Image<float>>);
  Image<int> image = numbered({0, 0, 3, 2});
  const int* const pixels = image.pixels().data();
  Image<int> copy = image.copy();
  Image<int> moved = std::move(image);
  EXPECT_EQ(moved.pixels().data(), pixels);
  moved(1, 1) = 99;
  EXPECT_EQ(copy(1, 1), 4);
  EXPECT_EQ(copy.box(), moved.box());
}

TEST(Image, ResetKeepsItsMemoryAndClearsItsPixels) {
  Image<int> image = numbered({0, 0, 8, 8});
  const int* const pixels = image.pixels().data();
  image.reset({5, 5, 9, 9}, 7);
  EXPECT_EQ(image.pixels().data(), pixels);
  EXPECT_EQ(image.pixels().size(), 16u);
  EXPECT_EQ(image(8, 8), 7);
  image.reset({});
  EXPECT_TRUE(image.empty());
}

TEST(Frame, ThreePlanesShareOneBox) {
  const Frame frame{Box{2, 3, 6, 9}};
  EXPECT_EQ(frame.view().variance.box(), frame.box());
  EXPECT_EQ(frame.view().good.box(), frame.box());
  Resampled tile{Box{0, 0, 4, 4}};
  tile.coverage(1, 1) = 1;
  tile.reset(Box{4, 0, 8, 4});
  EXPECT_EQ(tile.view().coverage(5, 1), 0);
  EXPECT_EQ(tile.view().box(), (Box{4, 0, 8, 4}));
}

}  // namespace
}  // namespace tessera
