#include "tessera/reproject/noise_block.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>
#include <vector>

#include "reproject/support.h"
#include "tessera/coadd/sums.h"
#include "tessera/core/noise_correlation.h"
#include "tessera/reproject/point_kernels.h"

namespace tessera {
namespace {

using namespace testing;
using reproject::DropKernel;
using reproject::Interpolation;
using reproject::InterpolationOptions;

struct Named {
  const char* name;
  InterpolationOptions options;
};

InterpolationOptions method(Interpolation m, double pixfrac = 1, DropKernel kernel = DropKernel::square) {
  InterpolationOptions o;
  o.method = m;
  o.pixfrac = pixfrac;
  o.kernel = kernel;
  return o;
}

const Named methods[] = {{"area", method(Interpolation::area)},
                         {"drizzle_square", method(Interpolation::drizzle, 0.7)},
                         {"drizzle_turbo", method(Interpolation::drizzle, 0.8, DropKernel::turbo)},
                         {"drizzle_gaussian", method(Interpolation::drizzle, 0.8, DropKernel::gaussian)},
                         {"drizzle_point", method(Interpolation::drizzle, 1, DropKernel::point)},
                         {"bilinear", method(Interpolation::bilinear)},
                         {"nearest", method(Interpolation::nearest)},
                         {"cubic", method(Interpolation::cubic)},
                         {"lanczos3", method(Interpolation::lanczos3)},
                         {"lanczos4", method(Interpolation::lanczos4)},
                         {"grid", method(Interpolation::grid)},
                         {"adaptive", method(Interpolation::adaptive)}};

/// Dithered frames, each turned a little further.
std::vector<BothWays> dithers(double first_angle, double scale, int count) {
  std::vector<BothWays> ways;
  for (int k = 0; k < count; ++k) ways.push_back(turned_both(first_angle + 11.0 * k, scale, 40.0 + 0.37 * k, 41.0 - 0.59 * k));
  return ways;
}

constexpr Box frame_box{0, 0, 80, 80};

/// The weights of one frame by brute force: one frame pixel is 1, all others 0, and so on for each.
std::vector<Image<float>> direct_weights(const Frame& frame, const BothWays& ways, const InterpolationOptions& options, Box block) {
  std::vector<Image<float>> weights;
  Frame probe{frame.box()};
  Resampled out{block};
  for (int y = 0; y < frame.box().y1; ++y)
    for (int x = 0; x < frame.box().x1; ++x) {
      if (!frame.good(x, y)) continue;
      std::ranges::fill(probe.value.pixels(), 0.0F);
      probe.value(x, y) = 1;
      reproject::resample({probe.value, frame.variance, frame.good}, ways.maps(), options, out.view());
      weights.push_back(out.value.copy());
    }
  return weights;
}

class EveryMethod : public ::testing::TestWithParam<Named> {};

/// Covariances of a block against the sum over single frame pixels, one at a time: to float rounding.
TEST_P(EveryMethod, GivesTheCovariancesOfTheDirectSum) {
  const Box small{0, 0, 26, 24}, block{-5, -4, 5, 5};
  const auto& options = GetParam().options;
  for (const double scale : {1.0, 0.55, options.method == Interpolation::adaptive ? 1.2 : 1.6}) {
    const int reach = reproject::noise_reach(options, 1 / scale);
    reproject::NoiseBlock noise{block, reach, options};
    std::map<std::pair<int, int>, double> expected;
    const auto at = [&](int x, int y) { return (y - block.y0) * block.width() + x - block.x0; };
    std::vector<double> mean_weight(static_cast<std::size_t>(block.area()));
    for (int k = 0; k < 2; ++k) {
      const Frame frame = noise_frame(small, 0.04, 3U + static_cast<unsigned>(k));
      const auto ways = turned_both(14.0 + 25 * k, scale, 12.3 + 0.4 * k, 11.7);
      const double weight = 1 + k, variance_scale = 1 + 0.5 * k;
      noise.add(frame.view(), ways.maps(), {weight, variance_scale, false});
      Resampled out{block};
      reproject::resample(frame.view(), ways.maps(), options, out.view());
      for (int y = block.y0; y < block.y1; ++y)
        for (int x = block.x0; x < block.x1; ++x) mean_weight[static_cast<std::size_t>(at(x, y))] += weight * static_cast<double>(out.coverage(x, y));
      std::size_t i = 0;
      const auto weights = direct_weights(frame, ways, options, block);
      for (int y = 0; y < small.y1; ++y)
        for (int x = 0; x < small.x1; ++x) {
          if (!frame.good(x, y)) continue;
          const auto& w = weights[i++];
          std::vector<std::pair<int, double>> taken;
          for (int v = block.y0; v < block.y1; ++v)
            for (int u = block.x0; u < block.x1; ++u)
              if (w(u, v) != 0) taken.push_back({at(u, v), weight * static_cast<double>(out.coverage(u, v)) * static_cast<double>(w(u, v))});
          for (const auto& [p, a] : taken)
            for (const auto& [q, b] : taken) expected[{p, q}] += a * b * variance_scale * static_cast<double>(frame.variance(x, y));
        }
    }
    const auto sums = noise.finish();
    std::vector<double> covariance(sums.covariance.size());
    double largest = 0, beyond = 0;
    for (const auto& [pq, c] : expected) {
      const int dx = pq.second % block.width() - pq.first % block.width(), dy = pq.second / block.width() - pq.first / block.width();
      const double value = c / (mean_weight[static_cast<std::size_t>(pq.first)] * mean_weight[static_cast<std::size_t>(pq.second)]);
      if (std::abs(dx) > reach || std::abs(dy) > reach) beyond = std::max(beyond, std::abs(value));
      else if (dy >= 0) covariance[sums.index(dx, dy)] += value;
    }
    for (const double c : covariance) largest = std::max(largest, std::abs(c));
    for (std::size_t k = 0; k < covariance.size(); ++k) EXPECT_NEAR(sums.covariance[k], covariance[k], 2e-6 * largest) << GetParam().name << " " << scale << " lag " << k;
    EXPECT_LT(beyond, 1e-12) << "the reach holds every pair that shares a frame pixel";
  }
}

/// What the whole is for: the error of aperture sums from the mosaic's own uncertainty and the mean correlation, against mosaics of many draws of noise.
TEST_P(EveryMethod, GivesTheErrorOfAperturesToThreePerCent) {
  const auto& options = GetParam().options;
  constexpr Box region{-24, -24, 24, 24};
  constexpr int draws = 260;
  const auto ways = dithers(7, 1.0, 6);
  std::vector<Frame> frames;
  for (std::size_t k = 0; k < ways.size(); ++k) frames.push_back(noise_frame(frame_box, 0.01, 20U + static_cast<unsigned>(k)));

  const int reach = reproject::noise_reach(options, 1.0);
  std::vector<double> covariance, sigmas;
  for (const Box block : {Box{-20, -18, 4, 6}, Box{0, -6, 24, 18}}) {
    reproject::NoiseBlock noise{block, reach, options};
    for (std::size_t k = 0; k < ways.size(); ++k) noise.add(frames[k].view(), ways[k].maps(), {});
    const auto sums = noise.finish();
    covariance.resize(sums.covariance.size());
    sigmas.resize(sums.sigmas.size());
    for (std::size_t i = 0; i < covariance.size(); ++i) covariance[i] += sums.covariance[i], sigmas[i] += sums.sigmas[i];
  }
  Image<float> rho{Box{-reach, -reach, reach + 1, reach + 1}};
  for (int dy = 0; dy <= reach; ++dy)
    for (int dx = dy ? -reach : 0; dx <= reach; ++dx) {
      const auto i = static_cast<std::size_t>(dy * (2 * reach + 1) + dx + reach);
      rho(dx, dy) = rho(-dx, -dy) = sigmas[i] > 0 ? static_cast<float>(covariance[i] / sigmas[i]) : 0.0F;
    }
  const NoiseCorrelation correlation{std::move(rho)};

  std::mt19937_64 random{99};
  std::normal_distribution<float> normal;
  std::map<double, std::pair<double, double>> pulls;  // radius: Σ (sum/error)², number
  Image<float> mosaic{region}, sigma{region}, coverage{region}, exposure{region};
  Resampled part{region};
  for (int draw = 0; draw < draws; ++draw) {
    coadd::Sums sums;
    sums.reset(region);
    for (std::size_t k = 0; k < ways.size(); ++k) {
      for (std::size_t i = 0; i < frames[k].value.pixels().size(); ++i)
        frames[k].value.pixels()[i] = frames[k].good.pixels()[i] ? normal(random) * std::sqrt(frames[k].variance.pixels()[i]) : 0.0F;
      reproject::resample(frames[k].view(), ways[k].maps(), options, part.view());
      sums.add(part.view(), 1, 1, 0, 1);
    }
    sums.finish(0, mosaic, sigma, coverage, exposure);
    for (const double radius : {1.5, 3.0, 6.0})
      for (int y = -16; y <= 16; y += 8)
        for (int x = -16; x <= 16; x += 8) {
          const Image<float> aperture = circular_aperture(x + 0.3, y - 0.2, radius);
          const double error = std::sqrt(variance_of_sum(aperture, sigma, correlation));
          double sum = 0;
          for (int v = aperture.box().y0; v < aperture.box().y1; ++v)
            for (int u = aperture.box().x0; u < aperture.box().x1; ++u)
              if (aperture(u, v) > 0) sum += static_cast<double>(aperture(u, v)) * static_cast<double>(mosaic(u, v));
          pulls[radius].first += (sum / error) * (sum / error);
          pulls[radius].second += 1;
        }
  }
  for (const auto& [radius, p] : pulls) {
    const double width = std::sqrt(p.first / p.second);
    std::printf("%-17s radius %.1f: observed over predicted error %.4f\n", GetParam().name, radius, width);
    // 6500 sums, of which neighbours of radius 6 share noise: the width itself is known to about 0.01.
    EXPECT_NEAR(width, 1, 0.03) << GetParam().name << " radius " << radius;
  }
}

INSTANTIATE_TEST_SUITE_P(Methods, EveryMethod, ::testing::ValuesIn(methods), [](const auto& one) { return std::string{one.param.name}; });

TEST(NoiseBlock, OfOnePlainFrameOnItsOwnGridIsIndependent) {
  const Frame frame = noise_frame({0, 0, 30, 30}, 0);
  const auto ways = turned_both(0, 1, 0, 0);
  reproject::NoiseBlock noise{{5, 5, 20, 20}, 2, method(Interpolation::area)};
  noise.add(frame.view(), ways.maps(), {});
  const auto sums = noise.finish();
  EXPECT_EQ(sums.covered, 225);
  EXPECT_NEAR(sums.coverage, 225, 1e-4);
  for (std::size_t k = 0; k < sums.covariance.size(); ++k)
    EXPECT_NEAR(k == sums.index(0, 0) ? 0 : sums.covariance[k], 0, 1e-6);
}

TEST(NoiseBlock, OfOutputPixelsAsLargeAsDozensOfFramePixelsSaysNothing) {
  const Frame frame = noise_frame({0, 0, 300, 300}, 0);
  const auto ways = turned_both(10, 20, 150, 150);
  reproject::NoiseBlock noise{{-4, -4, 4, 4}, 2, method(Interpolation::area)};
  noise.add(frame.view(), ways.maps(), {});
  EXPECT_EQ(noise.finish().covered, 0);
}

TEST(NoiseBlock, OutsideAllFramesHasNothing) {
  const Frame frame = noise_frame({0, 0, 30, 30}, 0);
  const auto ways = turned_both(10, 1, 0, 0);
  reproject::NoiseBlock noise{{500, 500, 510, 510}, 2, method(Interpolation::area)};
  noise.add(frame.view(), ways.maps(), {});
  EXPECT_EQ(noise.finish().covered, 0);
}

}  // namespace
}  // namespace tessera
