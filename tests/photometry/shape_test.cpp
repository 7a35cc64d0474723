#include "tessera/photometry/shape.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <random>

#include "tessera/photometry/aperture.h"
#include "tessera/psf/profile.h"

using namespace tessera;
using namespace tessera::photometry;

namespace {

/// A Gaussian of light with 1σ axes a and b, turned, sampled (it is wide), flux 1000.
Frame gaussian(double a, double b, double angle, int side = 121) {
  Frame f{Box{0, 0, side, side}};
  const double c = std::cos(angle), s = std::sin(angle), middle = side / 2;
  for (int y = 0; y < side; ++y)
    for (int x = 0; x < side; ++x) {
      const double u = (x - middle) * c + (y - middle) * s, v = (y - middle) * c - (x - middle) * s;
      f.value(x, y) = static_cast<float>(1000 / (2 * std::numbers::pi * a * b) * std::exp(-0.5 * (u * u / (a * a) + v * v / (b * b))));
      f.variance(x, y) = 1;
      f.good(x, y) = 1;
    }
  return f;
}

/// A star, or a star spread by a Gaussian of `extra` pixels, with noise.
Frame star(const psf::ProfileOptions& o, double x, double y, double flux, double noise, std::mt19937& random) {
  Frame f{Box{0, 0, 31, 31}};
  Image<double> sum{f.box()};
  psf::Profile{o}.add_to(sum, x, y, flux);
  std::normal_distribution<double> normal{0, noise};
  for (std::size_t i = 0; i < sum.pixels().size(); ++i) {
    f.value.pixels()[i] = static_cast<float>(sum.pixels()[i] + normal(random));
    f.variance.pixels()[i] = static_cast<float>(noise * noise);
    f.good.pixels()[i] = 1;
  }
  return f;
}

}  // namespace

TEST(Kron, OfAGaussianIsTheIntegralOfItsFirstMoment) {
  // r e^(−r²/2) over the plane to 6: r₁ = ∫ r² e^(−r²/2) / ∫ r e^(−r²/2) = √(π/2).
  for (const double angle : {0.0, 0.7, -1.2}) {
    const Frame f = gaussian(6, 3, angle);
    const auto k = kron(f.view(), 60, 60, {6, 3, angle}, {.factor = 2.5, .least = 0});
    EXPECT_NEAR(k.radius, 2.5 * std::sqrt(std::numbers::pi / 2), 2e-3);
    EXPECT_NEAR(k.aperture.a, 6 * k.radius, 1e-9);
    EXPECT_NEAR(sum_ellipse(f.view(), 60, 60, k.aperture).flux, 1000 * (1 - std::exp(-0.5 * k.radius * k.radius)), 0.5);
  }
}

TEST(Kron, IsNeverSmallerThanAskedAndLeavesBadPixelsOut) {
  Frame f = gaussian(4, 4, 0);
  EXPECT_EQ(kron(f.view(), 60, 60, {4, 4, 0}, {}).radius, 3.5);
  f.value(75, 60) = 1e6F, f.good(75, 60) = 0;
  EXPECT_EQ(kron(f.view(), 60, 60, {4, 4, 0}, {}).radius, 3.5);
  EXPECT_TRUE(std::isnan(kron(f.view(), std::nan(""), 60, {4, 4, 0}, {}).radius));
  EXPECT_TRUE(std::isnan(kron(f.view(), 60, 60, {0, 0, 0}, {}).radius));
}

TEST(HalfLightRadius, OfARoundGaussianIsThatOfItsIntegral) {
  const Frame f = gaussian(5, 5, 0);
  EXPECT_NEAR(half_light_radius(f.view(), 60, 60, 1000, 40), 5 * std::sqrt(2 * std::log(2)), 0.02);
  EXPECT_TRUE(std::isnan(half_light_radius(f.view(), 60, 60, 1000, 2)));
  EXPECT_TRUE(std::isnan(half_light_radius(f.view(), 60, 60, -3, 40)));
}

TEST(Spread, OfStarsIsNoneWithinTrueErrorsAndOfGalaxiesIsNot) {
  const psf::ProfileOptions o{.fwhm_pix = 2.2};
  const auto model = psf::PsfModel::analytic(o);
  psf::PointResponse workspace;
  std::mt19937 random{3};
  double sum = 0, squares = 0;
  constexpr int n = 400;
  for (int i = 0; i < n; ++i) {
    const double x = 15 + 0.4 * std::sin(i), y = 15 + 0.4 * std::cos(2 * i);
    const Frame f = star(o, x, y, 300, 1, random);
    const auto s = spread(f.view(), model.at(x, y, workspace), x, y);
    sum += s.value / s.error, squares += s.value * s.value / (s.error * s.error);
  }
  EXPECT_NEAR(sum / n, 0, 0.2);
  EXPECT_NEAR(std::sqrt(squares / n), 1, 0.12);
  const auto& response = model.at(15, 15, workspace);
  const auto wide = spread(star({.fwhm_pix = 2.6}, 15, 15, 3000, 1, random).view(), response, 15, 15);
  const auto narrow = spread(star({.fwhm_pix = 1.0}, 15, 15, 3000, 1, random).view(), response, 15, 15);
  EXPECT_GT(wide.value, 5 * wide.error);
  EXPECT_LT(narrow.value, -5 * narrow.error);
}
