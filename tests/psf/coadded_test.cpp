#include "tessera/psf/coadded.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tessera/base/error.h"

using namespace tessera;
using namespace tessera::psf;

namespace {

PointResponse gaussian(double fwhm) {
  PointResponse workspace;
  return PointResponse{PsfModel::analytic({.fwhm_pix = fwhm}).at(0, 0, workspace)};
}

/// Second moment along x of the samples, in pixels².
double variance_of(const PointResponse& r) {
  double sum = 0, squares = 0;
  const auto s = r.samples();
  for (int y = 0; y < s.box().y1; ++y)
    for (int x = 0; x < s.box().x1; ++x) sum += s(x, y), squares += s(x, y) * std::pow((x - r.centre_x()) / r.samples_per_pixel_x(), 2);
  return squares / sum;
}

}  // namespace

TEST(Coadded, KeepsTheFluxAndAddsTheVarianceOfBothPixels) {
  const auto frame = gaussian(2.0);
  for (const double ratio : {1.0, 2.0}) {  // mosaic pixels per frame pixel along a side
    const FrameLie lie{{1 / ratio, 0, 0, 1 / ratio}, 1};
    const auto on_mosaic = coadded(frame, {&lie, 1});
    EXPECT_NEAR(on_mosaic.flux(), frame.flux(), 2e-4);
    EXPECT_NEAR(variance_of(on_mosaic), ratio * ratio * (variance_of(frame) + 1.0 / 12) + 1.0 / 12, 0.01 * ratio * ratio);
  }
}

TEST(Coadded, IsTheDirectSumOverManyDithers) {
  const auto frame = gaussian(1.6);
  const FrameLie lie{{1, 0, 0, 1}, 1};
  const auto on_mosaic = coadded(frame, {&lie, 1});
  for (const double d : {0.0, 0.4, 1.3, 2.5}) {
    // Frames at 40 × 40 phases, each dropped on the mosaic's pixel by overlap; both pixels have side 1.
    double sum = 0, weight = 0;
    for (int j = 0; j < 40; ++j)
      for (int i = 0; i < 40; ++i)
        for (int y = -1; y <= 1; ++y)
          for (int x = -1; x <= 1; ++x) {
            const double ox = x + (i + 0.5) / 40 - 0.5, oy = y + (j + 0.5) / 40 - 0.5;
            const double overlap = std::max(0.0, 1 - std::abs(ox)) * std::max(0.0, 1 - std::abs(oy));
            if (overlap > 0) sum += overlap * frame.at(d + ox, oy), weight += overlap;
          }
    EXPECT_NEAR(on_mosaic.at(d, 0), sum / weight, 2e-4 * on_mosaic.peak()) << d;
  }
}

TEST(Coadded, TurnsWithTheFramesAndRefusesNone) {
  PointResponse workspace;
  const PointResponse frame{PsfModel::analytic({.fwhm_pix = 3, .axis_ratio = 0.6}).at(0, 0, workspace)};
  const FrameLie turned{{0, 1, -1, 0}, 2};
  const auto r = coadded(frame, {&turned, 1});
  EXPECT_GT(r.at(0, 2), 1.5 * r.at(2, 0));
  EXPECT_GT(frame.at(2, 0), 1.5 * frame.at(0, 2));
  EXPECT_THROW(coadded(frame, {}), UsageError);
  const FrameLie flat{{1, 1, 1, 1}, 1};
  EXPECT_THROW(coadded(frame, {&flat, 1}), UsageError);
}
