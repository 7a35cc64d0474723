#include "tessera/reproject/grid.h"

#include <gtest/gtest.h>

#include <cmath>

#include "reproject/support.h"
#include "tessera/reproject/area.h"

namespace {

using namespace tessera;
using namespace tessera::testing;

TEST(GridInterpolation, AgreesWithCountingPoints) {
  const Frame frame = noise_frame({0, 0, 30, 30}, 0.1);
  for (const int ratio : {1, 3, 4})
    for (const double scale : {0.4, 1.0, 2.3}) {
      const BothWays ways = turned_both(21, scale, 15.123, 14.877);
      Resampled out{{-6, -6, 6, 6}};
      reproject::drop_grid(frame.view(), ways.maps(), ratio, out.view());
      for (int y = -6; y < 6; ++y)
        for (int x = -6; x < 6; ++x) {
          double weight = 0, weighted = 0, variance = 0;
          for (int j = 0; j < 30; ++j)
            for (int i = 0; i < 30; ++i) {
              if (!frame.good(i, j)) continue;
              int n = 0;
              for (int b = 0; b < ratio; ++b)
                for (int a = 0; a < ratio; ++a) {
                  const double px[] = {i + (a + 0.5) / ratio - 0.5}, py[] = {j + (b + 0.5) / ratio - 0.5};
                  double u[1], v[1];
                  ways.to_output.apply(px, py, u, v);
                  n += std::floor(u[0] + 0.5) == x && std::floor(v[0] + 0.5) == y;
                }
              weight += n;
              weighted += n * static_cast<double>(frame.value(i, j));
              variance += n * n * static_cast<double>(frame.variance(i, j));
            }
          ASSERT_NEAR(out.coverage(x, y), weight / (ratio * ratio * scale * scale), 1e-5);
          if (weight == 0) continue;
          ASSERT_NEAR(out.value(x, y), weighted / weight, 1e-5);
          ASSERT_NEAR(out.variance(x, y), variance / weight / weight, 1e-5);
        }
    }
}

TEST(GridInterpolation, TendsToAreaOverlap) {
  const Frame frame = noise_frame({0, 0, 40, 40}, 0.05);
  const BothWays ways = turned_both(33, 1.2, 20, 20);
  Resampled area{{-8, -8, 8, 8}}, out{area.box()};
  reproject::area_overlap(frame.view(), ways.to_frame, area.view());
  reproject::drop_grid(frame.view(), ways.maps(), 40, out.view());
  for (int y = -8; y < 8; ++y)
    for (int x = -8; x < 8; ++x) {
      EXPECT_NEAR(out.coverage(x, y), area.coverage(x, y), 0.01);
      EXPECT_NEAR(out.value(x, y), area.value(x, y), 0.05);
    }
}

TEST(GridInterpolation, KeepsAConstantSkyConstantAndDoesNotDependOnTileOrWindow) {
  Frame frame = noise_frame({0, 0, 80, 80}, 0.05);
  const BothWays ways = bent(40, 40);
  for (const int ratio : {3, 4}) {
    Resampled whole{{-20, -15, 20, 15}};
    reproject::drop_grid(frame.view(), ways.maps(), ratio, whole.view());
    for (const Box tile : {Box{-20, -15, -19, 15}, Box{-13, -9, 20, 3}, Box{0, 0, 1, 1}}) {
      Resampled part{tile};
      const Box window = intersection(reproject::needed_window(ways.to_frame, tile, frame.box()).grown(reproject::drop_margin), frame.box());
      reproject::drop_grid(cut(frame, window), ways.maps(), ratio, part.view());
      EXPECT_TRUE(same_bits(part, whole, tile));
    }
  }
  for (int y = 0; y < 80; ++y)
    for (int x = 0; x < 80; ++x)
      if (frame.good(x, y)) frame.value(x, y) = 3.7f;
  Resampled out{{-20, -15, 20, 15}};
  reproject::drop_grid(frame.view(), ways.maps(), 4, out.view());
  for (std::size_t k = 0; k < out.value.pixels().size(); ++k) {
    if (out.coverage.pixels()[k] > 0) {
      ASSERT_NEAR(out.value.pixels()[k], 3.7, 1e-6 * 3.7);
    }
  }
}

}  // namespace
