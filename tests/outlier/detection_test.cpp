#include "tessera/outlier/detection.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <set>

namespace {

using namespace tessera;
using outlier::Clusters;
using outlier::DetectionOptions;
using outlier::Splitting;
using Pixels = std::set<std::pair<int, int>>;  // (y, x)

Image<int> numbers(const Clusters& clusters, Box box) {
  Image<int> map{box};
  for (const auto& run : clusters.runs)
    for (int x = run.x; x < run.x + run.length; ++x) map(x, run.y) = run.cluster;
  return map;
}

/// Connected parts of a set, in the order of their first pixels.
std::vector<Pixels> connected(Pixels pixels) {
  std::vector<Pixels> parts;
  while (!pixels.empty()) {
    Pixels part;
    std::vector<std::pair<int, int>> open{*pixels.begin()};
    pixels.erase(pixels.begin());
    while (!open.empty()) {
      const auto [y, x] = open.back();
      open.pop_back();
      part.insert({y, x});
      for (int j = y - 1; j <= y + 1; ++j)
        for (int i = x - 1; i <= x + 1; ++i)
          if (pixels.erase({j, i})) open.emplace_back(j, i);
    }
    parts.push_back(part);
  }
  return parts;
}

/// The words of the guide (8.3.2) on sets of pixels.
std::vector<Pixels> segmented(View<const float> image, const Pixels& cluster, const DetectionOptions& o, double lowest_of_image) {
  const auto value = [&](const std::pair<int, int>& p) { return static_cast<double>(image(p.second, p.first)); };
  const auto peak = [&](const std::pair<int, int>& p) {
    for (int j = p.first - o.peaks_radius; j <= p.first + o.peaks_radius; ++j)
      for (int i = p.second - o.peaks_radius; i <= p.second + o.peaks_radius; ++i)
        if (image.box().contains(i, j) && std::pair{j, i} != p && static_cast<double>(image(i, j)) >= value(p)) return false;
    return true;
  };
  double mean = 0, squares = 0, lowest = INFINITY, highest = -INFINITY, lowest_peak = INFINITY;
  int peaks = 0;
  for (const auto& p : cluster) {
    mean += value(p) / static_cast<double>(cluster.size());
    lowest = std::min(lowest, value(p)), highest = std::max(highest, value(p));
    if (peak(p)) ++peaks, lowest_peak = std::min(lowest_peak, value(p));
  }
  for (const auto& p : cluster) squares += std::pow(value(p) - mean, 2) / static_cast<double>(cluster.size());
  const bool large = cluster.size() > static_cast<std::size_t>(o.max_area);
  if (!large && !(o.splitting == Splitting::peak && peaks > 1)) return {cluster};
  const double span = o.threshold - lowest_of_image;
  for (int level = 1; level <= (o.splitting == Splitting::simple ? 1 : o.max_level); ++level) {
    const double cut = o.splitting == Splitting::simple  ? mean + o.threshold * std::sqrt(squares)
                       : o.splitting == Splitting::combo ? lowest + level * span
                                                         : (peaks ? lowest_peak : highest) - span / level;
    Pixels above;
    for (const auto& p : cluster)
      if (value(p) > cut) above.insert(p);
    if (above.size() == cluster.size()) {
      if (o.splitting == Splitting::peak && cluster.size() > static_cast<std::size_t>(o.extended_area)) break;
      continue;
    }
    std::vector<Pixels> all;
    bool any = false;
    for (const auto& part : connected(above)) {
      double top = -INFINITY;
      for (const auto& p : part) top = std::max(top, value(p));
      if (top - cut < o.min_peak_fraction * highest) continue;
      any = any || part.size() >= static_cast<std::size_t>(o.min_area);
      for (auto& piece : segmented(image, part, o, lowest_of_image)) all.push_back(piece);
    }
    return all.empty() || (o.splitting == Splitting::peak && !any) ? std::vector<Pixels>{cluster} : all;
  }
  return {cluster};
}

Image<float> field(unsigned seed, Box box) {
  std::mt19937 random{seed};
  std::normal_distribution<float> noise;
  std::uniform_real_distribution<float> u{0, 1};
  Image<float> image{box};
  for (float& v : image.pixels()) v = noise(random);
  for (int k = 0; k < 14; ++k) {
    const float cx = static_cast<float>(box.x0) + u(random) * static_cast<float>(box.width()), cy = static_cast<float>(box.y0) + u(random) * static_cast<float>(box.height());
    const float peak = 10 + 90 * u(random), width = 1.0f + 2.5f * u(random);
    for (int y = box.y0; y < box.y1; ++y)
      for (int x = box.x0; x < box.x1; ++x) {
        const float dx = static_cast<float>(x) - cx, dy = static_cast<float>(y) - cy;
        image(x, y) += peak * std::exp(-(dx * dx + dy * dy) / (2 * width * width));
      }
  }
  return image;
}

class SplittingTypes : public testing::TestWithParam<Splitting> {};

TEST_P(SplittingTypes, AgreeWithTheGuidesWordsOnSetsOfPixels) {
  const Box box{-3, 2, 57, 50};
  for (unsigned seed = 0; seed < 6; ++seed) {
    const auto image = field(seed, box);
    DetectionOptions options;
    options.splitting = GetParam();
    options.threshold = 3;
    options.min_area = 2;
    options.max_area = seed % 2 ? 12 : 40;
    options.min_peak_fraction = seed % 3 == 2 ? 0.02 : 0;
    options.peaks_radius = 1 + static_cast<int>(seed % 2);
    if (seed == 4) options.extended_area = 50;
    Pixels above;
    double lowest = INFINITY;
    for (int y = box.y0; y < box.y1; ++y)
      for (int x = box.x0; x < box.x1; ++x) {
        lowest = std::min(lowest, static_cast<double>(image(x, y)));
        if (image(x, y) > 3) above.insert({y, x});
      }
    std::vector<Pixels> expected;
    for (const auto& cluster : connected(above))
      for (auto& part : segmented(image, cluster, options, lowest))
        if (part.size() >= 2) expected.push_back(part);
    std::sort(expected.begin(), expected.end(), [](const Pixels& a, const Pixels& b) { return *a.begin() < *b.begin(); });
    const auto found = numbers(outlier::detect(image, options), box);
    Image<int> direct{box};
    for (std::size_t k = 0; k < expected.size(); ++k)
      for (const auto& [y, x] : expected[k]) direct(x, y) = static_cast<int>(k) + 1;
    for (std::size_t i = 0; i < direct.pixels().size(); ++i) ASSERT_EQ(found.pixels()[i], direct.pixels()[i]) << "seed " << seed << " pixel " << i;
    EXPECT_GE(expected.size(), 3u);
  }
}

TEST(Detection, AStarThatACutBelowItsPeakWouldLeaveTooFewPixelsOfIsKeptWhole) {
  Image<float> image{Box{0, 0, 60, 40}};
  for (int y = 0; y < 40; ++y)
    for (int x = 0; x < 60; ++x) {
      const auto star = [&](double cx, double cy, double peak) { return peak * std::exp(-(std::pow(x - cx, 2) + std::pow(y - cy, 2)) / (2 * 2.0 * 2.0)); };
      image(x, y) = static_cast<float>(star(20.2, 20, 900) + star(44, 20.3, 20) - 1);
    }
  DetectionOptions options;
  options.splitting = Splitting::peak;
  options.min_area = 3;
  options.max_area = 60;  // the bright one covers more
  EXPECT_EQ(outlier::detect(image, options).count, 2);
}
INSTANTIATE_TEST_SUITE_P(Detection, SplittingTypes, testing::Values(Splitting::simple, Splitting::combo, Splitting::peak));

TEST(Detection, SplitsTwoStarsByTheirPeaksWhereTheSimpleThresholdLosesTheFaintOne) {
  const Box box{0, 0, 40, 20};
  Image<float> image{box};
  for (int y = 0; y < 20; ++y)
    for (int x = 0; x < 40; ++x) {
      const auto star = [&](int cx, float peak) { return peak * std::exp(-static_cast<float>((x - cx) * (x - cx) + (y - 10) * (y - 10)) / 18.0f); };
      image(x, y) = star(14, 300) + star(25, 40);
    }
  DetectionOptions options;
  options.max_area = 150;
  EXPECT_EQ(outlier::detect(image, options).count, 1) << "the bright star's own threshold is above the faint one";
  options.splitting = Splitting::peak;
  const auto map = numbers(outlier::detect(image, options), box);
  EXPECT_NE(map(14, 10), 0);
  EXPECT_NE(map(25, 10), 0);
  EXPECT_NE(map(14, 10), map(25, 10));
}

TEST(Detection, CountsOnePeakOnAPlateau) {
  Image<float> image{Box{0, 0, 6, 5}, 1.0f};
  long peaks = 0;
  for (int y = 0; y < 5; ++y)
    for (int x = 0; x < 6; ++x) peaks += outlier::is_peak(image, x, y, 1);
  EXPECT_EQ(peaks, 1);
}

TEST(Detection, DropsSmallClustersAndCutsLargeOnes) {
  const Box box{0, 0, 40, 20};
  Image<float> image{box};
  for (int y = 5; y < 15; ++y)
    for (int x = 5; x < 35; ++x) image(x, y) = 4;  // a bridge of 300 pixels between two peaks
  for (int y = 9; y < 11; ++y)
    for (const int x : {10, 11, 28, 29}) image(x, y) = 200;
  image(2, 2) = 10;
  DetectionOptions options;
  options.threshold = 3;
  options.min_area = 2;
  EXPECT_EQ(outlier::detect(image, options).count, 1);
  options.max_area = 100;
  const auto cut = outlier::detect(image, options);
  EXPECT_EQ(cut.count, 2);
  EXPECT_EQ(numbers(cut, box)(10, 9), 1);
  EXPECT_EQ(numbers(cut, box)(28, 10), 2);
  EXPECT_EQ(numbers(cut, box)(20, 9), 0);
  options.min_peak_fraction = 0.99;  // no part rises so far above the cut: the cluster stays whole
  EXPECT_EQ(outlier::detect(image, options).count, 1);
}

}  // namespace
