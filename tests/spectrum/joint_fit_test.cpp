#include "tessera/spectrum/joint_fit.h"

#include <gtest/gtest.h>

#include "spectrum/cells.h"
#include "tessera/spectrum/local_sky.h"

namespace tessera::spectrum {
namespace {

/// A cut-out of 15 × 15 pixels about (20, 30) with sources, sky and noise whose variance is a + b v.
class Scene {
 public:
  explicit Scene(double fwhm) : cells_{moffat_cells(fwhm)}, response_{ZoneResponse::from_cells(cells_, 10, Placement::exact)} {}
  void add(double x, double y, double flux) {
    stamps_.push_back(response_.stamp(x, y));
    places_.push_back({x, y, nullptr});
    for (std::size_t k = 0; k < stamps_.size(); ++k) places_[k].stamp = &stamps_[k];
    const Stamp& s = stamps_.back();
    for (int j = 0; j < s.height; ++j)
      for (int i = 0; i < s.width; ++i)
        if (box.contains(s.x0 + i, s.y0 + j)) truth(s.x0 + i, s.y0 + j) += flux * s.values[static_cast<std::size_t>(j) * static_cast<std::size_t>(s.width) + static_cast<std::size_t>(i)];
  }
  /// `from_noisy`: the variance plane follows the noisy pixel, as the pipeline's does.
  CutOut draw(std::mt19937_64& random, double a, double b, bool from_noisy = true) {
    std::normal_distribution<double> normal;
    for (int y = box.y0; y < box.y1; ++y)
      for (int x = box.x0; x < box.x1; ++x) {
        const double v = truth(x, y);
        image(x, y) = static_cast<float>(v + std::sqrt(a + b * v) * normal(random));
        variance(x, y) = static_cast<float>(a + b * (from_noisy ? image(x, y) : v));
      }
    return {box, image.view(), variance.view(), good.view()};
  }
  std::span<const JointSource> sources() const { return places_; }

  Box box{13, 23, 28, 38};
  Image<double> truth{box};
  Image<float> image{box}, variance{box};
  Image<std::uint8_t> good{box, 1};

 private:
  Image<float> cells_;
  ZoneResponse response_;
  std::vector<Stamp> stamps_;
  std::vector<JointSource> places_;
};

TEST(JointFits, GiveBackWhatWasPutInWithoutNoise) {
  Scene scene{1.0};
  scene.add(20.2, 30.4, 7), scene.add(21.1, 30.1, -3), scene.add(27.6, 37.2, 11);
  for (double& v : scene.truth.pixels()) v += .25;
  std::mt19937_64 random{1};
  const auto cutout = scene.draw(random, 0, 0);
  for (float& v : scene.variance.pixels()) v = .01f;
  for (const bool fitted : {false, true}) {
    const auto r = JointFit{{}}.fit(cutout, scene.sources(), fitted ? 0.1 : 0.25, fitted);
    ASSERT_TRUE(r.solved);
    EXPECT_NEAR(r.fluxes[0], 7, 2e-5);
    EXPECT_NEAR(r.fluxes[1], -3, 2e-5);
    EXPECT_NEAR(r.fluxes[2], 11, 2e-5);
    EXPECT_NEAR(r.sky, .25, 1e-6);
    EXPECT_NEAR(r.quality, 0, 1e-4);
  }
}

TEST(JointFits, PullsOfABlendHaveWidthOneAndItsCovarianceIsThatOfTheScatter) {
  Scene scene{1.0};
  scene.add(20.2, 30.4, .6), scene.add(21.1, 30.1, 1.2);  // 0.95 pixels = 5.8 arcsec apart
  std::mt19937_64 random{2};
  const int n = 4000;
  double pull = 0, pulls = 0, quality = 0, ab = 0, aa = 0, covariance = 0;
  for (int i = 0; i < n; ++i) {
    const auto r = JointFit{{Weights::smooth}}.fit(scene.draw(random, 4e-4, 2e-4), scene.sources(), 0, false);
    ASSERT_TRUE(r.solved);
    const double d = r.flux - .6, e = r.fluxes[1] - 1.2;
    pull += d / std::sqrt(r.variance), pulls += d * d / r.variance, quality += r.quality;
    ab += d * e, aa += d * d, covariance += r.covariances[1];
  }
  EXPECT_NEAR(pull / n, 0, 4 / std::sqrt(n));
  EXPECT_NEAR(std::sqrt(pulls / n), 1, .03);
  EXPECT_NEAR(covariance / ab, 1, .05);
  EXPECT_LT(covariance, -0.3 * aa);  // the two share light: they move against each other
  // Two parameters of the 21 pixels, whose variance grows with their own noise: √(2/π) √(1 − 2/21) = 0.76.
  EXPECT_NEAR(quality / n, .76, .02);
}

TEST(JointFits, VarianceThatHoldsTheNoiseMakesFaintSourcesLowAndTheSmoothOneDoesNot) {
  Scene scene{1.0};
  scene.add(20, 30, .3);
  for (double& v : scene.truth.pixels()) v += .3;
  std::mt19937_64 random{3};
  double plane = 0, smooth = 0, error = 0, quality = 0;
  const int n = 3000;
  for (int i = 0; i < n; ++i) {
    const auto cutout = scene.draw(random, 1e-4, 1e-2);
    plane += JointFit{{Weights::plane}}.fit(cutout, scene.sources(), .3, false).flux;
    const auto r = JointFit{{Weights::smooth}}.fit(cutout, scene.sources(), .3, false);
    smooth += r.flux, error += std::sqrt(r.variance), quality += r.quality;
  }
  EXPECT_LT(plane / n, .3 - .2 * error / n);
  EXPECT_NEAR(smooth / n, .3, .06 * error / n);
  EXPECT_NEAR(quality / n, .78, .03);  // √(2/π) √(1 − 1/21)
}

TEST(JointFits, RefuseWhatThePixelsDoNotTell) {
  Scene scene{1.0};
  scene.add(20, 30, 1), scene.add(20, 30, 1);
  std::mt19937_64 random{4};
  EXPECT_FALSE(JointFit{{}}.fit(scene.draw(random, 1e-4, 0), scene.sources(), 0, false).solved) << "two sources at one place";
  Scene alone{1.0};
  alone.add(20, 30, 1), alone.add(26, 36, 1);
  const auto cutout = alone.draw(random, 1e-4, 0);
  for (int y = 35; y < 38; ++y)
    for (int x = 23; x < 28; ++x) alone.good(x, y) = 0;
  EXPECT_TRUE(JointFit{{}}.fit(cutout, alone.sources(), 0, false).solved);
  for (int y = 28; y < 33; ++y)
    for (int x = 18; x < 23; ++x) alone.good(x, y) = 0;
  const auto r = JointFit{{}}.fit(cutout, alone.sources(), 0, false);
  EXPECT_FALSE(r.solved) << "no pixel within 1.5 of the source";
  EXPECT_TRUE(std::isnan(r.flux));
}

TEST(LocalSkies, AreTheEstimatorOfBackground2D) {
  // 2.5 median − 1.5 mean of what astropy 5.2 sigma_clipped_stats(values, sigma=3, maxiters=10) leaves of these numbers.
  std::vector<double> values;
  for (int i = 0; i < 200; ++i) values.push_back(std::fmod(i * 0.618033988749895, 1.0) + (i % 50 == 0 ? 20 : 0));
  auto sky = sky_of(values);
  EXPECT_EQ(sky.used, 196);
  EXPECT_NEAR(sky.level, 0.49004006252151266, 1e-12);
}

TEST(LocalSkies, WidenWhileTooFewPixelsAreLeft) {
  Image<float> image{61, 61, 2.f};
  Image<std::uint8_t> usable{61, 61};
  EXPECT_FALSE(local_sky(image, usable, 30, 30, {}).found());
  for (int y = 20; y < 41; ++y)
    for (int x = 20; x < 41; ++x) usable(x, y) = std::max(std::abs(x - 30), std::abs(y - 30)) > 8;
  const auto sky = local_sky(image, usable, 30, 30, {});
  EXPECT_EQ(sky.side, 19);  // 72 of 361
  EXPECT_EQ(sky.level, 2);
}

TEST(LocalSkies, StateTheErrorOfTheirLevel) {
  std::mt19937_64 random{5};
  std::normal_distribution<double> normal{3, .5};
  double squares = 0, stated = 0;
  const int n = 3000;
  for (int i = 0; i < n; ++i) {
    std::vector<double> values(150);
    for (double& v : values) v = normal(random);
    const auto sky = sky_of(values);
    squares += (sky.level - 3) * (sky.level - 3), stated += sky.error * sky.error;
  }
  EXPECT_NEAR(std::sqrt(stated / squares), 1, .06);
}

}  // namespace
}  // namespace tessera::spectrum
