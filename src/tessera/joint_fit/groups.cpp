#include "tessera/joint_fit/groups.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <numeric>
#include <utility>

namespace tessera::joint_fit {
namespace {

constexpr double rim_links = 2.5;

/// Sources by cells as wide as the link.
class Cells {
 public:
  Cells(std::span<const Place> places, double link) : places_{places}, link_{link} {
    for (std::size_t i = 0; i < places.size(); ++i)
      if (places[i].usable) cells_[key(places[i])].push_back(static_cast<int>(i));
  }
  /// Calls f for each other source nearer than so many links.
  template <class F>
  void near(int i, double links, F f) const {
    const Place& p = places_[static_cast<std::size_t>(i)];
    const auto [cx, cy] = key(p);
    const auto cells = static_cast<std::int64_t>(std::ceil(links));
    for (std::int64_t y = cy - cells; y <= cy + cells; ++y)
      for (std::int64_t x = cx - cells; x <= cx + cells; ++x) {
        const auto found = cells_.find({x, y});
        if (found == cells_.end()) continue;
        for (const int j : found->second) {
          const Place& q = places_[static_cast<std::size_t>(j)];
          if (j != i && std::hypot(p.x - q.x, p.y - q.y) < links * link_) f(j);
        }
      }
  }

 private:
  using Key = std::pair<std::int64_t, std::int64_t>;
  Key key(const Place& p) const { return {static_cast<std::int64_t>(std::floor(p.x / link_)), static_cast<std::int64_t>(std::floor(p.y / link_))}; }
  std::span<const Place> places_;
  double link_;
  std::map<Key, std::vector<int>> cells_;
};

int root(std::vector<int>& parent, int i) {
  while (parent[static_cast<std::size_t>(i)] != i) i = parent[static_cast<std::size_t>(i)] = parent[static_cast<std::size_t>(parent[static_cast<std::size_t>(i)])];
  return i;
}

/// Halves a group along its longer side; ties by number, so nothing depends on the order of sorting.
void halve(std::vector<int> members, std::span<const Place> places, int most, std::vector<std::vector<int>>& parts) {
  if (static_cast<int>(members.size()) <= most) {
    std::sort(members.begin(), members.end());
    parts.push_back(std::move(members));
    return;
  }
  double x0 = INFINITY, x1 = -INFINITY, y0 = INFINITY, y1 = -INFINITY;
  for (const int i : members) {
    const Place& p = places[static_cast<std::size_t>(i)];
    x0 = std::min(x0, p.x), x1 = std::max(x1, p.x), y0 = std::min(y0, p.y), y1 = std::max(y1, p.y);
  }
  const bool along_x = x1 - x0 >= y1 - y0;
  const auto at = [&](int i) { return along_x ? places[static_cast<std::size_t>(i)].x : places[static_cast<std::size_t>(i)].y; };
  std::sort(members.begin(), members.end(), [&](int a, int b) { return at(a) != at(b) ? at(a) < at(b) : a < b; });
  const auto middle = members.begin() + static_cast<std::ptrdiff_t>(members.size() / 2);
  halve({members.begin(), middle}, places, most, parts);
  halve({middle, members.end()}, places, most, parts);
}

}  // namespace

std::vector<Block> group_sources(std::span<const Place> places, double link, int most) {
  link = std::max(link, 1e-3);
  const Cells cells{places, link};
  std::vector<int> parent(places.size());
  std::iota(parent.begin(), parent.end(), 0);
  for (std::size_t i = 0; i < places.size(); ++i)
    if (places[i].usable)
      cells.near(static_cast<int>(i), 1, [&](int j) {
        const int a = root(parent, static_cast<int>(i)), b = root(parent, j);
        parent[static_cast<std::size_t>(std::max(a, b))] = std::min(a, b);
      });
  std::map<int, std::vector<int>> groups;
  for (std::size_t i = 0; i < places.size(); ++i)
    if (places[i].usable) groups[root(parent, static_cast<int>(i))].push_back(static_cast<int>(i));
  std::vector<Block> blocks;
  int number = 0;
  for (auto& entry : groups) {
    const int first = entry.first;
    auto& members = entry.second;
    const int size = static_cast<int>(members.size());
    std::vector<std::vector<int>> parts;
    halve(std::move(members), places, most, parts);
    for (auto& part : parts) {
      Block block;
      block.group = number;
      block.group_size = size;
      if (parts.size() > 1) {
        const auto around = [&](double links, const std::vector<int>& but) {
          std::vector<int> found;
          for (const int i : part)
            cells.near(i, links, [&](int j) {
              if (root(parent, j) == first && !std::binary_search(part.begin(), part.end(), j) && !std::binary_search(but.begin(), but.end(), j)) found.push_back(j);
            });
          std::sort(found.begin(), found.end());
          found.erase(std::unique(found.begin(), found.end()), found.end());
          return found;
        };
        block.halo = around(1, {});
        block.rim = around(rim_links, block.halo);
      }
      block.own = std::move(part);
      blocks.push_back(std::move(block));
    }
    ++number;
  }
  std::sort(blocks.begin(), blocks.end(), [](const Block& a, const Block& b) { return a.own.front() < b.own.front(); });
  return blocks;
}

}  // namespace tessera::joint_fit
