#include "tessera/reproject/area.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "geometry/polygon_clip.h"
#include "reproject/support.h"
#include "tessera/reproject/area_block.h"
#include "tessera/reproject/area_edges.h"

namespace {

using namespace tessera;

using namespace tessera::testing;
using tessera::testing::nan;  // not the function of the C library

struct Expected {
  double value = 0, variance = 0, coverage = 0;
};

// O = Σ a I / Σ a and so on, written out with the polygon clipper.
Expected clip_one(const FrameView& frame, const wcs::PixelMap& map, int x, int y) {
  const double ox[] = {x - 0.5, x + 0.5, x + 0.5, x - 0.5}, oy[] = {y - 0.5, y - 0.5, y + 0.5, y + 0.5};
  geometry::Quad q{};
  map.apply(ox, oy, q.x, q.y);
  double weight = 0, weighted = 0, variance = 0;
  const Box near = intersection(geometry::pixels_under(q), frame.box());
  for (int j = near.y0; j < near.y1; ++j)
    for (int i = near.x0; i < near.x1; ++i) {
      if (!frame.good(i, j)) continue;
      const double a = tessera::testing::clipped_area(q, i, j);
      weight += a;
      weighted += a * static_cast<double>(frame.value(i, j));
      variance += a * a * static_cast<double>(frame.variance(i, j));
    }
  const double coverage = weight / std::abs(geometry::area(q));
  if (!(coverage > 1e-5)) return {0, 0, coverage};
  return {weighted / weight, variance / weight / weight, coverage};
}

void expect_as_clipped(const FrameView& frame, const wcs::PixelMap& map, Box box) {
  Resampled out{box};
  reproject::area_overlap(frame, map, out.view());
  for (int y = box.y0; y < box.y1; ++y)
    for (int x = box.x0; x < box.x1; ++x) {
      const Expected e = clip_one(frame, map, x, y);
      ASSERT_NEAR(out.coverage(x, y), e.coverage, 2e-6) << x << ", " << y;
      if (e.coverage < 1e-3) continue;  // a sliver's own mean amplifies the rounding of its area
      ASSERT_NEAR(out.value(x, y), e.value, 3e-6 / std::min(1.0, e.coverage)) << x << ", " << y;
      ASSERT_NEAR(out.variance(x, y), e.variance, 3e-6 / std::min(1.0, e.coverage) * std::max(1.0, e.variance)) << x << ", " << y;
    }
}

TEST(Area, GivesBackTheImageUnderTheIdentity) {
  const Frame frame = noise_frame({0, 0, 100, 70}, 0.05);
  Resampled out{frame.box()};
  reproject::area_overlap(frame.view(), FunctionMap{[](double x, double y) { return std::pair{x, y}; }}, out.view());
  for (int y = 0; y < 70; ++y)
    for (int x = 0; x < 100; ++x) {
      ASSERT_EQ(out.value(x, y), frame.value(x, y));
      ASSERT_EQ(out.variance(x, y), frame.variance(x, y));
      ASSERT_EQ(out.coverage(x, y), static_cast<float>(frame.good(x, y)));
    }
}

TEST(Area, AgreesWithThePolygonClipperAtAnyScaleAngleAndParity) {
  const Frame frame = noise_frame({3, -5, 63, 45}, 0.1);
  for (const double scale : {0.1, 0.5, 1.0, 1.3, 2.0, 2.9, 4.0, 10.0})
    for (const double degrees : {0.0, 1e-9, 1e-7, 1e-5, 13.0, 45.0, 77.0, 90.0, 200.0})
      for (const bool mirrored : {false, true}) {
        SCOPED_TRACE(::testing::Message() << "scale " << scale << " angle " << degrees << " mirrored " << mirrored);
        const int half = std::min(14, static_cast<int>(40 / scale));
        expect_as_clipped(frame.view(), turned(degrees, scale, 31.37, 17.21, mirrored), {-half, -half, half, half});
      }
}

TEST(Area, AgreesWithThePolygonClipperAtTheBordersOfTheFrame) {
  const Frame frame = noise_frame({0, 0, 30, 20}, 0.0);
  for (const double degrees : {0.0, 20.0, 45.0}) {
    expect_as_clipped(frame.view(), turned(degrees, 1.0, 0.2, 0.4), {-10, -10, 10, 10});
    expect_as_clipped(frame.view(), turned(degrees, 1.0, 29.2, 19.4), {-10, -10, 10, 10});
    expect_as_clipped(frame.view(), turned(degrees, 7.0, 15, 10), {-10, -10, 10, 10});
  }
}

TEST(Area, AgreesWithThePolygonClipperUnderADistortedMap) {
  const Frame frame = noise_frame({0, 0, 64, 64}, 0.03);
  const FunctionMap map{[](double x, double y) { return std::pair{30 + x - 0.3 * y + 0.004 * x * y + 0.003 * y * y, 33 + 0.3 * x + y - 0.004 * x * x}; }};
  expect_as_clipped(frame.view(), map, {-24, -24, 24, 24});
}

TEST(Area, KeepsAConstantSkyConstant) {
  Frame frame = noise_frame({0, 0, 80, 80}, 0.2);
  for (int y = 0; y < 80; ++y)
    for (int x = 0; x < 80; ++x) frame.value(x, y) = frame.good(x, y) ? 0.1f : 0.0f;
  for (const double scale : {0.3, 1.0, 2.2, 6.0})
    for (const double degrees : {0.0, 31.0, 45.0}) {
      const Box box{-15, -15, 15, 15};
      Resampled out{box};
      reproject::area_overlap(frame.view(), turned(degrees, scale, 40.1, 39.7), out.view());
      for (const float& c : out.coverage.pixels()) {
        const float v = out.value.pixels()[static_cast<std::size_t>(&c - out.coverage.pixels().data())];
        // Three roundings of weights and sums in single precision, and slivers beside bad pixels: 4e-7 at most.
        ASSERT_NEAR(v, c > 0 ? 0.1f : 0.0f, 4e-8);
      }
    }
}

TEST(Area, ConservesFlux) {
  // A source inside an empty frame: the sum of value · covered area is the sum of the frame's pixels.
  Frame frame = noise_frame({0, 0, 60, 60}, 0.0);
  double truth = 0;
  for (int y = 0; y < 60; ++y)
    for (int x = 0; x < 60; ++x) {
      if (std::hypot(x - 30, y - 30) > 12) frame.value(x, y) = 0;
      truth += static_cast<double>(frame.value(x, y));
    }
  for (const double scale : {0.4, 1.0, 1.7, 5.0})
    for (const double degrees : {0.0, 13.0, 45.0, 77.0}) {
      const int half = static_cast<int>(20 / scale) + 2;
      Resampled out{{-half, -half, half, half}};
      reproject::area_overlap(frame.view(), turned(degrees, scale, 30.2, 30.3), out.view());
      double sum = 0;
      for (std::size_t k = 0; k < out.value.pixels().size(); ++k)
        sum += static_cast<double>(out.value.pixels()[k]) * static_cast<double>(out.coverage.pixels()[k]) * scale * scale;
      EXPECT_NEAR(sum / truth, 1.0, 1e-6);
    }
}

TEST(Area, GivesEqualCoverageAndVarianceToGoodPixels) {
  Frame frame = noise_frame({0, 0, 50, 50}, 0.0);
  Resampled out{{-10, -10, 10, 10}};
  reproject::area_overlap(frame.view(), turned(33, 1, 25, 25), out.view());
  for (const float c : out.coverage.pixels()) EXPECT_EQ(c, 1.0f);
}

TEST(Area, DoesNotDependOnTheTile) {
  const Frame frame = noise_frame({0, 0, 150, 150}, 0.05);
  for (const double scale : {0.6, 1.0, 1.9, 6.0}) {
    const FunctionMap map = turned(28, scale, 75, 75);
    const Box box{-70, -50, 70, 50};
    Resampled whole{box};
    reproject::area_overlap(frame.view(), map, whole.view());
    for (const Box tile : {Box{-70, -50, -69, 50}, Box{-13, -9, 20, 3}, Box{0, 0, 1, 1}, Box{5, -50, 70, 50}}) {
      Resampled part{tile};
      reproject::area_overlap(frame.view(), map, part.view());
      EXPECT_TRUE(same_bits(part, whole, tile)) << scale;
    }
  }
}

TEST(Area, DoesNotDependOnTheWindow) {
  const Frame frame = noise_frame({0, 0, 150, 150}, 0.05);
  for (const double scale : {0.6, 1.0, 1.9, 6.0}) {
    const FunctionMap map = turned(28, scale, 75, 75);
    const Box box{-7, 2, 9, 11};
    Resampled whole{box}, part{box};
    reproject::area_overlap(frame.view(), map, whole.view());
    const Box window = reproject::needed_window(map, box, frame.box());
    EXPECT_LT(window.area(), frame.box().area());
    const FrameView cut{frame.value.view().window(window), frame.variance.view().window(window), frame.good.view().window(window)};
    reproject::area_overlap(cut, map, part.view());
    EXPECT_TRUE(same_bits(part, whole, box)) << scale;
  }
}

TEST(Area, CountsPixelsOutsideTheWindowAsBad) {
  const Frame frame = noise_frame({0, 0, 50, 50}, 0.0);
  Frame masked = noise_frame({0, 0, 50, 50}, 0.0);
  const Box window{20, 22, 33, 30};
  for (int y = 0; y < 50; ++y)
    for (int x = 0; x < 50; ++x)
      if (!window.contains(x, y)) masked.value(x, y) = 0, masked.variance(x, y) = 0, masked.good(x, y) = 0;
  const FrameView cut{frame.value.view().window(window), frame.variance.view().window(window), frame.good.view().window(window)};
  for (const double scale : {1.0, 7.0}) {
    const FunctionMap map = turned(40, scale, 25, 25);
    Resampled a{{-10, -10, 10, 10}}, b{{-10, -10, 10, 10}};
    reproject::area_overlap(cut, map, a.view());
    reproject::area_overlap(masked.view(), map, b.view());
    EXPECT_TRUE(same_bits(a, b, a.box()));
  }
}

TEST(Area, HasTheSameBitsFromEveryInstructionSet) {
  const auto& kernels = reproject::area_kernels();
  const Frame frame = noise_frame({0, 0, 90, 90}, 0.1);
  std::vector<reproject::PackedPixel> packed;
  for (int y = 0; y < 90; ++y)
    for (int x = 0; x < 90; ++x) packed.push_back({static_cast<double>(frame.value(x, y)), static_cast<double>(frame.good(x, y)), static_cast<double>(frame.variance(x, y))});
  geometry::OverlapTable table;
  const FrameView view = frame.view();
  for (const double scale : {0.4, 0.9, 1.0, 2.0, 3.0, 8.0}) {
    constexpr int count = 37, padded = count + 1 + reproject::lane_padding;
    const FunctionMap map = turned(41, std::min(scale, 1.1), 40, 20);
    const FunctionMap large = turned(41, scale, 40, 20);
    std::vector<double> u0(padded, nan), v0(u0), u1(u0), v1(u0);
    const FunctionMap& used = scale > 1.1 ? large : map;
    const double start = -2.5 / scale;
    used.apply_row(start, -0.5, {u0.data(), count + 1}, {v0.data(), count + 1});
    used.apply_row(start, 0.5, {u1.data(), count + 1}, {v1.data(), count + 1});
    for (int k = 0; k <= count; ++k)  // stay inside the packed plane
      if (!(u1[k] > 0 && u1[k] < 80 && v1[k] > 0 && v1[k] < 80)) u0[k] = nan;
    std::vector<float> first;
    for (const auto& kernel : kernels) {
      std::vector<float> result(3 * count, -1.0f);
      reproject::AreaRow row{u0.data(), v0.data(), u1.data(), v1.data(), count, packed.data(), 0, 0, 90,
                             result.data(), result.data() + count, result.data() + 2 * count, &view, &table};
      kernel.resample(row);
      if (first.empty()) first = result;
      EXPECT_EQ(std::memcmp(first.data(), result.data(), sizeof(float) * result.size()), 0) << kernel.name << " at scale " << scale;
    }
  }
}

TEST(Area, HasTheSameBitsFromSharedEdgesOfEveryInstructionSet) {
  const Frame frame = noise_frame({3, -2, 70, 61}, 0.05);
  const FrameView view = frame.view();
  constexpr int width = 61, height = 13, across = width + 1 + reproject::lane_padding;  // no multiple of the lanes
  for (const double scale : {0.4, 0.9, 1.0, 1.3}) {
    const FunctionMap map = turned(31, scale, 30, 28);
    std::vector<double> u(across * (height + 1), nan), v(u);
    for (int y = 0; y <= height; ++y)  // the block reaches beyond the frame at both ends
      map.apply_row(-40.5, y - 6.5, {&u[static_cast<std::size_t>(y * across)], width + 1}, {&v[static_cast<std::size_t>(y * across)], width + 1});
    u[5 * across + 30] = nan;
    std::vector<float> first;
    std::vector<std::uint8_t> left_first;
    for (const auto& kernel : reproject::area_block_kernels()) {
      std::vector<float> result(3 * width * height, -1.0F);
      std::vector<std::uint8_t> left(width * height, 7);
      float* at = result.data();
      kernel.resample({u.data(), v.data(), across, width, height, &view, at, at + width * height, at + 2 * width * height, width, width, width, left.data()});
      for (std::size_t k = 0; k < left.size(); ++k)
        if (left[k])
          for (std::size_t plane = 0; plane < 3; ++plane) result[plane * left.size() + k] = 0;
      if (first.empty()) first = result, left_first = left;
      EXPECT_EQ(left, left_first) << kernel.name;
      EXPECT_EQ(std::memcmp(first.data(), result.data(), sizeof(float) * result.size()), 0) << kernel.name << " at scale " << scale;
    }
  }
}

TEST(Area, LeavesPixelsWithoutAnImageUncovered) {
  const Frame frame = noise_frame({0, 0, 40, 40}, 0.0);
  const FunctionMap map{[](double x, double y) { return x > 5.2 ? std::pair{nan, nan} : std::pair{20 + x, 20 + y}; }};
  Resampled out{{-10, -10, 10, 10}};
  reproject::area_overlap(frame.view(), map, out.view());
  for (int y = -10; y < 10; ++y)
    for (int x = -10; x < 10; ++x) {
      EXPECT_EQ(out.coverage(x, y), x < 5 ? 1.0f : 0.0f);
      EXPECT_TRUE(std::isfinite(out.value(x, y)) && std::isfinite(out.variance(x, y)));
    }
}

TEST(Area, DoesNotSmearAPixelAcrossASeam) {
  // Left and right of x = 0 the map is at opposite ends of the frame: the column between belongs nowhere.
  const Frame frame = noise_frame({0, 0, 400, 40}, 0.0);
  const FunctionMap map{[](double x, double y) { return std::pair{x < 0 ? 390 + x : 10 + x, 20 + y}; }};
  Resampled out{{-4, -4, 4, 4}};
  reproject::area_overlap(frame.view(), map, out.view());
  for (int y = -4; y < 4; ++y)
    for (int x = -4; x < 4; ++x) EXPECT_EQ(out.coverage(x, y), x == 0 ? 0.0f : 1.0f);
}

TEST(Area, SurvivesAbsurdMaps) {
  const Frame frame = noise_frame({0, 0, 20, 20}, 0.0);
  for (const double far : {1e8, 1e12, 1e300, std::numeric_limits<double>::infinity()}) {
    const FunctionMap map{[far](double x, double y) { return std::pair{(x + y) * far, (x - y) * far}; }};
    Resampled out{{-3, -3, 3, 3}};
    reproject::area_overlap(frame.view(), map, out.view());
    for (const float v : out.value.pixels()) EXPECT_TRUE(std::isfinite(v));
  }
  const FunctionMap point{[](double, double) { return std::pair{5.0, 5.0}; }};
  Resampled out{{0, 0, 3, 3}};
  reproject::area_overlap(frame.view(), point, out.view());
  for (const float c : out.coverage.pixels()) EXPECT_EQ(c, 0.0f);
  Resampled none{Box{}};
  reproject::area_overlap(frame.view(), point, none.view());
}

TEST(Area, OverwritesWhatTheOutputHeld) {
  const Frame frame = noise_frame({0, 0, 20, 20}, 0.0);
  Resampled out{{100, 100, 140, 140}};
  for (auto* plane : {&out.value, &out.variance, &out.coverage})
    for (float& v : plane->pixels()) v = 9.0f;
  reproject::area_overlap(frame.view(), FunctionMap{[](double x, double y) { return std::pair{x, y}; }}, out.view());
  for (auto* plane : {&out.value, &out.variance, &out.coverage})
    for (const float v : plane->pixels()) ASSERT_EQ(v, 0.0f);
}

TEST(NeededWindow, HoldsEveryPixelTheOutputTouches) {
  const Box frame{0, 0, 400, 400};
  const FunctionMap bent{[](double x, double y) {
    return std::pair{200 + x - 0.4 * y + 0.002 * x * y - 0.002 * y * y, 200 + 0.4 * x + y + 0.003 * x * x};
  }};
  for (const Box out : {Box{-60, -60, 60, 60}, Box{-7, 3, 50, 21}, Box{0, 0, 1, 1}}) {
    const Box window = reproject::needed_window(bent, out, frame);
    for (int y = out.y0; y <= out.y1; ++y)
      for (int x = out.x0; x <= out.x1; ++x) {
        const double px[] = {x - 0.5}, py[] = {y - 0.5};
        double u[1], v[1];
        bent.apply(px, py, u, v);
        const int i = static_cast<int>(std::lround(u[0])), j = static_cast<int>(std::lround(v[0]));
        ASSERT_TRUE(!frame.contains(i, j) || window.contains(i, j)) << x << ", " << y;
      }
  }
}

TEST(NeededWindow, IsEmptyWhereFrameAndOutputDoNotMeet) {
  const FunctionMap shift{[](double x, double y) { return std::pair{x + 1000, y}; }};
  EXPECT_TRUE(reproject::needed_window(shift, {0, 0, 50, 50}, {0, 0, 300, 300}).empty());
  EXPECT_TRUE(reproject::needed_window(shift, Box{}, {0, 0, 300, 300}).empty());
  EXPECT_TRUE(reproject::needed_window(FunctionMap{[](double, double) { return std::pair{nan, nan}; }}, {0, 0, 50, 50}, {0, 0, 300, 300}).empty());
}

}  // namespace
