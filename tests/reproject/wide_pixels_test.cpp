#include "tessera/reproject/wide_pixels.h"

#include <gtest/gtest.h>

#include <cmath>

#include "reproject/support.h"
#include "tessera/core/noise_correlation.h"
#include "tessera/reproject/noise_block.h"

namespace tessera {
namespace {

using namespace testing;
using reproject::Interpolation;
using reproject::InterpolationOptions;

/// ρ of a block, from the weights of dithered and turned frames: the slow and exact way.
NoiseCorrelation measured(const InterpolationOptions& options, double span, int reach) {
  const Box block{0, 0, 14, 14};
  reproject::NoiseBlock noise{block, reach, options};
  for (int k = 0; k < 12; ++k) {
    const auto ways = turned_both(7.0 * k, span, 150.0 + 0.37 * k, 150.0 - 0.59 * k);
    Frame frame{Box{0, 0, 300, 300}};
    for (auto& v : frame.variance.pixels()) v = 1;
    for (auto& g : frame.good.pixels()) g = 1;
    noise.add(frame.view(), ways.maps(), {});
  }
  const auto sums = noise.finish();
  Image<float> rho{Box{-reach, -reach, reach + 1, reach + 1}};
  for (int dy = 0; dy <= reach; ++dy)
    for (int dx = -reach; dx <= reach; ++dx)
      if (const auto i = sums.index(dx, dy); sums.sigmas[i] > 0) rho(dx, dy) = rho(-dx, -dy) = static_cast<float>(sums.covariance[i] / sums.sigmas[i]);
  return NoiseCorrelation{std::move(rho)};
}

TEST(WidePixels, OfAreasAreTheFormula) {
  InterpolationOptions area;
  const NoiseCorrelation rho{reproject::wide_pixel_correlation(area, 20)};
  EXPECT_NEAR(rho(1, 0), (0.05 / 6) / (1 - 0.05 / 3), 2e-5);
  EXPECT_NEAR(rho(1, 1), rho(1, 0) * rho(0, 1), 1e-7);
  EXPECT_NEAR(rho(2, 0), 0, 1e-7);
  // Casertano et al. 2000, (A20): the error of large sums over that of independent pixels.
  EXPECT_NEAR(std::sqrt(rho.large_aperture_variance()), 1 / (1 - 0.05 / 3), 2e-4);
}

TEST(WidePixels, AreWhatTheWeightsSayWhereBothCanBeHad) {
  for (const auto method : {Interpolation::area, Interpolation::grid}) {
    InterpolationOptions o;
    o.method = method;
    const auto slow = measured(o, 5, 2);
    const NoiseCorrelation fast{reproject::wide_pixel_correlation(o, 5)};
    for (int y = -1; y <= 1; ++y)
      for (int x = -1; x <= 1; ++x) EXPECT_NEAR(fast(x, y), slow(x, y), method == Interpolation::area ? 0.004 : 0.006) << static_cast<int>(method) << ' ' << x << ' ' << y;
  }
  InterpolationOptions adaptive;
  adaptive.method = Interpolation::adaptive;
  const auto slow = measured(adaptive, 1.5, 4);
  const NoiseCorrelation fast{reproject::wide_pixel_correlation(adaptive, 1.5)};
  for (int x = 1; x <= 3; ++x) EXPECT_NEAR(fast(x, 0), slow(x, 0), 0.03) << x;
  EXPECT_NEAR(fast(1, 0), std::exp(-1 / (1.3 * 1.3)), 1e-3);
}

}  // namespace
}  // namespace tessera
