#include "tessera/reproject/drizzle.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "geometry/polygon_clip.h"
#include "reproject/support.h"
#include "tessera/reproject/area.h"
#include "tessera/reproject/area_block.h"
#include "tessera/reproject/drop_quads.h"

namespace {

using namespace tessera;
using namespace tessera::testing;
using tessera::testing::nan;  // not the function of the C library
using reproject::DropKernel;

constexpr DropKernel all_kernels[] = {DropKernel::square, DropKernel::turbo, DropKernel::gaussian, DropKernel::point};

struct Expected {
  double value = 0, variance = 0, coverage = 0;
};

// Weight of one drop in output pixel (x, y); `area` is that of a frame pixel in output pixels.
double drop_weight(DropKernel kernel, double pixfrac, const wcs::PixelMap& to_output, double area, int i, int j, int x, int y) {
  const double h = 0.5 * pixfrac;
  double cu[] = {0}, cv[] = {0};
  const double ci[] = {static_cast<double>(i)}, cj[] = {static_cast<double>(j)};
  to_output.apply(ci, cj, cu, cv);
  const double dx = cu[0] - x, dy = cv[0] - y, side = std::sqrt(area);
  switch (kernel) {
    case DropKernel::square: {
      const double px[] = {i - h, i + h, i + h, i - h}, py[] = {j - h, j - h, j + h, j + h};
      geometry::Quad q{};
      to_output.apply(px, py, q.x, q.y);
      return tessera::testing::clipped_area(q, x, y) / (pixfrac * pixfrac);
    }
    case DropKernel::turbo: {
      const auto shared = [&](double d) { return std::max(0.0, std::min(d + h * side, 0.5) - std::max(d - h * side, -0.5)); };
      return shared(dx) * shared(dy) / (pixfrac * pixfrac);
    }
    case DropKernel::point: return dx >= -0.5 && dx < 0.5 && dy >= -0.5 && dy < 0.5 ? area : 0;
    case DropKernel::gaussian: {
      const double sigma = pixfrac * side / 2.3548200450309493, reach = std::max(2.5 * sigma, 1.2 * side) + 0.5;
      if (std::abs(dx) > reach || std::abs(dy) > reach) return 0;
      return area * std::exp(-(dx * dx + dy * dy) / (2 * sigma * sigma)) / (2 * std::numbers::pi * sigma * sigma);
    }
  }
  return 0;
}

Expected sum_one(const FrameView& frame, DropKernel kernel, double pixfrac, const wcs::PixelMap& to_output, double area, int x, int y) {
  double weight = 0, weighted = 0, variance = 0;
  for (int j = frame.box().y0; j < frame.box().y1; ++j)
    for (int i = frame.box().x0; i < frame.box().x1; ++i) {
      if (!frame.good(i, j)) continue;
      const double a = drop_weight(kernel, pixfrac, to_output, area, i, j, x, y);
      weight += a;
      weighted += a * static_cast<double>(frame.value(i, j));
      variance += a * a * static_cast<double>(frame.variance(i, j));
    }
  return weight > 1e-6 ? Expected{weighted / weight, variance / weight / weight, weight} : Expected{};
}

TEST(Drizzle, AgreesWithTheSumOverAllDrops) {
  const Frame frame = noise_frame({3, -2, 33, 24}, 0.1);
  for (const DropKernel kernel : all_kernels)
    for (const double scale : {0.2, 0.6, 1.0, 2.3})
      for (const double degrees : {0.0, 21.0, 45.0})
        for (const double pixfrac : {0.3, 0.8, 1.0}) {
          SCOPED_TRACE(::testing::Message() << "kernel " << static_cast<int>(kernel) << " scale " << scale << " angle " << degrees << " pixfrac " << pixfrac);
          const BothWays ways = turned_both(degrees, scale, 18.37, 11.21);
          const int half = 6;
          Resampled out{{-half, -half, half, half}};
          reproject::drizzle(frame.view(), ways.maps(), pixfrac, kernel, out.view());
          for (int y = -half; y < half; ++y)
            for (int x = -half; x < half; ++x) {
              const Expected e = sum_one(frame.view(), kernel, pixfrac, ways.to_output, 1 / (scale * scale), x, y);
              ASSERT_NEAR(out.coverage(x, y), e.coverage, 3e-6 * (1 + e.coverage)) << x << ", " << y;
              if (e.coverage < 1e-3) continue;  // a sliver's own mean amplifies the rounding of its area
              ASSERT_NEAR(out.value(x, y), e.value, 1e-5 / std::min(1.0, e.coverage)) << x << ", " << y;
              ASSERT_NEAR(out.variance(x, y), e.variance, 1e-5 / std::min(1.0, e.coverage)) << x << ", " << y;
            }
        }
}

TEST(Drizzle, OfWholePixelsIsAreaOverlap) {
  const Frame frame = noise_frame({0, 0, 60, 60}, 0.05);
  const BothWays ways = turned_both(31, 0.8, 30.2, 29.6);
  Resampled dropped{{-20, -20, 20, 20}}, area{dropped.box()};
  reproject::drizzle(frame.view(), ways.maps(), 1.0, DropKernel::square, dropped.view());
  reproject::area_overlap(frame.view(), ways.to_frame, area.view());
  for (int y = -20; y < 20; ++y)
    for (int x = -20; x < 20; ++x) {
      ASSERT_NEAR(dropped.coverage(x, y), area.coverage(x, y), 1e-6);
      if (area.coverage(x, y) < 0.01f) continue;
      ASSERT_NEAR(dropped.value(x, y), area.value(x, y), 1e-4);
      ASSERT_NEAR(dropped.variance(x, y), area.variance(x, y), 1e-4);
    }
}

TEST(Drizzle, KeepsAConstantSkyConstant) {
  Frame frame = noise_frame({0, 0, 80, 80}, 0.02);
  for (int y = 0; y < 80; ++y)
    for (int x = 0; x < 80; ++x)
      if (frame.good(x, y)) frame.value(x, y) = 3.7f;
  for (const DropKernel kernel : all_kernels)
    for (const double pixfrac : {0.4, 1.0}) {
      Resampled out{{-20, -20, 20, 20}};
      reproject::drizzle(frame.view(), bent(40, 40).maps(), pixfrac, kernel, out.view());
      for (std::size_t k = 0; k < out.value.pixels().size(); ++k) {
        if (out.coverage.pixels()[k] > 0) {
          ASSERT_NEAR(out.value.pixels()[k], 3.7, 1e-6 * 3.7);
        }
      }
    }
}

TEST(Drizzle, ConservesFluxUnderItsCoverage) {
  Frame frame = noise_frame({0, 0, 60, 60}, 0.0);
  double truth = 0;
  for (int y = 0; y < 60; ++y)
    for (int x = 0; x < 60; ++x) {
      if (std::hypot(x - 30, y - 30) > 12) frame.value(x, y) = 0;
      truth += static_cast<double>(frame.value(x, y));
    }
  for (const DropKernel kernel : {DropKernel::square, DropKernel::turbo, DropKernel::point})
    for (const double scale : {0.4, 1.0, 1.7}) {
      const int half = static_cast<int>(20 / scale) + 2;
      Resampled out{{-half, -half, half, half}};
      reproject::drizzle(frame.view(), turned_both(27, scale, 30.2, 30.3).maps(), 0.6, kernel, out.view());
      double sum = 0;
      for (std::size_t k = 0; k < out.value.pixels().size(); ++k)
        sum += static_cast<double>(out.value.pixels()[k]) * static_cast<double>(out.coverage.pixels()[k]) * scale * scale;
      EXPECT_NEAR(sum / truth, 1.0, 1e-6);
    }
}

TEST(Drizzle, HasMeanCoverageOneInsideAFrame) {
  const Frame frame = noise_frame({0, 0, 90, 90}, 0.0);
  for (const DropKernel kernel : all_kernels)
    for (const double pixfrac : {0.5, 0.8, 1.0}) {
      Resampled out{{-25, -25, 25, 25}};
      reproject::drizzle(frame.view(), turned_both(17, 0.9, 45, 45).maps(), pixfrac, kernel, out.view());
      double sum = 0;
      for (const float c : out.coverage.pixels()) sum += static_cast<double>(c);
      // Drops cross the border of the box in both directions: their number is the error. The Gaussian is cut at 2.5 sigma and sampled.
      EXPECT_NEAR(sum / 2500, 1.0, 0.02) << static_cast<int>(kernel) << " " << pixfrac;
    }
}

TEST(Drizzle, DoesNotDependOnTileOrWindow) {
  const Frame frame = noise_frame({0, 0, 100, 100}, 0.05);
  for (const DropKernel kernel : all_kernels)
    for (const double pixfrac : {0.37, 0.8, 1.0})
      for (const BothWays& ways : {turned_both(28, 0.2, 50, 50), turned_both(28, 1.1, 50, 50), bent(50, 50)}) {
        Resampled whole{{-30, -20, 30, 20}};
        reproject::drizzle(frame.view(), ways.maps(), pixfrac, kernel, whole.view());
        for (const Box tile : {Box{-30, -20, -29, 20}, Box{-13, -9, 20, 3}, Box{0, 0, 1, 1}, Box{5, -20, 30, 20}}) {
          Resampled part{tile};
          const Box window = intersection(reproject::needed_window(ways.to_frame, tile, frame.box()).grown(reproject::drop_margin), frame.box());
          reproject::drizzle(cut(frame, window), ways.maps(), pixfrac, kernel, part.view());
          EXPECT_TRUE(same_bits(part, whole, tile)) << static_cast<int>(kernel) << " " << pixfrac;
        }
      }
}

TEST(Drizzle, LeavesBadPixelsOut) {
  Frame frame = noise_frame({0, 0, 9, 9}, 0.0);
  frame.good(4, 4) = 0, frame.value(4, 4) = 0, frame.variance(4, 4) = 0;
  for (const DropKernel kernel : {DropKernel::square, DropKernel::turbo, DropKernel::point}) {
    Resampled out{frame.box()};
    const BothWays same = turned_both(0, 1, 0, 0);
    reproject::drizzle(frame.view(), same.maps(), 0.7, kernel, out.view());
    for (int y = 0; y < 9; ++y)
      for (int x = 0; x < 9; ++x) {
        EXPECT_NEAR(out.coverage(x, y), x == 4 && y == 4 ? 0 : 1, 1e-6);
        EXPECT_NEAR(out.value(x, y), frame.value(x, y), 1e-6);
      }
  }
}

TEST(Drizzle, HasTheSameBitsFromEveryInstructionSet) {
  const Frame frame = noise_frame({0, 0, 61, 40}, 0.1);
  for (const double scale : {0.15, 0.3, 0.45, 1.0, 3.0}) {
    const BothWays ways = turned_both(41, scale, 30, 20);
    std::vector<Resampled> results;
    for (const auto& kernel : reproject::drop_quads_kernels()) {
      reproject::DropSums sums{{-20, -20, 20, 20}};
      geometry::OverlapTable table;
      std::vector<double> corners[8];
      for (int y = 0; y < 40; ++y) {
        reproject::DropRow row;
        const double dx[] = {-0.4, 0.4, 0.4, -0.4}, dy[] = {-0.4, -0.4, 0.4, 0.4};
        for (std::size_t k = 0; k < 4; ++k) {
          corners[k].assign(61 + reproject::lane_padding, nan);
          corners[4 + k].assign(61 + reproject::lane_padding, nan);
          ways.to_output.apply_row(dx[k], y + dy[k], {corners[k].data(), 61}, {corners[4 + k].data(), 61});
          row.x[k] = corners[k].data();
          row.y[k] = corners[4 + k].data();
        }
        row.value = &frame.value(0, y), row.variance = &frame.variance(0, y), row.good = &frame.good(0, y);
        row.count = 61, row.sums = &sums, row.table = &table;
        kernel.drop(row);
      }
      results.emplace_back(sums.box());
      sums.finish(1 / 0.64, results.back().view());
      EXPECT_TRUE(same_bits(results.front(), results.back(), sums.box())) << kernel.name << " at scale " << scale;
    }
  }
}

TEST(Drizzle, SurvivesAbsurdMaps) {
  const Frame frame = noise_frame({0, 0, 20, 20}, 0.0);
  for (const DropKernel kernel : all_kernels)
    for (const double far : {1e8, 1e12, 1e300, std::numeric_limits<double>::infinity(), nan}) {
      const BothWays ways{FunctionMap{[](double x, double y) { return std::pair{x, y}; }},
                          FunctionMap{[far](double u, double v) { return std::pair{(u + v - 9.5) * far, (u - v) * far}; }}};
      Resampled out{{-3, -3, 3, 3}};
      reproject::drizzle(frame.view(), ways.maps(), 0.8, kernel, out.view());
      for (const float v : out.value.pixels()) EXPECT_TRUE(std::isfinite(v));
    }
}

TEST(Drizzle, DoesNotSmearAPixelAcrossASeam) {
  const Frame frame = noise_frame({0, 0, 40, 40}, 0.0);
  const BothWays ways{FunctionMap{[](double x, double y) { return std::pair{x < 200 ? x : x - 360, y}; }},
                      FunctionMap{[](double u, double v) { return std::pair{u < 20.2 ? u : u + 360, v}; }}};
  for (const DropKernel kernel : {DropKernel::square, DropKernel::turbo}) {
    Resampled out{{0, 0, 60, 40}};
    reproject::drizzle(frame.view(), ways.maps(), 1.0, kernel, out.view());
    for (int x = 0; x < 60; ++x) EXPECT_NEAR(out.coverage(x, 17), x < 20 ? 1.0 : 0.0, 1e-6) << x;
  }
}

}  // namespace
