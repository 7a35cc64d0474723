#include "tessera/reproject/point_kernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "reproject/support.h"
#include "tessera/reproject/area.h"

namespace {

using namespace tessera;
using namespace tessera::testing;
using tessera::testing::nan;  // not the function of the C library

double sinc(double x) { return x == 0 ? 1 : std::sin(std::numbers::pi * x) / (std::numbers::pi * x); }

struct Case {
  std::string name;
  reproject::PointKernel kernel;
  int radius;
  std::function<double(double)> h;
};

// The kernels' formulas as the papers print them.
std::vector<Case> cases() {
  std::vector<Case> all{{"nearest", reproject::nearest_kernel(), 1, [](double x) { return x >= -0.5 && x < 0.5 ? 1.0 : 0.0; }},
                        {"bilinear", reproject::bilinear_kernel(), 1, [](double x) { return std::max(0.0, 1 - std::abs(x)); }}};
  for (const double alpha : {-0.5, -1.0})
    all.push_back({"cubic", reproject::cubic_kernel(alpha), 2, [alpha](double x) {
                     const double a = std::abs(x);
                     if (a < 1) return (alpha + 2) * a * a * a - (alpha + 3) * a * a + 1;
                     return a < 2 ? alpha * a * a * a - 5 * alpha * a * a + 8 * alpha * a - 4 * alpha : 0.0;
                   }});
  for (const int n : {2, 3, 4})
    all.push_back({"lanczos" + std::to_string(n), reproject::lanczos_kernel(n), n, [n](double x) { return std::abs(x) < n ? sinc(x) * sinc(x / n) : 0.0; }});
  return all;
}

TEST(PointKernels, AgreeWithTheSumOverAllPixels) {
  const Frame frame = noise_frame({3, -4, 33, 26}, 0.06);
  constexpr double min_weight = 0.5;
  for (const Case& c : cases())
    for (const double scale : {0.3, 1.0, 2.5}) {
      const FunctionMap map = turned(23, scale, 18.4, 11.3);
      const int half = static_cast<int>(24 / scale);
      Resampled out{{-half, -half, half, half}};
      reproject::interpolate(frame.view(), map, c.kernel, min_weight, out.view());
      for (int y = -half; y < half; ++y)
        for (int x = -half; x < half; ++x) {
          const double px[] = {static_cast<double>(x)}, py[] = {static_cast<double>(y)};
          double u[1], v[1];
          map.apply(px, py, u, v);
          const bool inside = frame.box().contains(static_cast<int>(std::floor(u[0] + 0.5)), static_cast<int>(std::floor(v[0] + 0.5)));
          double all = 0, size = 0, weight = 0, weighted = 0, variance = 0, good_size = 0;
          const int iu = static_cast<int>(std::floor(u[0])), iv = static_cast<int>(std::floor(v[0]));
          for (int j = iv - 5; j <= iv + 5; ++j)
            for (int i = iu - 5; i <= iu + 5; ++i) {
              const double w = c.h(i - u[0]) * c.h(j - v[0]);
              all += w;
              size += std::abs(w);
              if (!frame.box().contains(i, j) || !frame.good(i, j)) continue;
              weight += w;
              good_size += std::abs(w);
              weighted += w * static_cast<double>(frame.value(i, j));
              variance += w * w * static_cast<double>(frame.variance(i, j));
            }
          if (std::abs(good_size / size - min_weight) < 1e-5 || std::abs(weight / all - min_weight) < 1e-5) continue;
          const bool any = inside && good_size > min_weight * size && weight > min_weight * all;
          ASSERT_NEAR(out.coverage(x, y), any ? good_size / size : 0, 1e-6) << c.name << " " << x << ", " << y;
          ASSERT_NEAR(out.value(x, y), any ? weighted / weight : 0, 1e-5) << c.name << " " << x << ", " << y;
          ASSERT_NEAR(out.variance(x, y), any ? variance / weight / weight : 0, 1e-5) << c.name << " " << x << ", " << y;
        }
    }
}

TEST(PointKernels, GiveBackTheImageUnderTheIdentity) {
  const Frame frame = noise_frame({0, 0, 40, 30}, 0.0);
  for (const Case& c : cases()) {
    Resampled out{frame.box()};
    reproject::interpolate(frame.view(), turned(0, 1, 0, 0), c.kernel, 0.5, out.view());
    for (std::size_t k = 0; k < out.value.pixels().size(); ++k) {
      ASSERT_NEAR(out.value.pixels()[k], frame.value.pixels()[k], 1e-5) << c.name;
      ASSERT_EQ(out.coverage.pixels()[k], 1.0f) << c.name;
    }
  }
}

TEST(PointKernels, KeepAConstantSkyConstantNextToBadPixelsAndBorders) {
  Frame frame = noise_frame({0, 0, 60, 60}, 0.05);
  for (int y = 0; y < 60; ++y)
    for (int x = 0; x < 60; ++x)
      if (frame.good(x, y)) frame.value(x, y) = 3.7f;
  for (const Case& c : cases()) {
    Resampled out{{-40, -40, 40, 40}};
    reproject::interpolate(frame.view(), turned(33, 0.9, 30, 30), c.kernel, 0.5, out.view());
    for (std::size_t k = 0; k < out.value.pixels().size(); ++k) {
      if (out.coverage.pixels()[k] > 0) {
        ASSERT_NEAR(out.value.pixels()[k], 3.7, 1e-6 * 3.7) << c.name;
      }
    }
  }
}

TEST(PointKernels, NeverAmplifyNoiseBeyondTheLimitOfMissingWeight) {
  Frame frame = noise_frame({0, 0, 60, 60}, 0.4);
  for (int y = 0; y < 60; ++y)
    for (int x = 0; x < 60; ++x)
      if (frame.good(x, y)) frame.variance(x, y) = 1.0f;
  for (const Case& c : cases()) {
    Resampled out{{-25, -25, 25, 25}};
    reproject::interpolate(frame.view(), turned(33, 0.9, 30, 30), c.kernel, 0.5, out.view());
    // Σ w² ≤ 1.06² for every kernel here (cubic −1 at half a pixel has most), over (Σ w)² ≥ ¼.
    for (const float v : out.variance.pixels()) EXPECT_LE(v, 4.6f) << c.name;
  }
}

TEST(PointKernels, DoNotDependOnTileOrWindow) {
  const Frame frame = noise_frame({0, 0, 100, 100}, 0.05);
  for (const Case& c : cases())
    for (const double scale : {0.4, 1.1}) {
      const FunctionMap map = turned(28, scale, 50, 50);
      const Box box{-60, -60, 60, 60};
      Resampled whole{box};
      reproject::interpolate(frame.view(), map, c.kernel, 0.5, whole.view());
      for (const Box tile : {Box{-60, -60, -59, 60}, Box{-13, -9, 20, 3}, Box{0, 0, 1, 1}, Box{5, -60, 60, 60}}) {
        Resampled part{tile};
        const Box needed = reproject::needed_window(map, tile, frame.box());
        const Box window = needed.empty() ? Box{} : intersection(needed.grown(c.radius), frame.box());
        if (window.empty()) continue;
        reproject::interpolate(cut(frame, window), map, c.kernel, 0.5, part.view());
        EXPECT_TRUE(same_bits(part, whole, tile)) << c.name;
      }
    }
}

TEST(PointKernels, HaveTheSameBitsFromEveryInstructionSet) {
  const Frame frame = noise_frame({2, -3, 60, 57}, 0.05);
  const FrameView view = frame.view();
  constexpr int count = 83;  // no multiple of the lanes, and beyond the frame at both ends
  const FunctionMap map = turned(31, 0.9, 30, 28);
  std::vector<double> u(count), v(count);
  map.apply_row(-40, 3, u, v);
  u[17] = nan;
  for (const Case& c : cases()) {
    std::vector<float> first;
    for (const auto& kernel : reproject::point_row_kernels()) {
      std::vector<float> result(3 * count, -1.0F);
      kernel.interpolate(c.kernel.taps(), {u.data(), v.data(), count, &view, c.kernel.table(), 0.5F, result.data(), result.data() + count, result.data() + 2 * count});
      if (first.empty()) first = result;
      EXPECT_EQ(std::memcmp(first.data(), result.data(), sizeof(float) * result.size()), 0) << kernel.name << ", " << c.name;
    }
  }
}

TEST(PointKernels, HaveNoValueWhereTheMapHasNone) {
  const Frame frame = noise_frame({0, 0, 20, 20}, 0.0);
  for (const Case& c : cases())
    for (const double far : {1e9, 1e300, std::numeric_limits<double>::infinity(), nan}) {
      Resampled out{{-3, -3, 3, 3}};
      for (float& v : out.value.pixels()) v = 9.0f;
      reproject::interpolate(frame.view(), FunctionMap{[far](double x, double y) { return std::pair{(x + 0.5) * far, y * far}; }}, c.kernel, 0.5, out.view());
      for (const float v : out.value.pixels()) ASSERT_EQ(v, 0.0f);
      for (const float v : out.coverage.pixels()) ASSERT_EQ(v, 0.0f);
    }
}

}  // namespace
