#include "tessera/spectrum/response.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "spectrum/cells.h"

namespace tessera::spectrum {
namespace {

/// The obvious way: every cell a square, its overlap with every native pixel.
double by_overlap(const Image<float>& cells, int oversample, double x, double y, int px, int py) {
  const double side = 1. / oversample, middle = (cells.box().width() - 1) / 2.;
  const auto shared = [&](double place, int i, int pixel) {
    const double low = place + (i - middle - .5) * side;
    return std::max(0., std::min(low + side, pixel + .5) - std::max(low, pixel - .5)) / side;
  };
  double value = 0;
  for (int j = 0; j < cells.box().height(); ++j) {
    const double wy = shared(y, j, py);
    if (wy == 0) continue;
    for (int i = 0; i < cells.box().width(); ++i) value += wy * shared(x, i, px) * cells(i, j);
  }
  return value;
}

double at(const Stamp& s, int x, int y) {
  if (x < s.x0 || y < s.y0 || x >= s.x0 + s.width || y >= s.y0 + s.height) return 0;
  return s.values[static_cast<std::size_t>(y - s.y0) * static_cast<std::size_t>(s.width) + static_cast<std::size_t>(x - s.x0)];
}

TEST(Responses, CellsAreSharedByAreaAtAnySubPixelPlace) {
  const auto cells = moffat_cells(1.1);
  const auto response = ZoneResponse::from_cells(cells, 10, Placement::exact);
  for (const auto& [x, y] : {std::pair{0., 0.}, {20.5, 11.5}, {3.237, 7.861}, {-4.05, 2.95}, {1e3 + 1. / 3, 1e3 + .05}}) {
    const auto s = response.stamp(x, y);
    double sum = 0;
    for (int py = s.y0 - 1; py <= s.y0 + s.height; ++py)
      for (int px = s.x0 - 1; px <= s.x0 + s.width; ++px) {
        EXPECT_NEAR(at(s, px, py), by_overlap(cells, 10, x, y, px, py), 3e-8) << x << " " << y << " " << px << " " << py;
        sum += at(s, px, py);
      }
    EXPECT_NEAR(sum, 1, 1e-6);  // single precision of 144 values
  }
}

TEST(Responses, AnEvenGridAndAStatedShiftMoveTheCentre) {
  const auto cells = moffat_cells(1.1, 100);
  const auto centred = ZoneResponse::from_cells(cells, 10, Placement::exact).stamp(5, 5);
  for (int k = 1; k < 5; ++k) EXPECT_NEAR(at(centred, 5 - k, 5), at(centred, 5 + k, 5), 1e-4 * at(centred, 5, 5));
  const auto shifted = ZoneResponse::from_cells(cells, 10, Placement::exact, -0.05, 0.1).stamp(5, 5);
  const auto moved = ZoneResponse::from_cells(cells, 10, Placement::exact).stamp(5.05, 4.9);
  EXPECT_EQ(shifted.values.size(), moved.values.size());
  for (int y = 0; y < 10; ++y)
    for (int x = 0; x < 10; ++x) EXPECT_NEAR(at(shifted, x, y), at(moved, x, y), 1e-7);
}

TEST(Responses, LanczosPlacementIsExactOnTheGridAndCloseBetween) {
  const auto cells = moffat_cells(1.1);
  const auto exact = ZoneResponse::from_cells(cells, 10, Placement::exact), lanczos = ZoneResponse::from_cells(cells, 10, Placement::lanczos3);
  const auto largest = [&](double x, double y) {
    const auto a = exact.stamp(x, y), b = lanczos.stamp(x, y);
    double most = 0;
    for (int py = a.y0; py < a.y0 + a.height; ++py)
      for (int px = a.x0; px < a.x0 + a.width; ++px) most = std::max(most, std::abs(at(a, px, py) - at(b, px, py)));
    return most;
  };
  EXPECT_LT(largest(4.05, 7.35), 1e-7);  // edges of cells are edges of pixels: nothing is left to shift
  // Half a cell away: a square cell that two pixels share is two half cells, the kernel's interpolation is smoother. Per edge h²/8 times the slope across it, h = 0.1,
  // slope at most about 0.8 of the flux per pixel² for this response.
  EXPECT_LT(largest(4.0, 7.3), 3e-3);
  EXPECT_LT(largest(4.117, 7.283), 3e-3);
  EXPECT_GT(largest(4.0, 7.3), 1e-7);
}

TEST(Responses, AnEpsfIsSampledAndNotIntegratedAgain) {
  // A Gaussian that includes the pixel, σ = 0.9 px: sampled at pixel centres, 25 times a cell's value, sums to 1 over the grid of pixels.
  Image<float> samples{33, 33};
  for (int y = 0; y < 33; ++y)
    for (int x = 0; x < 33; ++x) samples(x, y) = static_cast<float>(std::exp(-.5 * ((x - 16) * (x - 16) + (y - 16) * (y - 16)) / (4.5 * 4.5)));
  const auto response = ZoneResponse::from_epsf(samples, 5);
  for (const auto& [x, y] : {std::pair{8., 8.}, {8.31, 7.77}}) {
    const auto s = response.stamp(x, y);
    EXPECT_NEAR(std::accumulate(s.values.begin(), s.values.end(), 0.), 1, 2e-3);  // wings outside 3.2 pixels
    const double r2 = (8 - x) * (8 - x) + (8 - y) * (8 - y);
    EXPECT_NEAR(at(s, 8, 8), std::exp(-.5 * r2 / .81) / (2 * M_PI * .81), 1e-3);
  }
}

}  // namespace
}  // namespace tessera::spectrum
