#include "tessera/fit/gram.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace tessera::fit {
namespace {

/// Rows of random numbers that are 0 outside of their reach, and weights of which some are 0.
template <class T>
struct Rows {
  std::size_t count, length;
  std::vector<T> values, weight;
  std::vector<Reach> reach;
  Rows(std::size_t n, std::size_t pixels, std::uint32_t seed) : count{n}, length{whole_row<T>(pixels)}, values(n * length), weight(length) {
    std::mt19937 random{seed};
    std::normal_distribution<T> normal;
    for (std::size_t p = 0; p < pixels; ++p) weight[p] = random() % 5 ? std::abs(normal(random)) : 0;
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t vectors = length / row_lanes<T>, first = random() % vectors, last = first + random() % (vectors - first + 1);
      reach.push_back({first * row_lanes<T>, last * row_lanes<T>});
      for (std::size_t p = reach[i].begin; p < reach[i].end; ++p) values[i * length + p] = normal(random);
    }
  }
  std::vector<double> gram(bool by_reach) const {
    std::vector<double> g(count * count);
    fit::gram(values.data(), count, length, weight.data(), by_reach ? std::span<const Reach>{reach} : std::span<const Reach>{}, g.data());
    return g;
  }
};

template <class T>
class GramOf : public testing::Test {};
using Numbers = testing::Types<float, double>;
TYPED_TEST_SUITE(GramOf, Numbers);

TYPED_TEST(GramOf, RowsIsTheSumWrittenOut) {
  for (const std::size_t count : {1, 2, 5, 11, 32})
    for (const std::size_t pixels : {8, 225, 512, 2000}) {
      const Rows<TypeParam> rows{count, pixels, static_cast<std::uint32_t>(count * pixels)};
      const auto g = rows.gram(true);
      for (std::size_t i = 0; i < count; ++i)
        for (std::size_t j = 0; j <= i; ++j) {
          double sum = 0, size = 0;
          for (std::size_t p = 0; p < rows.length; ++p) {
            const double term = static_cast<double>(rows.weight[p]) * static_cast<double>(rows.values[i * rows.length + p]) * static_cast<double>(rows.values[j * rows.length + p]);
            sum += term, size += std::abs(term);
          }
          EXPECT_NEAR(g[i * count + j], sum, (sizeof(TypeParam) == 4 ? 1e-6 : 1e-14) * size) << i << ' ' << j << " of " << count << " rows of " << pixels;
        }
    }
}

TYPED_TEST(GramOf, RowsHasTheSameBitsWithAndWithoutReachAndInAnyCompany) {
  const Rows<TypeParam> rows{13, 1500, 7};
  const auto all = rows.gram(false), reached = rows.gram(true);
  for (std::size_t i = 0; i < rows.count; ++i)
    for (std::size_t j = 0; j <= i; ++j) EXPECT_EQ(all[i * rows.count + j], reached[i * rows.count + j]);
  for (std::size_t i = 0; i < rows.count; ++i)
    for (std::size_t j = 0; j < i; ++j) {
      std::vector<TypeParam> two(rows.values.begin() + static_cast<std::ptrdiff_t>(j * rows.length), rows.values.begin() + static_cast<std::ptrdiff_t>((j + 1) * rows.length));
      two.insert(two.end(), rows.values.begin() + static_cast<std::ptrdiff_t>(i * rows.length), rows.values.begin() + static_cast<std::ptrdiff_t>((i + 1) * rows.length));
      double g[4];
      gram(two.data(), 2, rows.length, rows.weight.data(), {}, g);
      EXPECT_EQ(g[2], all[i * rows.count + j]) << i << ' ' << j;
    }
}

}  // namespace
}  // namespace tessera::fit
