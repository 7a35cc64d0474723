#include "tessera/psf_estimate/effective_fit.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "star_field.h"
#include "tessera/parallel/pool.h"

namespace tessera::psf_estimate {
namespace {

class Recovers : public testing::TestWithParam<std::tuple<double, int>> {};

TEST_P(Recovers, TheResponseOfAHundredStarsAtSignalToNoise200) {
  const auto [fwhm, images] = GetParam();
  const auto profile = gaussian(fwhm);
  const auto truth = [&](double dx, double dy, double = 0, double = 0) { return profile.pixel_fraction(dx, dy); };
  Field f = field(truth, 100, images, 200, 7);
  const parallel::Pool pool{2};
  EffectiveFit fit{f.pixels, f.stars, f.images, {.radius_pix = 8}, pool};
  const auto table = fit.run();
  const auto e = errors_of(table, truth);
  RecordProperty("worst_percent", std::to_string(100 * e.worst));
  RecordProperty("encircled_percent", std::to_string(100 * e.encircled));
  EXPECT_LT(e.worst, 0.005);
  EXPECT_LT(e.encircled, 0.003);
}
INSTANTIATE_TEST_SUITE_P(Widths, Recovers, testing::Values(std::tuple{1.4, 1}, std::tuple{1.4, 5}, std::tuple{2.5, 1}));

TEST(EffectiveFit, FindsAResponseThatIsNeitherRoundNorGaussian) {
  const auto core = gaussian(1.4), wing = gaussian(3, 0.6);
  // A wing that lies off the core; the whole moved so that R(½, 0) = R(−½, 0), R(0, ½) = R(0, −½), which is where a table has its star.
  double cx = 0, cy = 0;
  const auto raw = [&](double dx, double dy) { return 0.75 * core.pixel_fraction(dx, dy) + 0.25 * wing.pixel_fraction(dx - 0.7, dy + 0.4); };
  for (int round = 0; round < 60; ++round) {
    cx += 0.3 * (raw(cx + 0.5, cy) - raw(cx - 0.5, cy)) / raw(cx, cy), cy += 0.3 * (raw(cx, cy + 0.5) - raw(cx, cy - 0.5)) / raw(cx, cy);
  }
  const auto truth = [&](double dx, double dy, double = 0, double = 0) { return raw(dx + cx, dy + cy); };
  Field f = field(truth, 100, 3, 200, 11);
  const parallel::Pool pool{2};
  EffectiveFit fit{f.pixels, f.stars, f.images, {.radius_pix = 7}, pool};
  const auto e = errors_of(fit.run(), truth);
  EXPECT_LT(e.worst, 0.005);
  EXPECT_LT(e.encircled, 0.003);
}

TEST(EffectiveFit, DropsCompanionsAndMovesImagesThatPointWrong) {
  const auto profile = gaussian(1.6);
  const auto truth = [&](double dx, double dy, double = 0, double = 0) { return profile.pixel_fraction(dx, dy); };
  Field f = field(truth, 60, 4, 200, 5);
  for (auto& p : f.pixels) {
    p.x += 0.1 * (p.image - 1.5);  // the WCS of image k says so much too much
    if (p.star < 3)                // a companion two pixels away with a fifth of the light
      for (int y = p.window.y0; y < p.window.y1; ++y)
        for (int x = p.window.x0; x < p.window.x1; ++x) p.value[static_cast<std::size_t>((y - p.window.y0) * p.window.width() + x - p.window.x0)] += static_cast<float>(200 * profile.pixel_fraction(x - p.x - 2, y - p.y));
  }
  const parallel::Pool pool{2};
  EffectiveFit fit{f.pixels, f.stars, f.images, {.radius_pix = 6}, pool};
  const auto e = errors_of(fit.run(), truth);
  for (std::size_t s = 0; s < 3; ++s) EXPECT_EQ(f.stars[s].status, StarStatus::misfit);
  EXPECT_EQ(std::count_if(f.stars.begin(), f.stars.end(), [](const Star& s) { return s.used(); }), 57);
  for (int k = 0; k < 4; ++k) EXPECT_NEAR(f.images[static_cast<std::size_t>(k)].dx, -0.1 * (k - 1.5), 0.005);
  EXPECT_LT(e.worst, 0.006);
}

TEST(EffectiveFit, FindsHowTheResponseVariesOverTheDetector) {
  const auto narrow = gaussian(1.5), wide = gaussian(1.8);
  const auto truth = [&](double dx, double dy, double x, double) {  // from one edge to the other, linearly
    const double share = x / 999;
    return (1 - share) * narrow.pixel_fraction(dx, dy) + share * wide.pixel_fraction(dx, dy);
  };
  Field f = field(truth, 150, 3, 200, 17);
  const parallel::Pool pool{2};
  EffectiveFit fit{f.pixels, f.stars, f.images, {.radius_pix = 5, .degree = 1}, pool};
  auto table = fit.run();
  ASSERT_EQ(table.samples.size(), 3U);
  for (const double x : {100.0, 500.0, 900.0}) {
    EffectiveTable there;
    there.samples_per_pixel = table.samples_per_pixel, there.radius_pix = table.radius_pix;
    there.samples.push_back(table_at(table, x, 500));
    const auto e = errors_of(there, [&](double dx, double dy) { return truth(dx, dy, x, 0); });
    EXPECT_LT(e.worst, 0.01) << x;  // the difference of the ends is 0.29 of the peak
    EXPECT_LT(e.encircled, 0.006) << x;
  }
}

TEST(EffectiveFit, TellsByHowMuchStarsDiffer) {
  const parallel::Pool pool{2};
  const auto alike = gaussian(1.8);
  Field same = field([&](double dx, double dy, double, double) { return alike.pixel_fraction(dx, dy); }, 60, 1, 200, 23);
  EXPECT_LT((EffectiveFit{same.pixels, same.stars, same.images, {.radius_pix = 5}, pool}.run().scatter), 0.01);
  // Half of the stars a tenth wider, the others narrower: on pixels about the peak and the half maximum that is 4 to 8 % of √(sample × peak).
  const auto narrow = gaussian(1.62), wide = gaussian(1.98);
  Field two = field([&](double dx, double dy, double x, double) { return (std::fmod(x, 2) < 1 ? narrow : wide).pixel_fraction(dx, dy); }, 60, 1, 200, 23);
  const double scatter = EffectiveFit{two.pixels, two.stars, two.images, {.radius_pix = 5}, pool}.run().scatter;
  EXPECT_GT(scatter, 0.03);
  EXPECT_LT(scatter, 0.09);
}

TEST(EffectiveFit, RefusesTooFewStars) {
  Field f = field([](double, double, double, double) { return 0.01; }, 2, 1, 100, 1);
  const parallel::Pool pool{1};
  EffectiveFit fit{f.pixels, f.stars, f.images, {}, pool};
  EXPECT_THROW(fit.run(), DataError);
}

TEST(BandMatrix, IsTheSumOfOuterProductsWrittenOut) {
  const TableShape shape{14, 3};
  BandMatrix matrix{shape};
  std::vector<double> dense(shape.unknowns() * shape.unknowns(), 0.0);
  std::mt19937 random{3};
  std::uniform_real_distribution<double> any{-1, 1};
  for (int pixel = 0; pixel < 20; ++pixel) {
    const int kx = pixel % 9, ky = (pixel * 5) % 9;
    Taps taps;
    for (std::size_t i = 0; i < psf::spline_taps; ++i) taps.x[i] = any(random), taps.y[i] = any(random);
    const std::vector<double> powers{1, any(random), any(random)};
    matrix.add(kx, ky, taps, powers, 0.7);
    std::vector<double> row(shape.unknowns(), 0.0);
    for (std::size_t t = 0; t < 3; ++t)
      for (std::size_t j = 0; j < psf::spline_taps; ++j)
        for (std::size_t i = 0; i < psf::spline_taps; ++i) row[t * shape.coefficients() + (static_cast<std::size_t>(ky) + j) * 14 + static_cast<std::size_t>(kx) + i] = powers[t] * taps.y[j] * taps.x[i];
    for (std::size_t a = 0; a < row.size(); ++a)
      for (std::size_t b = 0; b < row.size(); ++b) dense[a * row.size() + b] += 0.7 * row[a] * row[b];
  }
  std::vector<double> x(shape.unknowns()), product(shape.unknowns(), 0.0);
  for (double& v : x) v = any(random);
  matrix.multiply(x, product);
  for (std::size_t a = 0; a < x.size(); ++a) {
    double sum = 0;
    for (std::size_t b = 0; b < x.size(); ++b) sum += dense[a * x.size() + b] * x[b];
    EXPECT_NEAR(product[a], sum, 1e-12);
    EXPECT_NEAR(matrix.diagonal(a), dense[a * x.size() + a], 1e-12);
  }
}

TEST(Roughness, IsThatOfASquaredSumAndNothingForParabolas) {
  const TableShape shape{12, 1};
  const Roughness roughness{shape, std::vector<double>(144, 2.0), std::vector<double>(144, 0.0)};
  std::vector<double> parabola(144), product(144, 0.0);
  for (int y = 0; y < 12; ++y)
    for (int x = 0; x < 12; ++x) parabola[static_cast<std::size_t>(y * 12 + x)] = 3 + x - 2 * y + x * y + 0.5 * x * x - y * y;
  roughness.multiply(parabola, product);
  for (const double v : product) EXPECT_NEAR(v, 0, 1e-9);
  for (const std::size_t k : {0UL, 13UL, 70UL, 143UL}) {
    std::vector<double> one(144, 0.0), column(144, 0.0);
    one[k] = 1;
    roughness.multiply(one, column);
    EXPECT_NEAR(column[k], roughness.diagonal(k), 1e-12);
  }
}

TEST(ConjugateGradients, KeepsFixedDirectionsOut) {
  // H = diag(1, 2, 0, 4): open along the third axis, which is kept out.
  const std::vector<double> h{1, 2, 0, 4}, b{1, 1, 0, 1}, diagonal{1, 2, 1, 4};
  std::vector<double> x(4);
  conjugate_gradients([&](std::span<const double> v, std::span<double> out) { for (std::size_t k = 0; k < 4; ++k) out[k] += h[k] * v[k]; }, b, diagonal, {{0, 0, 1, 0}}, 1e-12, 20, x);
  EXPECT_NEAR(x[0], 1, 1e-9);
  EXPECT_NEAR(x[1], 0.5, 1e-9);
  EXPECT_NEAR(x[2], 0, 1e-12);
  EXPECT_NEAR(x[3], 0.25, 1e-9);
}

}  // namespace
}  // namespace tessera::psf_estimate
