#include "tessera/cube/plane_sums.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tessera/geometry/quad_overlap.h"

namespace tessera::cube {
namespace {

TEST(FlagsUnder, AreThoseOfEveryPixelThatIsTouchedAndOfNoOther) {
  // A turned output pixel of 2.3 frame pixels, against areas pixel by pixel.
  const double c = 2.3 * std::cos(.4), s = 2.3 * std::sin(.4);
  const auto map = wcs::affine(c, -s, 11.3, s, c, 9.8);
  Image<std::uint32_t> flags{Box{0, 0, 40, 40}};
  for (int y = 0; y < 40; ++y)
    for (int x = 0; x < 40; ++x) flags(x, y) = (x * 7 + y * 13) % 11 == 0 ? 1u << 21 : (x * 5 + y * 3) % 17 == 0 ? 1u << 1 : 0;
  const Box box{0, 0, 7, 6};
  Image<float> coverage{box, 1};
  coverage(3, 3) = 0;
  Image<std::int32_t> got{box};
  flags_under(std::as_const(flags).view(), *map, std::as_const(coverage).view(), got.view());
  int mixed = 0;
  for (int y = 0; y < 6; ++y)
    for (int x = 0; x < 7; ++x) {
      geometry::Quad quad;
      for (std::size_t k = 0; k < 4; ++k) {
        const double px = x + (k == 1 || k == 2 ? .5 : -.5), py = y + (k > 1 ? .5 : -.5);
        quad.x[k] = c * px - s * py + 11.3, quad.y[k] = s * px + c * py + 9.8;
      }
      geometry::OverlapTable overlap;
      overlap.compute(quad);
      std::uint32_t expected = 0;
      int touched = 0;
      for (int v = 0; v < 40; ++v)
        for (int u = 0; u < 40; ++u)
          if (overlap.box().contains(u, v) && overlap(u, v) > 1e-6) expected |= flags(u, v), ++touched;
      mixed += touched < overlap.box().area();
      EXPECT_EQ(got(x, y), x == 3 && y == 3 ? 0 : static_cast<std::int32_t>(expected)) << x << ' ' << y;
    }
  EXPECT_GT(mixed, 20);  // corners of the box that the turned pixel does not reach
}

TEST(FlagsUnder, DoNotDependOnTheTile) {
  const auto map = wcs::affine(1.3, .4, 2, -.4, 1.3, 9);
  Image<std::uint32_t> flags{Box{0, 0, 30, 30}};
  for (std::size_t i = 0; i < flags.pixels().size(); ++i) flags.pixels()[i] = i % 7 == 0 ? 2u : 0u;
  const Box whole{0, 0, 12, 12};
  const Image<float> coverage{whole, 1};
  Image<std::int32_t> all{whole}, part{Box{0, 5, 12, 9}};
  flags_under(std::as_const(flags).view(), *map, coverage.view(), all.view());
  flags_under(std::as_const(flags).view(), *map, coverage.view().window(part.box()), part.view());
  for (int y = 5; y < 9; ++y)
    for (int x = 0; x < 12; ++x) EXPECT_EQ(all(x, y), part(x, y));
}

}  // namespace
}  // namespace tessera::cube
