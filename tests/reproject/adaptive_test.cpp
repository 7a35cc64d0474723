#include "tessera/reproject/adaptive.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "reproject/support.h"
#include "tessera/reproject/area.h"

namespace tessera {
namespace {

using namespace testing;
using reproject::AdaptiveKernel;
using reproject::InterpolationOptions;

InterpolationOptions options(AdaptiveKernel kernel, double width = 1.3) {
  InterpolationOptions o;
  o.method = reproject::Interpolation::adaptive;
  o.adaptive_kernel = kernel;
  o.adaptive_width = width;
  return o;
}

Resampled resampled(const Frame& frame, const BothWays& ways, const InterpolationOptions& o, Box box) {
  Resampled out{box};
  reproject::resample(frame.view(), ways.maps(), o, out.view());
  return out;
}

/// P⁻¹ = V diag(1/(s max(s, 1))) Vᵀ Jᵀ, with V and s² the eigenvectors and eigenvalues of JᵀJ.
std::array<double, 4> inverse_padded(double a, double b, double c, double d) {
  const double xx = a * a + c * c, xy = a * b + c * d, yy = b * b + d * d;
  const double angle = 0.5 * std::atan2(2 * xy, xx - yy), co = std::cos(angle), si = std::sin(angle);
  const double first = xx * co * co + 2 * xy * co * si + yy * si * si, second = xx * si * si - 2 * xy * co * si + yy * co * co;
  const auto factor = [](double s2) { return 1 / (std::sqrt(s2) * std::max(1.0, std::sqrt(s2))); };
  const double f = factor(first), g = factor(second);
  const double m00 = f * co * co + g * si * si, m01 = (f - g) * co * si, m11 = f * si * si + g * co * co;
  return {m00 * a + m01 * b, m00 * c + m01 * d, m01 * a + m11 * b, m01 * c + m11 * d};
}

/// The header's formula over every pixel of the frame, with the kernels' own functions.
std::array<double, 3> direct(const Frame& frame, const FunctionMap& map, const InterpolationOptions& o, int x, int y) {
  const auto at = [&](double px, double py) {
    double u = 0, v = 0;
    map.apply({&px, 1}, {&py, 1}, {&u, 1}, {&v, 1});
    return std::pair{u, v};
  };
  const auto [ur, vr] = at(x + 0.5, y);
  const auto [ul, vl] = at(x - 0.5, y);
  const auto [ua, va] = at(x, y + 0.5);
  const auto [ub, vb] = at(x, y - 0.5);
  const auto [uc, vc] = at(x, y);
  const auto m = inverse_padded(ur - ul, ua - ub, vr - vl, va - vb);
  const bool hann = o.adaptive_kernel == AdaptiveKernel::hann;
  const double support = hann ? 1 : 2.5 / 1.3 * o.adaptive_width;
  double all = 0, w = 0, wi = 0, ws = 0;
  for (int v = frame.box().y0 - 40; v < frame.box().y1 + 40; ++v)
    for (int u = frame.box().x0 - 40; u < frame.box().x1 + 40; ++u) {
      const double dx = m[0] * (u - uc) + m[1] * (v - vc), dy = m[2] * (u - uc) + m[3] * (v - vc);
      if (std::abs(dx) >= support || std::abs(dy) >= support) continue;
      const auto window = [](double t) { return 0.5 * (1 + std::cos(std::numbers::pi * t)); };
      const double k = hann ? window(dx) * window(dy) : std::exp(-2 * (dx * dx + dy * dy) / (o.adaptive_width * o.adaptive_width));
      all += k;
      if (!frame.box().contains(u, v) || !frame.good(u, v)) continue;
      w += k, wi += k * static_cast<double>(frame.value(u, v)), ws += k * k * static_cast<double>(frame.variance(u, v));
    }
  const bool inside = uc >= -0.5 && vc >= -0.5 && uc < frame.box().x1 - 0.5 && vc < frame.box().y1 - 0.5;
  if (!inside || w < o.min_weight * all) return {0, 0, 0};
  return {wi / w, ws / (w * w), w / all};
}

TEST(Adaptive, AgreesWithTheDirectFormula) {
  const Frame frame = noise_frame({0, 0, 40, 36}, 0.05);
  const BothWays maps[] = {turned_both(17, 1.0, 19, 18), turned_both(-63, 0.4, 19, 18), turned_both(30, 3.3, 19, 18), bent(19, 17),
                           {turned(20, 1.4, 19, 18, true), turned(20, 1.4, 19, 18, true)},
                           {FunctionMap{[](double x, double y) { return FunctionMap::Point{19 + 3 * x + 0.5 * y, 18 + 0.4 * y}; }}, turned(0, 1, 0, 0)}};
  for (const auto& ways : maps)
    for (const auto& o : {options(AdaptiveKernel::gaussian), options(AdaptiveKernel::gaussian, 2.0), options(AdaptiveKernel::hann)}) {
      const Box box{-9, -8, 10, 9};
      const auto out = resampled(frame, ways, o, box);
      int with = 0;
      for (int y = box.y0; y < box.y1; ++y)
        for (int x = box.x0; x < box.x1; ++x) {
          const auto [value, variance, coverage] = direct(frame, ways.to_frame, o, x, y);
          EXPECT_NEAR(static_cast<double>(out.value(x, y)), value, 5e-6) << x << " " << y;
          EXPECT_NEAR(static_cast<double>(out.variance(x, y)), variance, 2e-6 + 2e-6 * variance) << x << " " << y;
          EXPECT_NEAR(static_cast<double>(out.coverage(x, y)), coverage, 2e-6) << x << " " << y;
          with += coverage > 0;
        }
      EXPECT_GT(with, 20);
    }
}

TEST(Adaptive, KeepsAConstantSkyConstant) {
  Frame frame = noise_frame({0, 0, 60, 60}, 0.1);
  for (std::size_t i = 0; i < frame.value.pixels().size(); ++i) frame.value.pixels()[i] = frame.good.pixels()[i] ? 7.25F : 0.0F;
  for (const double scale : {0.3, 1.0, 4.0}) {
    const auto out = resampled(frame, turned_both(33, scale, 30, 30), options(AdaptiveKernel::gaussian), {-12, -12, 12, 12});
    for (std::size_t i = 0; i < out.value.pixels().size(); ++i) EXPECT_NEAR(out.value.pixels()[i], out.coverage.pixels()[i] > 0 ? 7.25 : 0.0, 1e-6);
  }
}

/// Fine stripes on coarse pixels: kernels that sample alias them to any value, this one averages them away.
TEST(Adaptive, AveragesWhatCoarsePixelsCannotShow) {
  Frame frame{{0, 0, 120, 120}};
  for (int y = 0; y < 120; ++y)
    for (int x = 0; x < 120; ++x) {
      frame.value(x, y) = x % 2 ? 1.0F : -1.0F;
      frame.variance(x, y) = 1;
      frame.good(x, y) = 1;
    }
  const auto ways = turned_both(10, 5, 60, 60);
  auto bilinear = options(AdaptiveKernel::gaussian);
  bilinear.method = reproject::Interpolation::bilinear;
  double largest = 0, aliased = 0;
  const Box box{-8, -8, 8, 8};
  const auto peak = [&](const InterpolationOptions& o) {
    const auto out = resampled(frame, ways, o, box);
    double high = 0;
    for (const float v : out.value.pixels()) high = std::max(high, static_cast<double>(std::abs(v)));
    return high;
  };
  for (const auto kernel : {AdaptiveKernel::gaussian, AdaptiveKernel::hann}) largest = std::max(largest, peak(options(kernel)));
  aliased = peak(bilinear);
  EXPECT_LT(largest, 0.01);
  EXPECT_GT(aliased, 0.9);
}

TEST(Adaptive, KeepsTheFluxOfAStarOnCoarseAndFinePixels) {
  for (const double scale : {0.5, 1.0, 2.5})
    for (const auto kernel : {AdaptiveKernel::gaussian, AdaptiveKernel::hann}) {
      Frame frame{{0, 0, 100, 100}};
      for (int y = 0; y < 100; ++y)
        for (int x = 0; x < 100; ++x) {
          frame.value(x, y) = static_cast<float>(std::exp(-0.5 * (std::pow(x - 50.3, 2) + std::pow(y - 49.6, 2)) / 2.25) / (2 * std::numbers::pi * 2.25));
          frame.variance(x, y) = 1;
          frame.good(x, y) = 1;
        }
      const int n = static_cast<int>(40 / scale);
      const auto out = resampled(frame, turned_both(27, scale, 50, 50), options(kernel), {-n, -n, n, n});
      double flux = 0;
      for (const float v : out.value.pixels()) flux += static_cast<double>(v) * scale * scale;
      EXPECT_NEAR(flux, 1, 2e-3) << scale;  // windows of a grid that is turned do not add up to 1 exactly
    }
}

TEST(Adaptive, BitsDependOnNeitherTileNorWindow) {
  const Frame frame = noise_frame({0, 0, 70, 60}, 0.03);
  for (const double scale : {0.6, 2.2})
    for (const auto kernel : {AdaptiveKernel::gaussian, AdaptiveKernel::hann}) {
      const auto ways = bent(33, 30);
      const auto turnedways = turned_both(40, scale, 33, 30);
      for (const auto* w : {&ways, &turnedways}) {
        const Box all{-25, -22, 25, 24};
        const auto whole = resampled(frame, *w, options(kernel), all);
        for (const Box tile : {Box{-25, -22, -8, 1}, Box{-3, 4, 6, 5}, Box{10, -20, 25, 24}}) {
          const Box window = reproject::window_to_resample(w->to_frame, tile, frame.box(), options(kernel));
          Resampled part{tile};
          reproject::resample(cut(frame, window), w->maps(), options(kernel), part.view());
          EXPECT_TRUE(same_bits(whole, part, tile)) << scale;
        }
      }
    }
}

}  // namespace
}  // namespace tessera
