#include "tessera/outlier/dual.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <map>

#include "outlier/simulated_stack.h"
#include "tessera/outlier/detection.h"

namespace {

using namespace tessera;
using outlier::Finding;
using tessera::testing::SimulatedStack;

constexpr Box grid = SimulatedStack::grid, frame_box = SimulatedStack::frame_box;

Image<float> significance_of(const SimulatedStack::Exposure& e) {
  Image<float> s{frame_box};
  for (std::size_t i = 0; i < s.pixels().size(); ++i) s.pixels()[i] = (e.frame.value.pixels()[i] - 10.0f) / std::sqrt(e.frame.variance.pixels()[i]);
  return s;
}

/// Flood fill in the order of first pixels.
Image<int> flooded(View<const float> image, float threshold) {
  Image<int> map{image.box()};
  int next = 0;
  for (int y = image.box().y0; y < image.box().y1; ++y)
    for (int x = image.box().x0; x < image.box().x1; ++x) {
      if (map(x, y) || !(image(x, y) > threshold)) continue;
      std::vector<std::pair<int, int>> open{{x, y}};
      map(x, y) = ++next;
      while (!open.empty()) {
        const auto [cx, cy] = open.back();
        open.pop_back();
        for (int j = cy - 1; j <= cy + 1; ++j)
          for (int i = cx - 1; i <= cx + 1; ++i)
            if (image.box().contains(i, j) && !map(i, j) && image(i, j) > threshold) map(i, j) = next, open.emplace_back(i, j);
      }
    }
  return map;
}

/// One frame on the grid, pixel by pixel: its cluster there, its light, and whether rounding decides.
struct Direct {
  Image<int> cluster{grid}, light{grid};
  Image<std::uint8_t> unsure{grid};
  explicit Direct(const SimulatedStack::Exposure& e, double threshold) {
    const auto s = significance_of(e);
    const auto map = flooded(s, static_cast<float>(threshold));
    const auto light_at = [&](int x, int y) {
      double sum = 0, squares = 0;
      for (int j = -1; j <= 1; ++j)
        for (int i = -1; i <= 1; ++i)
          if (frame_box.contains(x + i, y + j)) {
            const double w = (i ? 1 : 2) * (j ? 1 : 2);
            sum += w * static_cast<double>(s(x + i, y + j));
            squares += w * w;
          }
      const double q = sum / std::sqrt(squares);
      return q > 3 ? 1 + static_cast<int>(std::floor(std::log2(q / 3))) : 0;
    };
    geometry::OverlapTable table;
    for (int y = 0; y < grid.y1; ++y)
      for (int x = 0; x < grid.x1; ++x) {
        geometry::Quad q{};
        const double ox[] = {x - 0.5, x + 0.5, x + 0.5, x - 0.5}, oy[] = {y - 0.5, y - 0.5, y + 0.5, y + 0.5};
        e.to_frame->apply(ox, oy, q.x, q.y);
        table.compute(q);
        const Box under = intersection(table.box(), frame_box);
        for (int j = under.y0; j < under.y1; ++j)
          for (int i = under.x0; i < under.x1; ++i) {
            if (table(i, j) <= 0) continue;
            if (table(i, j) < 1e-7) unsure(x, y) = 1;
            if (const int c = map(i, j); c && (!cluster(x, y) || c < cluster(x, y))) cluster(x, y) = c;
            light(x, y) = std::max(light(x, y), light_at(i, j));
          }
      }
  }
};

Finding direct_finding(const SimulatedStack& s, const std::vector<Direct>& all, std::size_t k, int x, int y, const outlier::DualOptions& o) {
  double seen = 0, detected = 0, lit = 0, against = 0;
  for (std::size_t j = 0; j < all.size(); ++j) {
    const bool covered = s.resampled[j].coverage(x, y) > 0, found = all[j].cluster(x, y) != 0;
    if (!covered && !found) continue;
    ++seen;
    if (found) ++detected;
    else if (all[j].light(x, y) > 0 && all[j].light(x, y) >= all[k].light(x, y) - 1) ++lit;
    else against += static_cast<double>(s.resampled[k].value(x, y) - s.resampled[j].value(x, y)) > o.difference * std::sqrt(static_cast<double>(s.resampled[k].variance(x, y) + s.resampled[j].variance(x, y)));
  }
  if (detected > o.max_images || detected / seen > o.max_fraction) return Finding::source;
  if (o.difference == 0) return Finding::outlier;
  if ((detected + lit) / seen > o.max_fraction) return Finding::source;
  return (seen - against) / seen <= o.max_fraction ? Finding::outlier : Finding::open;
}

TEST(Dual, AgreesWithTheGuidesWordsPixelByPixel) {
  for (const int depth : {2, 3, 6})
    for (const double difference : {0.0, 3.0}) {
      SimulatedStack s{depth, 14, 40u + static_cast<unsigned>(depth)};
      outlier::DualOptions options;
      options.difference = difference;
      std::vector<Direct> direct;
      const auto views = s.views();
      const outlier::Stack stack{views, {}, 1};
      outlier::DualComparison comparison{stack, options};
      std::vector<Image<std::int32_t>> labels;
      for (std::size_t k = 0; k < s.exposures.size(); ++k) {
        const auto& e = s.exposures[k];
        direct.emplace_back(e, 4);
        const auto significance = significance_of(e);
        const auto found = outlier::detect(significance, {});
        comparison.add(k, found, outlier::find_light(significance), frame_box, *e.to_output);
        outlier::project_clusters(found, frame_box, *e.to_output, labels.emplace_back(grid));
      }
      long outliers = 0, sources = 0;
      for (std::size_t k = 0; k < direct.size(); ++k) {
        std::map<int, std::pair<double, double>> decided;  // pixels, outliers of a cluster
        std::map<int, outlier::ClusterTally> tally;
        for (int y = 0; y < grid.y1; ++y)
          for (int x = 0; x < grid.x1; ++x) {
            bool unsure = false;
            for (const auto& d : direct) unsure = unsure || d.unsure(x, y);
            if (unsure) continue;
            ASSERT_EQ(labels[k](x, y), direct[k].cluster(x, y)) << depth << ": " << k << " " << x << " " << y;
            if (!labels[k](x, y)) continue;
            const auto expected = direct_finding(s, direct, k, x, y, options);
            ASSERT_EQ(comparison.find(k, x, y), expected) << depth << ": " << k << " " << x << " " << y;
            outliers += expected == Finding::outlier, sources += expected == Finding::source;
            auto& [pixels, negative] = decided[labels[k](x, y)];
            pixels += expected != Finding::open, negative += expected == Finding::outlier;
            tally[labels[k](x, y)].add(expected);
          }
        for (const auto& [cluster, counts] : decided) {  // equation 8.2: N⁻/N < ratio, N⁺/N < ratio
          const auto [n, negative] = counts;
          const auto expected = n == 0 ? outlier::Verdict::as_found : negative / n < 0.5 ? (difference > 0 ? outlier::Verdict::as_found : outlier::Verdict::source) : (n - negative) / n < 0.5 ? outlier::Verdict::outlier : outlier::Verdict::as_found;
          ASSERT_EQ(outlier::level(tally[cluster], options), expected);
        }
      }
      EXPECT_GT(outliers, 40);
      EXPECT_GT(sources, 100);
    }
}

/// Two frames on the grid itself, flat but for one bright pixel with neighbours.
struct Pair {
  Box box{0, 0, 15, 15};
  std::array<Resampled, 2> planes{Resampled{box}, Resampled{box}};
  std::vector<ResampledView> views;
  Finding of_first_at(int x, int y, const outlier::DualOptions& options = {}) {
    const auto same = wcs::affine(1, 0, 0, 0, 1, 0);
    views.clear();
    for (auto& r : planes) {
      for (float& v : r.variance.pixels()) v = 1;
      for (float& c : r.coverage.pixels()) c = 1;
      views.push_back(r.view());
    }
    const outlier::Stack stack{views, {}, 1};
    outlier::DualComparison comparison{stack, options};
    for (std::size_t k = 0; k < 2; ++k) comparison.add(k, outlier::detect(planes[k].value, {}), outlier::find_light(planes[k].value), box, *same);
    return comparison.find(0, x, y);
  }
  void star(std::size_t k, float peak, float beside) {
    for (int y = 6; y < 9; ++y)
      for (int x = 6; x < 9; ++x) planes[k].value(x, y) = beside;
    planes[k].value(7, 7) = peak;
  }
};

TEST(Dual, KeepsAStarThatOnlyOneOfTwoFramesDetects) {
  Pair faint;
  faint.star(0, 4.2f, 2);
  faint.star(1, 3.7f, 2);
  EXPECT_EQ(faint.of_first_at(7, 7), Finding::source) << "the other frame shows its light";
  outlier::DualOptions plain;
  plain.difference = 0;
  EXPECT_EQ(faint.of_first_at(7, 7, plain), Finding::outlier) << "the guide's rule";
  Pair split;  // an undersampled star: all in one pixel, or in nine
  split.star(0, 14, 0.5f);
  split.star(1, 2.5f, 2);
  EXPECT_EQ(split.of_first_at(7, 7), Finding::source);
}

TEST(Dual, RejectsWhatTheOtherFrameDoesNotShow) {
  Pair hit;
  hit.star(0, 10, 0);
  EXPECT_EQ(hit.of_first_at(7, 7), Finding::outlier);
  hit.star(1, 2, 1);  // a faint star under a bright hit: light, but no quarter of it
  hit.star(0, 200, 1);
  EXPECT_EQ(hit.of_first_at(7, 7), Finding::outlier);
}

TEST(Dual, LeavesOpenWhatNoiseExplains) {
  Pair noise;
  noise.planes[0].value(7, 7) = 4.5f;  // 3.2 of both sigmas
  EXPECT_EQ(noise.of_first_at(7, 7), Finding::open);
}

TEST(Dual, JudgesTheStacksOfTheGuide) {
  outlier::DualOptions options;  // figure 8.8: fraction 0.5, 3 images, ten or five frames
  options.max_fraction = 0.5;
  options.max_images = 3;
  EXPECT_TRUE(outlier::few_detections(1, 10, options));
  EXPECT_FALSE(outlier::few_detections(4, 10, options));
  EXPECT_FALSE(outlier::few_detections(3, 5, options));
  EXPECT_FALSE(outlier::few_detections(5, 5, options));
  EXPECT_TRUE(outlier::few_detections(1, 2, options)) << "a fraction equal to the limit counts";
}

TEST(Dual, LevelFollowsTheMajorityOfACluster) {
  outlier::DualOptions options;
  using outlier::Verdict;
  options.difference = 0;
  EXPECT_EQ(outlier::level({4, 1}, options), Verdict::source);   // figure 8.9, cluster 2
  EXPECT_EQ(outlier::level({10, 9}, options), Verdict::outlier); // cluster 5
  EXPECT_EQ(outlier::level({10, 5}, options), Verdict::as_found);
  options.level_ratio = 0.2;
  EXPECT_EQ(outlier::level({10, 3}, options), Verdict::as_found);
  EXPECT_EQ(outlier::level({0, 0}, options), Verdict::as_found);
}

TEST(Dual, AHitThatTouchesAStarStaysOne) { EXPECT_EQ(outlier::level({40, 15}, {}), outlier::Verdict::as_found); }

TEST(Dual, OpenPixelsHaveNoSayInLevel) {
  outlier::ClusterTally tally;
  for (const auto f : {Finding::open, Finding::open, Finding::outlier}) tally.add(f);
  EXPECT_EQ(outlier::level(tally, {}), outlier::Verdict::outlier);
}

}  // namespace
