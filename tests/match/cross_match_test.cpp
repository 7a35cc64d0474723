#include "tessera/match/cross_match.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numbers>
#include <random>

namespace {

using namespace tessera::match;

Position at(double ra, double dec, double sigma = 0.1) { return {ra, dec, sigma * sigma, sigma * sigma, 0}; }

/// Angle between two directions from the cross product, arcsec.
double angle(const Position& a, const Position& b) {
  const double r = std::numbers::pi / 180;
  const auto v = [&](const Position& p) { return std::array{std::cos(p.dec_deg * r) * std::cos(p.ra_deg * r), std::cos(p.dec_deg * r) * std::sin(p.ra_deg * r), std::sin(p.dec_deg * r)}; };
  const auto x = v(a), y = v(b);
  const double cx = x[1] * y[2] - x[2] * y[1], cy = x[2] * y[0] - x[0] * y[2], cz = x[0] * y[1] - x[1] * y[0];
  return std::atan2(std::sqrt(cx * cx + cy * cy + cz * cz), x[0] * y[0] + x[1] * y[1] + x[2] * y[2]) / r * 3600;
}

/// Positions within some arcminutes of a place, in pairs some tenths of an arcsec apart.
std::vector<Position> field(double ra, double dec, int count, double size_deg, unsigned seed, double jitter = 0) {
  std::mt19937 random{seed};
  std::uniform_real_distribution<double> u{-0.5, 0.5};
  std::mt19937 noise{seed + 1000 + static_cast<unsigned>(1e6 * jitter)};
  std::normal_distribution<double> g;
  std::vector<Position> list;
  for (int i = 0; i < count; ++i) {
    const double d = std::clamp(dec + size_deg * u(random), -90.0, 90.0), c = std::max(std::cos(d * std::numbers::pi / 180), 1e-4);
    const double a = ra + size_deg / c * u(random);
    list.push_back(at(a + jitter * g(noise) / 3600 / c, std::clamp(d + jitter * g(noise) / 3600, -90.0, 90.0), std::max(jitter, 0.1)));
  }
  return list;
}

TEST(OffsetArcsec, IsTheSeparationNearbyAndPointsEastAndNorth) {
  for (const auto& [ra, dec] : {std::pair{0.0, 0.0}, {359.9999, 45.0}, {120.0, -89.999}, {10.0, 89.9999}}) {
    const Position a = at(ra, dec), b = at(ra + 0.0001, dec - 0.0001);
    const auto d = offset_arcsec(a, b);
    EXPECT_NEAR(std::hypot(d[0], d[1]), angle(a, b), 1e-6);
    EXPECT_GT(d[0], 0);
  }
  const auto d = offset_arcsec(at(359.9999, 0), at(0.0001, 0));
  EXPECT_NEAR(std::abs(d[0]), 0.0002 * 3600, 1e-6) << "across the seam";
  EXPECT_TRUE(std::isinf(offset_arcsec(at(0, 0), at(180, 0))[0])) << "the other side of the sky";
}

TEST(AgreeingPairs, AreThoseOfTestingEveryPair) {
  for (const auto& [ra, dec] : {std::pair{0.0, 0.0}, {180.0, 60.0}, {359.99, -30.0}, {77.0, 90.0}, {12.0, -89.99}}) {
    const auto first = field(ra, dec, 300, 0.02, 3), second = field(ra, dec, 300, 0.02, 3, 0.6);
    for (const Limits limits : {Limits{1.5, 0}, Limits{1.5, 3}, Limits{20, 0}}) {
      std::vector<std::pair<long, long>> expected, found;
      for (std::size_t i = 0; i < first.size(); ++i)
        for (std::size_t j = 0; j < second.size(); ++j) {
          const double r = angle(first[i], second[j]);
          if (r > limits.radius_arcsec || (limits.sigmas > 0 && r > limits.sigmas * std::sqrt(first[i].ra_variance + second[j].ra_variance))) continue;
          expected.emplace_back(i, j);
        }
      for (const auto& p : agreeing_pairs(first, second, limits)) {
        found.emplace_back(p.a, p.b);
        EXPECT_NEAR(p.separation, angle(first[static_cast<std::size_t>(p.a)], second[static_cast<std::size_t>(p.b)]), 1e-5);
      }
      EXPECT_EQ(found, expected) << ra << " " << dec;
      EXPECT_GT(found.size(), 100u);
    }
  }
}

TEST(AgreeingPairs, CountDistanceAlongTheErrorEllipse) {
  Position a = at(10, 0, 0.01), b = at(10 + 0.9 / 3600, 0.9 / 3600, 0.01);
  b.ra_variance = b.dec_variance = 0.25, b.covariance = 0.2;  // long towards the north-east
  EXPECT_EQ(agreeing_pairs(std::vector{a}, std::vector{b}, {5, 2}).size(), 1u);
  b.covariance = -0.2;
  EXPECT_EQ(agreeing_pairs(std::vector{a}, std::vector{b}, {5, 2}).size(), 0u);
  const auto pair = agreeing_pairs(std::vector{a}, std::vector{b}, {5, 0}).front();
  const double v = 0.25 + 1e-4, c = -0.2;  // Δᵀ C⁻¹ Δ for Δ = (0.9, 0.9)
  EXPECT_NEAR(pair.d2, 2 * 0.81 / (v + c), 1e-3);
}

TEST(CrossMatch, PutsEveryRowIntoOneGroupAndTruePartnersTogether) {
  const std::vector<std::vector<Position>> all{field(150, 2, 2000, 0.5, 9, 0.1), field(150, 2, 2000, 0.5, 9, 0.12), field(150, 2, 2000, 0.5, 9, 0.15)};
  const auto groups = cross_match(all, {2, 6});
  std::vector<std::vector<int>> seen(3, std::vector<int>(2000));
  long together = 0;
  for (const auto& g : groups) {
    for (std::size_t k = 0; k < 3; ++k)
      if (g.rows[k] >= 0) ++seen[k][static_cast<std::size_t>(g.rows[k])];
    together += g.rows[0] >= 0 && g.rows[0] == g.rows[1] && g.rows[1] == g.rows[2];
  }
  for (const auto& rows : seen)
    for (const int times : rows) EXPECT_EQ(times, 1);
  EXPECT_GE(together, 1995) << "of 2000, whose neighbours are some 20 arcsec away";
}

TEST(CrossMatch, TakesTheLikelierOfTwoAndDoesNotDependOnTheOrder) {
  const std::vector<Position> a{at(10, 0), at(10 + 0.5 / 3600, 0)}, b{at(10 + 0.4 / 3600, 0)};
  for (const auto& lists : {std::vector{a, b}, std::vector{b, a}}) {
    const auto groups = cross_match(lists, {2, 0});
    ASSERT_EQ(groups.size(), 2u);
    const std::size_t of_a = lists[0].size() == 2 ? 0 : 1;
    long joined = 0;
    for (const auto& g : groups)
      if (g.rows[0] >= 0 && g.rows[1] >= 0) {
        ++joined;
        EXPECT_EQ(g.rows[of_a], 1);
        EXPECT_EQ(g.others, 1);
      }
    EXPECT_EQ(joined, 1);
  }
}

TEST(CrossMatch, IsTheSameForCataloguesAndRowsInAnotherOrder) {
  std::vector<std::vector<Position>> all{field(20, -40, 400, 0.01, 5, 0.3), field(20, -40, 400, 0.01, 5, 0.31), field(20, -40, 400, 0.01, 5, 0.32)};
  const auto names = [](const std::vector<Group>& groups, const std::vector<std::size_t>& order, bool turned) {
    std::vector<std::array<long, 3>> out;
    for (const auto& g : groups) {
      std::array<long, 3> n{};
      for (std::size_t k = 0; k < 3; ++k) n[order[k]] = g.rows[k] < 0 ? -1 : turned ? 399 - g.rows[k] : g.rows[k];
      out.push_back(n);
    }
    std::sort(out.begin(), out.end());
    return out;
  };
  const auto straight = names(cross_match(all, {1, 4}), {0, 1, 2}, false);
  for (auto& list : all) std::reverse(list.begin(), list.end());
  std::rotate(all.begin(), all.begin() + 1, all.end());
  EXPECT_EQ(names(cross_match(all, {1, 4}), {1, 2, 0}, true), straight);
}

TEST(CrossMatch, MakesNoChains) {
  const std::vector<std::vector<Position>> all{{at(0, 0)}, {at(0, 0.8 / 3600)}, {at(0, 1.7 / 3600)}};
  for (const auto& g : cross_match(all, {1, 0})) EXPECT_FALSE(g.rows[0] >= 0 && g.rows[2] >= 0) << "the outer two are 1.7 arcsec apart";
}

TEST(CrossMatch, LeavesRowsWithoutPositionAlone) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto groups = cross_match(std::vector<std::vector<Position>>{{at(nan, nan), at(1, 1)}, {at(1, 1), at(nan, nan)}}, {1, 0});
  EXPECT_EQ(groups.size(), 3u);
  EXPECT_TRUE(cross_match(std::vector<std::vector<Position>>{{}, {}}, {1, 0}).empty());
}

TEST(MatchesByChance, AreTheDensityTimesTheArea) {
  const double size = 0.2, radius = 3;
  const auto first = field(40, 10, 3000, size, 1), second = field(40, 10, 4000, size, 2);
  const double per_source = 4000 * std::numbers::pi * radius * radius / std::pow(size * 3600, 2);
  const double expected = 3000 * (1 - std::exp(-per_source));
  EXPECT_NEAR(matches_by_chance(first, second, {radius, 0}) / expected, 1, 0.1);  // 650 expected, eight copies, less those that leave the field
}

TEST(MeanPosition, IsTheWeightedMeanWithItsChiSquare) {
  std::mt19937 random{5};
  std::normal_distribution<double> g;
  double chi2 = 0, ra2 = 0, both = 0;
  constexpr int repeats = 4000;
  for (int i = 0; i < repeats; ++i) {
    std::vector<Position> three;
    for (const double sigma : {0.05, 0.1, 0.2}) {
      // Errors of the two axes correlated by 0.6.
      const double u = g(random), v = g(random), x = sigma * u, y = sigma * (0.6 * u + 0.8 * v);
      three.push_back({30 + x / 3600 / std::cos(60 * std::numbers::pi / 180), 60 + y / 3600, sigma * sigma, sigma * sigma, 0.6 * sigma * sigma});
    }
    const auto mean = mean_position(three);
    EXPECT_EQ(mean.dof, 4);
    const auto d = offset_arcsec(at(30, 60), mean.position);
    chi2 += mean.chi2, ra2 += d[0] * d[0] / mean.position.ra_variance, both += d[0] * d[1] / mean.position.covariance;
  }
  EXPECT_NEAR(chi2 / repeats, 4, 0.2);
  EXPECT_NEAR(ra2 / repeats, 1, 0.1);
  EXPECT_NEAR(both / repeats, 1, 0.15);
}

}  // namespace
