#include "tessera/match/astrometry.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <random>

namespace {

using namespace tessera::match;

constexpr double degree = std::numbers::pi / 180;

/// A reference, and the same turned by `turn` degrees (position angle), stretched, shifted (arcsec on the sky) and scattered.
std::vector<std::pair<Position, Position>> pairs(int count, double turn, double stretch, double east, double north, double sigma, unsigned seed, double stated = 0) {
  std::mt19937 random{seed};
  std::uniform_real_distribution<double> u{-0.1, 0.1};
  std::normal_distribution<double> g;
  const double dec0 = 35, v = (stated > 0 ? stated : sigma) * (stated > 0 ? stated : sigma);
  std::vector<std::pair<Position, Position>> all;
  for (int i = 0; i < count; ++i) {
    const double xi = u(random), eta = u(random);  // degrees; small enough for a plane up to 1e-6
    const double x = (1 + stretch) * xi + turn * degree * eta + (east + sigma * g(random)) / 3600, y = (1 + stretch) * eta - turn * degree * xi + (north + sigma * g(random)) / 3600;
    const auto on_sky = [&](double a, double b) {
      const double down = std::cos(dec0 * degree) - b * degree * std::sin(dec0 * degree);
      return Position{200 + std::atan2(a * degree, down) / degree, std::atan2(std::sin(dec0 * degree) + b * degree * std::cos(dec0 * degree), std::hypot(a * degree, down)) / degree, v / 2, v / 2, 0};
    };
    all.emplace_back(on_sky(xi, eta), on_sky(x, y));
  }
  return all;
}

TEST(CompareAstrometry, FindsWhatWasDone) {
  const auto fit = compare_astrometry(pairs(400, 0.01, 2e-4, 0.3, -0.2, 0, 1, 0.1));
  EXPECT_EQ(fit.used, 400);
  EXPECT_NEAR(fit.rotation, 0.01, 2e-5);
  EXPECT_NEAR(fit.scale, 2e-4, 1e-6);
  // At the middle of the reference, which is not the field's: a few arcsec away.
  EXPECT_NEAR(fit.offset_ra, 0.3, 0.02);
  EXPECT_NEAR(fit.offset_dec, -0.2, 0.02);
  EXPECT_LT(fit.rms_ra + fit.rms_dec, 1e-3);
}

TEST(CompareAstrometry, KnowsItsErrors) {
  double offset = 0, turn = 0, scale = 0, width = 0;
  constexpr int repeats = 300;
  for (unsigned i = 0; i < repeats; ++i) {
    const auto fit = compare_astrometry(pairs(60, 0.002, -1e-5, 0, 0, 0.2, 10 + i));
    turn += std::pow((fit.rotation - 0.002) / fit.rotation_err, 2), scale += std::pow((fit.scale + 1e-5) / fit.scale_err, 2);
    const auto plain = compare_astrometry(pairs(60, 0, 0, 0.5, 0.1, 0.2, 1000 + i));
    offset += std::pow((plain.offset_ra - 0.5) / plain.offset_ra_err, 2), width += plain.pull_width;
  }
  // The error grows to the scatter where that is the larger one, so pulls are a little narrow.
  for (const double v : {offset, turn, scale}) EXPECT_NEAR(v / repeats, 0.95, 0.2);
  EXPECT_NEAR(width / repeats, 1, 0.05);
}

TEST(CompareAstrometry, LeavesWrongPairsOut) {
  auto all = pairs(200, 0, 0, 0.1, 0, 0.05, 4);
  for (std::size_t i = 0; i < 10; ++i) all[i * 17].second.dec_deg += 2.0 / 3600;
  const auto fit = compare_astrometry(all);
  EXPECT_NEAR(fit.offset_dec, 0, 0.02);
  EXPECT_LE(fit.used, 190);
  EXPECT_GE(fit.used, 180);
}

TEST(CompareAstrometry, TellsWhenTheErrorsAreTooSmall) {
  const auto fit = compare_astrometry(pairs(500, 0, 0, 0, 0, 0.3, 8, 0.1));
  EXPECT_NEAR(fit.pull_width, 3, 0.3);
  EXPECT_NEAR(fit.offset_ra_err, 0.3 / std::sqrt(500.0), 0.002);
}

TEST(CompareAstrometry, TakesFewPairsAndNone) {
  const auto two = compare_astrometry(pairs(2, 0, 0, 0.4, 0, 0, 3, 0.1));
  EXPECT_NEAR(two.offset_ra, 0.4, 1e-4);
  EXPECT_TRUE(std::isnan(two.rotation));
  const auto none = compare_astrometry({});
  EXPECT_EQ(none.pairs, 0);
  EXPECT_TRUE(std::isnan(none.offset_ra));
}

}  // namespace
