#include "tessera/joint_fit/source_model.h"

#include <gtest/gtest.h>

#include <cmath>

namespace tessera::joint_fit {
namespace {

/// Sources along a diagonal, one moved by its offset.
std::vector<Source> diagonal(int n) {
  std::vector<Source> sources;
  for (int i = 0; i < n; ++i) {
    Source& s = sources.emplace_back();
    s.flux = 10 + i;
    s.u = i == 2 ? 0.4 : 0;
    s.sights.push_back({.frame = 0, .x = 3.0 + 7.3 * i, .y = 60.0 - 6.1 * i, .x_u = 1, .x_v = 0, .y_u = 0, .y_v = 1, .scale = 2});
  }
  return sources;
}

TEST(SourceModel, APartHasTheBitsOfTheWhole) {
  const auto psf = psf::PsfModel::analytic({.fwhm_pix = 2});
  FitImage image;
  image.psf = &psf;
  image.value = Image<float>{64, 64};
  const auto sources = diagonal(9);
  const SourceLists lists{1, sources};
  const auto whole = lists.model(image, 0);
  for (const Box part : {Box{0, 0, 64, 5}, Box{10, 13, 41, 50}, Box{30, 30, 31, 31}}) {
    Image<float> of{part};
    lists.add_to(image, 0, of);
    for (int y = part.y0; y < part.y1; ++y)
      for (int x = part.x0; x < part.x1; ++x) ASSERT_EQ(of(x, y), whole(x, y)) << x << ' ' << y;
  }
}

TEST(SourceModel, HoldsTheFluxTimesTheScale) {
  const auto psf = psf::PsfModel::analytic({.fwhm_pix = 2});
  FitImage image;
  image.psf = &psf;
  image.value = Image<float>{200, 200};
  std::vector<Source> sources(1);
  sources[0].flux = 7;
  sources[0].sights.push_back({.frame = 0, .x = 99.6, .y = 101.2, .scale = 3});
  const auto model = SourceLists{1, sources}.model(image, 0);
  double sum = 0;
  for (const float v : model.pixels()) sum += static_cast<double>(v);
  EXPECT_NEAR(sum, 21, 1e-3);
}

}  // namespace
TEST(AddSource, LeavesOutWhatIsCutOfTheResponse) {
  const auto psf = psf::PsfModel::analytic({.fwhm_pix = 3});
  FitImage image;
  image.psf = &psf;
  psf::PointResponse workspace;
  std::vector<float> stamp;
  const auto added = [&](const ResponseCut& cut) {
    image.cut_response = cut;
    Image<float> to{41, 41};
    add_source(image, {.x = 20.3, .y = 19.8}, 1000, workspace, stamp, to);
    return to;
  };
  const auto whole = added({}), ring = added({.outer = 5, .hole = 2}), box = added({.box_x = 5, .box_y = 9});
  for (int y = 0; y < 41; ++y)
    for (int x = 0; x < 41; ++x) {
      const double dx = x - 20.3, dy = y - 19.8, r = std::hypot(dx, dy);
      EXPECT_EQ(ring(x, y), r <= 5 && r >= 2 ? whole(x, y) : 0.0F);
      EXPECT_EQ(box(x, y), std::abs(dx) <= 2.5 && std::abs(dy) <= 4.5 ? whole(x, y) : 0.0F);
    }
}

}  // namespace tessera::joint_fit
