#include "tessera/background/running_median.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace tessera::background {
namespace {

/// A multiset of ranks 0 … n−1, each at most once, with counts in two levels: the k-th smallest costs three short scans.
class RankSet {
 public:
  explicit RankSet(std::size_t n) : words_(n / 64 + 1, 0), counts_(words_.size() / 64 + 1, 0) {}
  void insert(std::uint32_t r) { words_[r >> 6] |= std::uint64_t{1} << (r & 63), ++counts_[r >> 12], ++size_; }
  void erase(std::uint32_t r) { words_[r >> 6] &= ~(std::uint64_t{1} << (r & 63)), --counts_[r >> 12], --size_; }
  std::int64_t size() const { return size_; }
  /// The k-th smallest member, from 0.
  std::uint32_t nth(std::int64_t k) const {
    std::size_t block = 0;
    while (k >= counts_[block]) k -= counts_[block++];
    std::size_t word = block * 64;
    for (int n = std::popcount(words_[word]); k >= n; n = std::popcount(words_[word])) k -= n, ++word;
    std::uint64_t bits = words_[word];
    while (k-- > 0) bits &= bits - 1;
    return static_cast<std::uint32_t>(word * 64 + static_cast<std::size_t>(std::countr_zero(bits)));
  }

 private:
  std::vector<std::uint64_t> words_;
  std::vector<std::int32_t> counts_;
  std::int64_t size_ = 0;
};

constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();

/// The block's values in rising order and the rank of each pixel; pixels without a value have none.
struct Ranked {
  Box box;
  std::vector<float> sorted;
  std::vector<std::uint32_t> rank;

  explicit Ranked(View<const float> image) : box{image.box()}, rank(static_cast<std::size_t>(box.area()), none) {
    std::vector<std::pair<float, std::uint32_t>> values;
    std::uint32_t at = 0;
    for (int y = box.y0; y < box.y1; ++y)
      for (const float v : image.row(y)) {
        if (std::isfinite(v)) values.emplace_back(v, at);
        ++at;
      }
    std::sort(values.begin(), values.end());
    sorted.reserve(values.size());
    for (const auto& [value, pixel] : values) {
      rank[pixel] = static_cast<std::uint32_t>(sorted.size());
      sorted.push_back(value);
    }
  }
  std::uint32_t operator()(int x, int y) const {
    return rank[static_cast<std::size_t>(y - box.y0) * static_cast<std::size_t>(box.width()) + static_cast<std::size_t>(x - box.x0)];
  }
};

float median_of(const RankSet& set, const std::vector<float>& sorted, double dropped_share) {
  const auto kept = set.size() - static_cast<std::int64_t>(std::floor(dropped_share * static_cast<double>(set.size())));
  const double upper = static_cast<double>(sorted[set.nth(kept / 2)]);
  if (kept % 2) return static_cast<float>(upper);
  return static_cast<float>((static_cast<double>(sorted[set.nth(kept / 2 - 1)]) + upper) / 2);
}

}  // namespace

void running_median(View<const float> image, const WindowOptions& options, View<float> out) {
  const Ranked ranked{image};
  const Box block = out.box();
  const double dropped = static_cast<double>(options.dropped) / (static_cast<double>(options.width) * options.height);
  const int left = options.width / 2, right = (options.width - 1) / 2, below = options.height / 2, above = (options.height - 1) / 2;
  RankSet set{ranked.sorted.size()};
  for (int y = block.y0; y < block.y1; ++y) {
    const int y0 = std::max(image.box().y0, y - below), y1 = std::min(image.box().y1, y + above + 1);
    const auto column = [&](int x, bool add) {
      if (x < image.box().x0 || x >= image.box().x1) return;
      for (int v = y0; v < y1; ++v)
        if (const auto r = ranked(x, v); r != none) add ? set.insert(r) : set.erase(r);
    };
    for (int x = block.x0 - left; x < block.x0 + right; ++x) column(x, true);
    for (int x = block.x0; x < block.x1; ++x) {
      column(x + right, true);
      out(x, y) = std::isfinite(image(x, y)) ? median_of(set, ranked.sorted, dropped) : std::numeric_limits<float>::quiet_NaN();
      column(x - left, false);
    }
    for (int x = block.x1 - left; x < block.x1 + right; ++x) column(x, false);
  }
}

}  // namespace tessera::background
