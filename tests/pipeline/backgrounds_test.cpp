#include "tessera/pipeline/backgrounds.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tessera/background/surface.h"

using namespace tessera;
using namespace tessera::pipeline;

namespace {

constexpr Box tile{4, 6, 12, 9};

struct Stack {
  Plan plan;
  FramePass pass;
  std::vector<Resampled> images;
  std::vector<ResampledView> views;
  std::vector<std::size_t> frame;
  std::vector<Box> touched;
};

/// Two frames of 20 × 10 pixels on the output's own pixels; the second covers only columns below 8. Covariance of coefficient t of frame i with u of j:
/// `element(i, j, t, u)`.
template <class Element>
Stack two_frames(int order, Element&& element) {
  Stack s;
  const std::vector<std::pair<int, int>> pairs{{0, 1}};
  s.pass.offsets.order = order;
  s.pass.offsets.covariance = background::OffsetCovariance{2, pairs, background::SurfaceBasis{order}.terms()};
  auto& covariance = s.pass.offsets.covariance;
  for (int i = 0; i < 2; ++i)
    for (int j = i; j < 2; ++j)
      for (int t = 0; t < covariance.terms(); ++t)
        for (int u = 0; u < covariance.terms(); ++u) covariance.block(covariance.slot(i, j))[t * covariance.terms() + u] = element(i, j, t, u);
  s.plan.frames.resize(2);
  s.images.resize(2);
  for (std::size_t k = 0; k < 2; ++k) {
    s.plan.frames[k].width = 20, s.plan.frames[k].height = 10;
    s.pass.frames.emplace_back();
    s.pass.frames[k].output_to_frame = wcs::affine(1, 0, 0, 0, 1, 0);
    s.pass.frames[k].weight = k == 0 ? 1 : 0.5;
    s.images[k].reset(tile);
    for (int y = tile.y0; y < tile.y1; ++y)
      for (int x = tile.x0; x < tile.x1; ++x) {
        const auto v = s.images[k].view();
        v.value(x, y) = 1, v.variance(x, y) = 0.25F, v.coverage(x, y) = k == 0 || x < 8 ? 0.8F : 0.0F;
      }
    s.views.push_back(s.images[k].view());
    s.frame.push_back(k);
    s.touched.push_back(tile);
  }
  return s;
}

Image<float> with_error(const Stack& s, coadd::Method method) {
  Image<float> sigma{tile, 0.3F};
  add_background_error(s.plan, s.pass, method, s.views, s.frame, s.touched, sigma);
  return sigma;
}

}  // namespace

TEST(BackgroundError, IsTheQuadraticFormOfTheWeights) {
  const auto s = two_frames(0, [](int i, int j, int, int) { return i == j ? (i == 0 ? 0.04 : 0.09) : -0.02; });
  const auto mean = with_error(s, coadd::Method::mean), median = with_error(s, coadd::Method::median);
  for (int x = tile.x0; x < tile.x1; ++x) {
    const double w0 = 1, w1 = x < 8 ? 0.5 : 0;
    const double variance = (w0 * w0 * 0.04 + w1 * w1 * 0.09 - 2 * w0 * w1 * 0.02) / ((w0 + w1) * (w0 + w1));
    EXPECT_NEAR(mean(x, 7), std::sqrt(0.09 + variance), 1e-6) << x;
    EXPECT_NEAR(median(x, 7), std::sqrt(0.09 + (x < 8 ? 0.25 * (0.04 + 0.09 - 0.04) : 0.04)), 1e-6) << x;
  }
}

TEST(BackgroundError, OfPlanesGrowsTowardsTheFramesEdges) {
  // Frame 0 alone has errors: of the constant, and of the slope along u, uncorrelated.
  const auto s = two_frames(1, [](int i, int j, int t, int u) { return i == 0 && j == 0 && t == u ? (t == 0 ? 0.01 : t == 1 ? 0.04 : 0.0) : 0.0; });
  const auto sigma = with_error(s, coadd::Method::mean);
  for (int x = 8; x < tile.x1; ++x) {
    const double u = (x - 9.5) / 10;
    EXPECT_NEAR(sigma(x, 8), std::sqrt(0.09 + 0.01 + 0.04 * u * u), 1e-6) << x;
  }
}

TEST(SubtractSurface, TakesTheSurfaceAtTheFramesPixel) {
  auto s = two_frames(2, [](int, int, int, int) { return 0.0; });
  auto& state = s.pass.frames[1];
  state.surface = {0, 0.5, -0.25, 0, 1, 0};
  state.output_to_frame = wcs::affine(1, 0, 2, 0, 1, -1);
  subtract_surface(state, s.plan.frames[1].box(), 2, s.views[1]);
  for (int x = tile.x0; x < tile.x1; ++x) {
    const double u = (x + 2 - 9.5) / 10, v = (7 - 1 - 4.5) / 5;
    EXPECT_NEAR(s.views[1].value(x, 7), x < 8 ? 1 - (0.5 * u - 0.25 * v + u * v) : 1.0, 1e-6) << x;
  }
}
