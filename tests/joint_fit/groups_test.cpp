#include "tessera/joint_fit/groups.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <set>

using namespace tessera::joint_fit;

namespace {

std::vector<Place> random_places(int n, double side) {
  std::mt19937 random{7};
  std::uniform_real_distribution<double> where{0, side};
  std::vector<Place> places;
  for (int i = 0; i < n; ++i) places.push_back({where(random), where(random), true});
  return places;
}

double distance(const Place& a, const Place& b) { return std::hypot(a.x - b.x, a.y - b.y); }

}  // namespace

TEST(Groups, AreTheConnectedSourcesAndEachSourceIsInOneBlock) {
  const auto places = random_places(400, 100);
  const auto blocks = group_sources(places, 3, 1000);
  std::vector<int> group(places.size(), -1);
  for (const Block& b : blocks) {
    EXPECT_TRUE(b.halo.empty() && b.rim.empty());
    EXPECT_EQ(b.group_size, static_cast<int>(b.own.size()));
    for (const int i : b.own) {
      EXPECT_EQ(group[static_cast<std::size_t>(i)], -1);
      group[static_cast<std::size_t>(i)] = b.group;
    }
  }
  for (std::size_t i = 0; i < places.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (distance(places[i], places[j]) < 3) {
        EXPECT_EQ(group[i], group[j]);
      }
  EXPECT_TRUE(std::none_of(group.begin(), group.end(), [](int g) { return g < 0; }));
}

TEST(Groups, LargeOnesAreCutIntoBlocksWithTheirNeighboursAround) {
  const auto places = random_places(300, 40);  // 3 is far beyond percolation there
  const auto blocks = group_sources(places, 4, 20);
  std::set<int> own;
  std::vector<int> group(places.size());
  for (const Block& b : blocks)
    for (const int i : b.own) group[static_cast<std::size_t>(i)] = b.group;
  for (const Block& b : blocks) {
    EXPECT_LE(b.own.size(), 20u);
    own.insert(b.own.begin(), b.own.end());
    std::set<int> around;
    for (const int i : b.own)
      for (std::size_t j = 0; j < places.size(); ++j)
        if (static_cast<int>(j) != i && distance(places[static_cast<std::size_t>(i)], places[j]) < 4 && std::find(b.own.begin(), b.own.end(), static_cast<int>(j)) == b.own.end()) around.insert(static_cast<int>(j));
    EXPECT_EQ(std::set<int>(b.halo.begin(), b.halo.end()), around);
    std::set<int> further;
    for (const int i : b.own)
      for (std::size_t j = 0; j < places.size(); ++j)
        if (group[j] == b.group && distance(places[static_cast<std::size_t>(i)], places[j]) < 10) further.insert(static_cast<int>(j));
    for (const int i : b.own) further.erase(i);
    for (const int i : b.halo) further.erase(i);
    EXPECT_EQ(std::set<int>(b.rim.begin(), b.rim.end()), further);
  }
  EXPECT_EQ(own.size(), places.size());
}

TEST(Groups, LeaveOutWhatIsNotUsable) {
  auto places = random_places(5, 1);
  places[2].usable = false;
  const auto blocks = group_sources(places, 10, 100);
  ASSERT_EQ(blocks.size(), 1u);
  EXPECT_EQ(blocks[0].own, (std::vector<int>{0, 1, 3, 4}));
  EXPECT_TRUE(group_sources({}, 1, 1).empty());
}
