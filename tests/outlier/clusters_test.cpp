#include "tessera/outlier/clusters.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>
#include <set>

#include "tessera/geometry/quad_overlap.h"

namespace {

using namespace tessera;
using outlier::Clusters;

Image<float> noise_image(Box box, unsigned seed, float density) {
  std::mt19937 random{seed};
  std::uniform_real_distribution<float> u{0, 1};
  Image<float> image{box};
  for (float& v : image.pixels()) v = u(random) < density ? 1.0f + 30.0f * u(random) : 0.0f;
  return image;
}

Image<int> numbers(const Clusters& clusters, Box box) {
  Image<int> map{box};
  for (const auto& run : clusters.runs)
    for (int x = run.x; x < run.x + run.length; ++x) map(x, run.y) = run.cluster;
  return map;
}

/// Flood fill in the order of first pixels.
Image<int> flooded(View<const float> image, float threshold, outlier::Touch touch = outlier::Touch::corner) {
  const Box box = image.box();
  Image<int> map{box};
  int next = 0;
  for (int y = box.y0; y < box.y1; ++y)
    for (int x = box.x0; x < box.x1; ++x) {
      if (map(x, y) || !(image(x, y) > threshold)) continue;
      ++next;
      std::vector<std::pair<int, int>> open{{x, y}};
      map(x, y) = next;
      while (!open.empty()) {
        const auto [cx, cy] = open.back();
        open.pop_back();
        for (int j = cy - 1; j <= cy + 1; ++j)
          for (int i = cx - 1; i <= cx + 1; ++i)
            if ((touch == outlier::Touch::corner || i == cx || j == cy) && box.contains(i, j) && !map(i, j) && image(i, j) > threshold) {
              map(i, j) = next;
              open.emplace_back(i, j);
            }
      }
    }
  return map;
}

TEST(Clusters, AgreeWithAFloodFill) {
  const Box box{-5, 3, 70, 60};
  for (const auto touch : {outlier::Touch::corner, outlier::Touch::edge})
    for (const float density : {0.02f, 0.1f, 0.3f, 0.41f, 0.6f, 1.0f}) {
      const auto image = noise_image(box, 3, density);
      const auto fast = numbers(outlier::find_clusters(image, 0.5, touch), box), slow = flooded(image, 0.5f, touch);
      for (std::size_t i = 0; i < fast.pixels().size(); ++i) ASSERT_EQ(fast.pixels()[i], slow.pixels()[i]) << density;
    }
}

TEST(Clusters, RadhitsAreSmallAndBright) {
  const Box box{0, 0, 80, 60};
  const auto image = noise_image(box, 8, 0.12f);
  const outlier::RadhitOptions options{3, 20, 4};
  const auto found = numbers(outlier::find_radhits(image, options), box), all = flooded(image, 3);
  std::map<int, std::pair<int, float>> shape;
  for (int y = 0; y < 60; ++y)
    for (int x = 0; x < 80; ++x)
      if (const int c = all(x, y)) shape[c] = {shape[c].first + 1, std::max(shape[c].second, image(x, y))};
  std::set<int> seen;
  for (int y = 0; y < 60; ++y)
    for (int x = 0; x < 80; ++x) {
      const int c = all(x, y);
      const bool radhit = c && shape[c].first <= 4 && shape[c].second > 20;
      EXPECT_EQ(found(x, y) != 0, radhit);
      if (radhit) seen.insert(found(x, y));
    }
  EXPECT_GT(seen.size(), 10u);
  EXPECT_EQ(*seen.begin(), 1);
  EXPECT_EQ(*seen.rbegin(), static_cast<int>(seen.size())) << "numbered without gaps";
}

TEST(Clusters, ProjectionGivesEveryPixelUnderAClusterItsNumber) {
  const Box frame{0, 0, 40, 40}, out{-10, -10, 60, 60};
  const auto clusters = outlier::find_clusters(noise_image(frame, 21, 0.05f), 0.5);
  const auto in_frame = numbers(clusters, frame);
  const double c = 0.9 * std::cos(0.3), s = 0.9 * std::sin(0.3), det = c * c + s * s;
  const auto to_output = wcs::affine(c, -s, 8.3, s, c, -2.1), to_frame = wcs::affine(c / det, s / det, (-c * 8.3 + s * 2.1) / det, -s / det, c / det, (s * 8.3 + c * 2.1) / det);
  Image<std::int32_t> labels{out};
  outlier::project_clusters(clusters, frame, *to_output, labels);
  geometry::OverlapTable table;
  for (int y = out.y0; y < out.y1; ++y)
    for (int x = out.x0; x < out.x1; ++x) {
      geometry::Quad q{};
      const double ox[] = {x - 0.5, x + 0.5, x + 0.5, x - 0.5}, oy[] = {y - 0.5, y - 0.5, y + 0.5, y + 0.5};
      to_frame->apply(ox, oy, q.x, q.y);
      table.compute(q);
      int expected = 0;
      bool near_edge = false;
      const Box under = intersection(table.box(), frame);
      for (int j = under.y0; j < under.y1; ++j)
        for (int i = under.x0; i < under.x1; ++i) {
          if (!in_frame(i, j)) continue;
          if (table(i, j) > 1e-7 && (!expected || in_frame(i, j) < expected)) expected = in_frame(i, j);
          near_edge = near_edge || (table(i, j) > 0 && table(i, j) < 1e-7);
        }
      if (!near_edge) {
        EXPECT_EQ(labels(x, y), expected) << x << " " << y;
      }
    }
  const Box tile{5, 7, 19, 23};
  Image<std::int32_t> part{tile};
  outlier::project_clusters(clusters, frame, *to_output, part);
  for (int y = tile.y0; y < tile.y1; ++y)
    for (int x = tile.x0; x < tile.x1; ++x) EXPECT_EQ(part(x, y), labels(x, y));
}

}  // namespace
