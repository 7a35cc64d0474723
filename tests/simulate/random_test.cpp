#include "tessera/simulate/random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <vector>

using namespace tessera::simulate;

// Known answers published with the generator (Random123, kat_vectors, philox4x32 10 rounds).
TEST(Philox, GivesThePublishedNumbers) {
  using Four = std::array<std::uint32_t, 4>;
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}), (Four{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (Four{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Four{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Random, StreamsOfOtherSeedsPurposesAndIndicesDiffer) {
  std::set<std::uint32_t> first;
  for (const std::uint64_t seed : {1ull, 2ull, 1ull << 40})
    for (const Purpose p : {Purpose::source, Purpose::noise})
      for (const std::uint64_t index : {0ull, 1ull, 1ull << 33}) first.insert(Random{seed, p, index}.bits());
  EXPECT_EQ(first.size(), 18u);
  EXPECT_EQ((Random{7, Purpose::noise, 3}.bits()), (Random{7, Purpose::noise, 3}.bits()));
}

struct Moments {
  double mean = 0, variance = 0, skewness = 0, kurtosis = 0;
};
template <class Draw>
Moments moments(int n, Draw draw) {
  std::vector<double> v(static_cast<std::size_t>(n));
  Moments m;
  for (double& x : v) m.mean += x = draw();
  m.mean /= n;
  double m3 = 0, m4 = 0;
  for (const double x : v) {
    const double d = x - m.mean;
    m.variance += d * d;
    m3 += d * d * d;
    m4 += d * d * d * d;
  }
  m.variance /= n;
  m.skewness = m3 / n / std::pow(m.variance, 1.5);
  m.kurtosis = m4 / n / (m.variance * m.variance) - 3;
  return m;
}

constexpr int draws = 400000;
// Five standard errors of each moment of n draws.
const double root = std::sqrt(static_cast<double>(draws));

TEST(Random, UniformHasTheMomentsOfAUniform) {
  Random r{1, Purpose::noise, 0};
  const Moments m = moments(draws, [&] { return r.uniform(); });
  EXPECT_NEAR(m.mean, 0.5, 5 * std::sqrt(1 / 12.0) / root);
  EXPECT_NEAR(m.variance, 1 / 12.0, 5 * std::sqrt(1 / 180.0) / root);
  EXPECT_NEAR(m.skewness, 0, 0.02);
}

TEST(Random, NormalHasTheMomentsOfANormal) {
  Random r{2, Purpose::noise, 0};
  const Moments m = moments(draws, [&] { return r.normal(); });
  EXPECT_NEAR(m.mean, 0, 5 / root);
  EXPECT_NEAR(m.variance, 1, 5 * std::sqrt(2) / root);
  EXPECT_NEAR(m.skewness, 0, 5 * std::sqrt(6) / root);
  EXPECT_NEAR(m.kurtosis, 0, 5 * std::sqrt(24) / root);
}

// Below 10 by products, above by rejection: both sides of the change, and where the table of factorials ends.
TEST(Random, PoissonHasTheMomentsOfAPoisson) {
  for (const double mean : {0.05, 1.0, 9.99, 10.01, 14.0, 40.0, 1000.0, 3e6}) {
    Random r{3, Purpose::noise, static_cast<std::uint64_t>(mean * 100)};
    const Moments m = moments(draws, [&] { return r.poisson(mean); });
    EXPECT_NEAR(m.mean, mean, 5 * std::sqrt(mean) / root) << mean;
    EXPECT_NEAR(m.variance / mean, 1, 5 * std::sqrt(2 + 1 / mean) / root) << mean;
    if (mean >= 1) {
      EXPECT_NEAR(m.skewness, 1 / std::sqrt(mean), 0.04) << mean;
    }
  }
}

TEST(Random, PoissonFrequenciesAreThoseOfTheFormula) {
  for (const double mean : {3.0, 12.0, 30.0}) {
    std::vector<double> count(100);
    Random r{4, Purpose::noise, static_cast<std::uint64_t>(mean)};
    for (int i = 0; i < draws; ++i) {
      const double k = r.poisson(mean);
      ASSERT_EQ(k, std::floor(k));
      if (k < 100) ++count[static_cast<std::size_t>(k)];
    }
    double chi2 = 0;
    int cells = 0;
    for (int k = 0; k < 100; ++k) {
      const double expected = draws * std::exp(k * std::log(mean) - mean - std::lgamma(k + 1.0));
      if (expected < 20) continue;
      const double d = count[static_cast<std::size_t>(k)] - expected;
      chi2 += d * d / expected;
      ++cells;
    }
    EXPECT_LT(chi2, cells + 5 * std::sqrt(2.0 * cells)) << mean;
    EXPECT_GT(chi2, cells - 5 * std::sqrt(2.0 * cells)) << mean;
  }
}

TEST(Random, PoissonOfNothingIsNothing) {
  Random r{5, Purpose::noise, 0};
  EXPECT_EQ(r.poisson(0), 0);
  EXPECT_EQ(r.poisson(-3), 0);
  EXPECT_EQ(r.poisson(std::nan("")), 0);
}

TEST(Random, PowerLawHasTheMeanOfItsDensity) {
  for (const double slope : {0.0, 1.0, 1.5, 2.5}) {
    Random r{6, Purpose::source, static_cast<std::uint64_t>(slope * 10)};
    const Moments m = moments(draws, [&] {
      const double v = r.power_law(2, 50, slope);
      EXPECT_TRUE(v >= 2 && v <= 50);
      return v;
    });
    // ∫ v^(1−s) dv / ∫ v^−s dv by a fine midpoint sum.
    double above = 0, below = 0;
    for (int i = 0; i < 100000; ++i) {
      const double v = 2 + 48 * (i + 0.5) / 100000;
      above += std::pow(v, 1 - slope);
      below += std::pow(v, -slope);
    }
    EXPECT_NEAR(m.mean, above / below, 5 * std::sqrt(m.variance) / root) << slope;
  }
}

TEST(Random, BelowReachesEveryNumberEquallyOften) {
  Random r{7, Purpose::detector, 0};
  std::vector<int> count(7);
  for (int i = 0; i < 70000; ++i) ++count[r.below(7)];
  for (const int c : count) EXPECT_NEAR(c, 10000, 5 * std::sqrt(10000 * 6 / 7.0));
}
