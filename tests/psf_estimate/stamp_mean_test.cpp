#include "tessera/psf_estimate/stamp_mean.h"

#include <gtest/gtest.h>

#include <cmath>

#include "star_field.h"
#include "tessera/parallel/pool.h"

namespace tessera::psf_estimate {
namespace {

constexpr StampOptions small{.side = 15};

/// Stars on one image, their windows holding the stamps and the margin.
Field stars_of(const psf::Profile& profile, int count, double snr, unsigned seed) {
  return field([&](double dx, double dy, double, double) { return profile.pixel_fraction(dx, dy); }, count, 1, snr, seed, small.side / 2 + stamp_margin + 1);
}

/// The pixel of a stamp at (dx, dy) from its middle.
std::size_t pixel_at(const StarPixels& p, int dx, int dy) {
  const int x = static_cast<int>(std::lround(p.x)) + dx, y = static_cast<int>(std::lround(p.y)) + dy;
  return static_cast<std::size_t>((y - p.window.y0) * p.window.width() + x - p.window.x0);
}

Errors error_of(const StampMean& mean, const psf::Profile& profile) {
  return errors_of(mean.table, [&](double dx, double dy) { return profile.pixel_fraction(dx, dy); });
}

TEST(Bicubic, IsExactForParabolasAndNothingAtTheEdge) {
  Image<double> image{8, 8};
  const auto f = [](double x, double y) { return 1 + 2 * x - y + 0.3 * x * x - 0.2 * y * y + 0.1 * x * y; };
  for (int y = 0; y < 8; ++y)
    for (int x = 0; x < 8; ++x) image(x, y) = f(x, y);
  for (const auto& [x, y] : {std::pair{3.2, 4.7}, {1.0, 1.0}, {5.9, 2.5}}) EXPECT_NEAR(bicubic(image, x, y), f(x, y), 1e-12);
  EXPECT_TRUE(std::isnan(bicubic(image, 0.5, 3)));
  EXPECT_TRUE(std::isnan(bicubic(image, 3, 6.5)));
}

TEST(Trimmed, IsMeanAndSigmaOfTheNormalPart) {
  std::mt19937 random{4};
  std::normal_distribution<double> normal{3, 2};
  std::vector<double> values(4000);
  for (double& v : values) v = normal(random);
  const auto clean = trimmed(values);  // its own error is 2/√4000 of the mean, and about 2 % of sigma
  EXPECT_NEAR(clean.mean, 3, 0.12);
  EXPECT_NEAR(clean.sigma, 2, 0.1);
  for (std::size_t i = 0; i < 80; ++i) values[50 * i] = 1000;
  const auto spoilt = trimmed(values);
  EXPECT_NEAR(spoilt.mean, 3, 0.2);
  EXPECT_NEAR(spoilt.sigma, 2, 0.2);
}

class StampMeanOf : public testing::TestWithParam<std::pair<double, double>> {};

/// Interpolation between pixels widens the mean, the more the narrower stars are; the effective PSF is right to 0.002 for the same stars at 1.4 pixels.
TEST_P(StampMeanOf, StarsIsTheirResponseButForWhatInterpolationWidens) {
  const auto [fwhm, error] = GetParam();
  const auto profile = gaussian(fwhm);
  const Field f = stars_of(profile, 100, 200, 3);
  const parallel::Pool pool{2};
  const auto mean = mean_of_stamps(f.pixels, {}, small, pool);
  const auto e = error_of(mean, profile);
  RecordProperty("worst_percent", std::to_string(100 * e.worst));
  EXPECT_NEAR(e.worst, error, 0.3 * error);
  EXPECT_EQ(mean.table.samples.front().box().width(), 4 * 14 + 1);
  const auto used = std::count_if(mean.stamps.begin(), mean.stamps.end(), [](const Stamp& s) { return s.status == StarStatus::used; });
  EXPECT_GT(used, 60);
  EXPECT_EQ(static_cast<int>(mean.table.coverage(28, 28)), used);
}
INSTANTIATE_TEST_SUITE_P(Widths, StampMeanOf, testing::Values(std::pair{1.4, 0.156}, std::pair{2.5, 0.037}, std::pair{4.0, 0.009}));

TEST(StampMean, GivesUpStampsForTheReasonsOfTheGuide) {
  const auto profile = gaussian(3), wide = gaussian(5);
  Field f = stars_of(profile, 60, 300, 9);
  const auto spoil = [&](std::size_t k, int dx, int dy, double value) { f.pixels[k].value[pixel_at(f.pixels[k], dx, dy)] += static_cast<float>(value); };
  const auto drop = [&](std::size_t k, int dx, int dy) { f.pixels[k].variance[pixel_at(f.pixels[k], dx, dy)] = 0; };
  drop(0, 3, -3);                       // a bad pixel in the middle
  drop(1, 6, 2);                        // one outside it
  drop(2, 6, 2), drop(2, -6, 2);        // two
  spoil(3, 6, -5, 200);                 // a hit outside the middle
  spoil(4, 1, 2, 150);                  // and one within
  for (int y = -10; y <= 10; ++y)
    for (int x = -10; x <= 10; ++x) {
      const auto& p = f.pixels[5];
      const double dx = std::round(p.x) + x - p.x, dy = std::round(p.y) + y - p.y;
      f.pixels[5].value[pixel_at(p, x, y)] = static_cast<float>(1000 * wide.pixel_fraction(dx, dy));
    }
  std::fill(f.pixels[6].value.begin(), f.pixels[6].value.end(), 0.0F);
  f.pixels[7].used = false;
  StampOptions options = small;
  options.max_bad = 1;
  options.threshold = 5;  // at 3 some of the others go by chance
  const parallel::Pool pool{2};
  const auto mean = mean_of_stamps(f.pixels, {}, options, pool);
  const StarStatus expected[] = {StarStatus::no_pixels, StarStatus::used, StarStatus::no_pixels, StarStatus::used};
  for (std::size_t k = 0; k < 4; ++k) EXPECT_EQ(mean.stamps[k].status, expected[k]) << k;
  EXPECT_EQ(mean.stamps[1].bad, 1);
  EXPECT_GE(mean.stamps[3].outliers, 1);
  EXPECT_TRUE(mean.stamps[4].status == StarStatus::misfit || mean.stamps[4].status == StarStatus::outliers);
  EXPECT_EQ(mean.stamps[5].status, StarStatus::narrow_or_wide);
  EXPECT_EQ(mean.stamps[6].status, StarStatus::moved);
  EXPECT_EQ(mean.stamps[7].status, StarStatus::left_out);
  EXPECT_LT(error_of(mean, profile).worst, 0.03);  // 2.4 % without any of this: interpolation
}

TEST(StampMean, StampsMayBeWiderThanTall) {
  Field f = stars_of(gaussian(3), 40, 300, 9);
  f.pixels[0].variance[pixel_at(f.pixels[0], 2, 2)] = 0;  // in the middle of 7 x 7 pixels, not of 7 x 3
  const parallel::Pool pool{2};
  StampOptions square = small;
  square.threshold = 1000, square.max_bad = 1;  // nothing is an outlier, so that the same stamps count
  StampOptions flat = square;
  flat.side_y = 9;
  const auto of_squares = mean_of_stamps(f.pixels, {}, square, pool), of_flat = mean_of_stamps(f.pixels, {}, flat, pool);
  EXPECT_EQ(of_squares.stamps[0].status, StarStatus::no_pixels);
  const auto& table = of_flat.table.samples.front();
  EXPECT_EQ(table.box().width(), 4 * 14 + 1);
  ASSERT_EQ(table.box().height(), 4 * 8 + 1);
  const auto& whole = of_squares.table.samples.front();
  for (int y = 0; y < table.box().height(); ++y)
    for (int x = 0; x < table.box().width(); ++x) ASSERT_NEAR(table(x, y) / table(28, 16), whole(x, y + 12) / whole(28, 28), 1e-9);
  flat.core_side_y = 3;
  EXPECT_EQ(mean_of_stamps(f.pixels, {}, flat, pool).stamps[0].status, StarStatus::used);
  StampOptions tall = square;
  tall.fit_side_y = 9;
  EXPECT_NE(mean_of_stamps(f.pixels, {}, tall, pool).stamps[1].chi2, of_squares.stamps[1].chi2) << "the area of the fit";
  tall.fit_side_y = 17;
  EXPECT_THROW(mean_of_stamps(f.pixels, {}, tall, pool), UsageError) << "more than the stamp";
}

TEST(StampMean, TakesFluxesAndCentroidsInsteadOfTheFit) {
  const auto profile = gaussian(3);
  const Field f = stars_of(profile, 40, 1000, 2);
  const parallel::Pool pool{2};
  StampOptions options = small;
  options.fit_side = 0;
  const auto mean = mean_of_stamps(f.pixels, {}, options, pool);
  for (const Stamp& s : mean.stamps) EXPECT_NEAR(s.flux, 1000, 10) << s.flux;  // sums over 15² pixels of noise 1000/(1000 √noise pixels)
  const std::vector<double> fluxes(f.pixels.size(), 500.0);
  const auto listed = mean_of_stamps(f.pixels, fluxes, options, pool);
  for (const Stamp& s : listed.stamps) EXPECT_EQ(s.flux, 500);
  EXPECT_NEAR(listed.table.samples.front()(28, 28), mean.table.samples.front()(28, 28), 0.01 * mean.table.samples.front()(28, 28));
}

TEST(StampMean, IsTheSameToTheBitForAnyNumberOfThreads) {
  const Field f = stars_of(gaussian(2.5), 40, 200, 6);
  const auto one = mean_of_stamps(f.pixels, {}, small, parallel::Pool{1}), three = mean_of_stamps(f.pixels, {}, small, parallel::Pool{3});
  for (std::size_t i = 0; i < one.table.samples.front().pixels().size(); ++i) ASSERT_EQ(one.table.samples.front().pixels()[i], three.table.samples.front().pixels()[i]);
}

TEST(StampMean, RefusesEvenSidesAndTooFewStamps) {
  const Field f = stars_of(gaussian(3), 2, 200, 1);
  const parallel::Pool pool{1};
  StampOptions even = small;
  even.side = 14;
  EXPECT_THROW(mean_of_stamps(f.pixels, {}, even, pool), UsageError);
  EXPECT_THROW(mean_of_stamps(f.pixels, {}, small, pool), DataError);
}

}  // namespace
}  // namespace tessera::psf_estimate
