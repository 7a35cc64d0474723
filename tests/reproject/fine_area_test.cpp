#include "tessera/reproject/fine_area.h"

#include <gtest/gtest.h>

#include <cmath>

#include "reproject/support.h"
#include "tessera/reproject/area.h"

namespace tessera {
namespace {

using namespace testing;
using reproject::InterpolationOptions;

/// The frame divided by the guide's equation 8.12, with areas of squares; a fine pixel in a bad pixel is bad.
Frame divided(const Frame& frame, int n) {
  const Box box = frame.box();
  Frame fine{{box.x0 * n, box.y0 * n, box.x1 * n, box.y1 * n}};
  for (int fy = fine.box().y0; fy < fine.box().y1; ++fy)
    for (int fx = fine.box().x0; fx < fine.box().x1; ++fx) {
      const double u = (fx + 0.5) / n - 0.5, v = (fy + 0.5) / n - 0.5;
      double weight = 0, sum = 0;
      for (int y = box.y0; y < box.y1; ++y)
        for (int x = box.x0; x < box.x1; ++x) {
          const double shared = std::max(0.0, 1 - std::abs(x - u)) * std::max(0.0, 1 - std::abs(y - v));
          if (frame.good(x, y)) weight += shared, sum += shared * static_cast<double>(frame.value(x, y));
        }
      if (!frame.good(static_cast<int>(std::floor(u + 0.5)), static_cast<int>(std::floor(v + 0.5)))) continue;
      fine.good(fx, fy) = 1;
      fine.value(fx, fy) = static_cast<float>(sum / weight);
      fine.variance(fx, fy) = 1;
    }
  return fine;
}

TEST(FineArea, IsAreaOverlapOfTheDividedFrame) {
  const Frame frame = noise_frame({0, 0, 22, 20}, 0.05);
  for (const int n : {2, 3, 5}) {
    const auto ways = turned_both(23, 0.8, 10, 9.5);
    const Box box{-14, -13, 14, 13};
    Resampled out{box}, expected{box};
    reproject::fine_area_overlap(frame.view(), ways.to_frame, n, out.view());
    const Frame fine = divided(frame, n);
    const FunctionMap to_fine{[&](double x, double y) {
      double u = 0, v = 0;
      ways.to_frame.apply({&x, 1}, {&y, 1}, {&u, 1}, {&v, 1});
      return FunctionMap::Point{n * (u + 0.5) - 0.5, n * (v + 0.5) - 0.5};
    }};
    reproject::area_overlap(fine.view(), to_fine, expected.view());
    for (int y = box.y0; y < box.y1; ++y)
      for (int x = box.x0; x < box.x1; ++x) {
        EXPECT_NEAR(static_cast<double>(out.value(x, y)), static_cast<double>(expected.value(x, y)), 2e-6) << n << " " << x << " " << y;
        EXPECT_NEAR(static_cast<double>(out.coverage(x, y)), static_cast<double>(expected.coverage(x, y)), 1e-6);
      }
  }
}

/// Values are linear in the frame, so the variance is known from the response to each pixel.
TEST(FineArea, CarriesTheVarianceOfEveryFramePixel) {
  const Frame frame = noise_frame({0, 0, 14, 14}, 0.05);
  const auto ways = turned_both(-31, 0.9, 7, 7);
  const Box box{-4, -4, 4, 4};
  Resampled out{box}, response{box};
  reproject::fine_area_overlap(frame.view(), ways.to_frame, 4, out.view());
  Image<double> expected{box};
  Frame probe{frame.box()};
  for (int y = 0; y < 14; ++y)
    for (int x = 0; x < 14; ++x) {
      std::ranges::fill(probe.value.pixels(), 0.0F);
      probe.value(x, y) = frame.good(x, y) ? 1.0F : 0.0F;
      reproject::fine_area_overlap({probe.value, frame.variance, frame.good}, ways.to_frame, 4, response.view());
      for (int v = box.y0; v < box.y1; ++v)
        for (int u = box.x0; u < box.x1; ++u) expected(u, v) += std::pow(static_cast<double>(response.value(u, v)), 2) * static_cast<double>(frame.variance(x, y));
    }
  for (int v = box.y0; v < box.y1; ++v)
    for (int u = box.x0; u < box.x1; ++u) EXPECT_NEAR(static_cast<double>(out.variance(u, v)), expected(u, v), 1e-6 * expected(u, v) + 1e-9);
}

TEST(FineArea, UndividedIsAreaOverlap) {
  const Frame frame = noise_frame({0, 0, 30, 30}, 0.05);
  const auto ways = turned_both(40, 1.3, 15, 15);
  const Box box{-15, -15, 15, 15};
  Resampled one{box}, area{box};
  reproject::fine_area_overlap(frame.view(), ways.to_frame, 1, one.view());
  reproject::area_overlap(frame.view(), ways.to_frame, area.view());
  for (std::size_t i = 0; i < one.value.pixels().size(); ++i) {
    const float coverage = one.coverage.pixels()[i];
    EXPECT_NEAR(coverage, area.coverage.pixels()[i], 1e-6);
    if (coverage < 1e-3F) continue;  // areas are good to 3e-7: a sliver's mean amplifies that by the contrast over its coverage
    EXPECT_NEAR(one.value.pixels()[i], area.value.pixels()[i], 3e-6F / coverage);
    EXPECT_NEAR(one.variance.pixels()[i], area.variance.pixels()[i], 3e-6F / coverage);
  }
}

TEST(FineArea, BitsDependOnNeitherTileNorWindow) {
  const Frame frame = noise_frame({0, 0, 50, 46}, 0.03);
  InterpolationOptions o;
  o.fineres = 3;
  for (const auto& ways : {turned_both(40, 0.7, 25, 22), bent(25, 22)}) {
    const Box all{-25, -22, 25, 24};
    Resampled whole{all};
    reproject::resample(frame.view(), ways.maps(), o, whole.view());
    for (const Box tile : {Box{-25, -22, -8, 1}, Box{-3, 4, 6, 5}, Box{10, -20, 25, 24}}) {
      Resampled part{tile};
      reproject::resample(cut(frame, reproject::window_to_resample(ways.to_frame, tile, frame.box(), o)), ways.maps(), o, part.view());
      EXPECT_TRUE(same_bits(whole, part, tile));
    }
  }
}

TEST(LinearUncertainty, IsSigmaInterpolatedLikeTheData) {
  const Frame frame = noise_frame({0, 0, 30, 30}, 0.05);
  const auto ways = turned_both(20, 0.9, 15, 15);
  const Box box{-12, -12, 12, 12};
  Frame sigma = noise_frame({0, 0, 30, 30}, 0.05);
  for (std::size_t i = 0; i < sigma.value.pixels().size(); ++i) sigma.value.pixels()[i] = std::sqrt(frame.variance.pixels()[i]);
  for (const auto method : {reproject::Interpolation::area, reproject::Interpolation::drizzle, reproject::Interpolation::bilinear, reproject::Interpolation::grid}) {
    InterpolationOptions o;
    o.method = method;
    Resampled plain{box}, of_sigma{box}, linear{box};
    reproject::resample(frame.view(), ways.maps(), o, plain.view());
    reproject::resample(sigma.view(), ways.maps(), o, of_sigma.view());
    o.uncertainty = reproject::Uncertainty::linear;
    reproject::resample(frame.view(), ways.maps(), o, linear.view());
    EXPECT_TRUE(same_bits(plain.value, linear.value, box) && same_bits(plain.coverage, linear.coverage, box));
    double larger = 0, all = 0;
    for (std::size_t i = 0; i < linear.variance.pixels().size(); ++i) {
      EXPECT_NEAR(std::sqrt(linear.variance.pixels()[i]), of_sigma.value.pixels()[i], 1e-6);
      all += plain.coverage.pixels()[i] > 0;
      larger += linear.variance.pixels()[i] >= plain.variance.pixels()[i] * 0.999999F && plain.coverage.pixels()[i] > 0;
    }
    EXPECT_EQ(larger, all) << "a mean of positive errors is never below their quadratic sum";
  }
}

}  // namespace
}  // namespace tessera
