#include "tessera/detect/segments.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>
#include <tuple>

#include "tessera/detect/matched_filter.h"
#include "tessera/psf/profile.h"

using namespace tessera;
using namespace tessera::detect;

namespace {

struct Blob { double x, y, peak, sigma; };
Image<float> blobs(int width, int height, const std::vector<Blob>& list) {
  Image<float> image{width, height};
  for (const Blob& b : list)
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x) image(x, y) += static_cast<float>(b.peak * std::exp(-0.5 * (std::pow(x - b.x, 2) + std::pow(y - b.y, 2)) / (b.sigma * b.sigma)));
  return image;
}

std::map<std::pair<int, int>, int> owners(const std::vector<Segment>& segments) {
  std::map<std::pair<int, int>, int> owner;
  for (std::size_t k = 0; k < segments.size(); ++k)
    for (const PixelRun& r : segments[k].runs)
      for (int x = r.x; x < r.x + r.length; ++x) EXPECT_TRUE(owner.emplace(std::pair{x, r.y}, static_cast<int>(k)).second) << "a pixel belongs to one segment";
  return owner;
}

}  // namespace

TEST(Segments, HoldEveryPixelAboveTheThresholdOnce) {
  std::mt19937 random{4};
  std::normal_distribution<float> normal;
  for (const bool deblend : {false, true}) {
    Image<float> image{80, 60};
    for (float& v : image.pixels()) v = normal(random);
    image(5, 5) = std::nanf("");
    const auto segments = find_segments(image, {.threshold = 0.8, .min_area = 1, .deblend = deblend});
    const auto owner = owners(segments);
    for (int y = 0; y < 60; ++y)
      for (int x = 0; x < 80; ++x) EXPECT_EQ(owner.contains({x, y}), image(x, y) > 0.8F);
    // Flood fill, written out: pixels of one parent are connected and of two parents are not.
    std::map<std::pair<int, int>, int> parent;
    for (const auto& [at, k] : owner) parent[at] = segments[static_cast<std::size_t>(k)].parent;
    for (const auto& [at, k] : parent)
      for (int dy = -1; dy <= 1; ++dy)
        for (int dx = -1; dx <= 1; ++dx) {
          const auto other = parent.find({at.first + dx, at.second + dy});
          if (other != parent.end()) {
            EXPECT_EQ(other->second, k);
          }
        }
    for (const Segment& s : segments) {
      std::int64_t area = 0;
      for (const PixelRun& r : s.runs) area += r.length;
      EXPECT_EQ(s.area, area);
      EXPECT_EQ(s.peak, image(s.peak_x, s.peak_y));
    }
  }
}

TEST(Segments, TwoSourcesInOneGroupAreTwoAndKnowOfEachOther) {
  const auto image = blobs(60, 40, {{20, 20, 50, 2.2}, {27, 21, 20, 2.2}, {48, 10, 30, 2}});
  const auto segments = find_segments(image, {.threshold = 2});
  ASSERT_EQ(segments.size(), 3U);
  int blended = 0;
  for (const Segment& s : segments) {
    EXPECT_EQ(s.siblings, s.peak_x < 40 ? 2 : 1);
    blended += s.siblings == 2;
    const Moments m = moments(s, image);
    EXPECT_NEAR(m.x, s.peak_x < 24 ? 20 : s.peak_x < 40 ? 27 : 48, 0.5) << "isophotal: the saddle cuts";
  }
  EXPECT_EQ(blended, 2);
  EXPECT_EQ(find_segments(image, {.threshold = 2, .deblend = false}).size(), 2U);
}

TEST(Segments, PartsBelowTheContrastOrProminenceAreNone) {
  const auto image = blobs(60, 40, {{20, 20, 100, 2.2}, {30, 20, 6, 1.5}});
  EXPECT_EQ(find_segments(image, {.threshold = 1, .contrast = 0.005, .prominence = 1}).size(), 2U);
  EXPECT_EQ(find_segments(image, {.threshold = 1, .contrast = 0.1, .prominence = 1}).size(), 1U);
  EXPECT_EQ(find_segments(image, {.threshold = 1, .contrast = 0, .prominence = 8}).size(), 1U);
  const auto all = find_segments(image, {.threshold = 1, .contrast = 0.1});
  EXPECT_EQ(all[0].peak_x, 20);
}

TEST(Segments, ASpikeOnTheFlankOfAGalaxyIsPartOfIt) {
  auto image = blobs(60, 60, {{30, 30, 20, 6}});
  image(36, 30) = 25;  // brighter than the galaxy's middle, with little light
  const auto segments = find_segments(image, {.threshold = 2, .contrast = 0.05, .prominence = 1});
  ASSERT_EQ(segments.size(), 1U);
  EXPECT_EQ(segments[0].peak_x, 36) << "the brightest pixel is where it is";
}

TEST(Segments, APlateauIsOneSegment) {
  Image<float> image{20, 20};
  for (int y = 5; y < 12; ++y)
    for (int x = 4; x < 15; ++x) image(x, y) = 7;
  image(17, 17) = 9;
  const auto segments = find_segments(image, {.threshold = 3});
  ASSERT_EQ(segments.size(), 2U);
  EXPECT_EQ(segments[0].area, 77);
  EXPECT_EQ(find_segments(image, {.threshold = 3, .min_area = 2}).size(), 1U);
  EXPECT_EQ(find_segments(Image<float>{20, 20}, {.threshold = 3}).size(), 0U);
}

TEST(Segments, MomentsAreThoseOfATurnedGaussian) {
  Image<float> image{101, 101};
  const double angle = 0.6, a = 5, b = 3, c = std::cos(angle), s = std::sin(angle);
  for (int y = 0; y < 101; ++y)
    for (int x = 0; x < 101; ++x) {
      const double u = (c * (x - 50.3) + s * (y - 49.6)) / a, v = (-s * (x - 50.3) + c * (y - 49.6)) / b;
      image(x, y) = static_cast<float>(1e4 * std::exp(-0.5 * (u * u + v * v)));
    }
  const Moments m = moments(find_segments(image, {.threshold = 1e-3})[0], image);
  EXPECT_NEAR(m.x, 50.3, 1e-4);
  EXPECT_NEAR(m.y, 49.6, 1e-4);
  EXPECT_NEAR(m.major, a, 1e-3);
  EXPECT_NEAR(m.minor, b, 1e-3);
  EXPECT_NEAR(m.angle, angle, 1e-4);
  EXPECT_NEAR(m.flux, 1e4 * 2 * M_PI * a * b, 1e-4 * m.flux);
}

TEST(Segments, FilteredSimulationsAreCompleteAndPureAtFiveSigma) {
  // 300 stars of SNR 3 … 60 on 500², one per 200 beams. At a threshold of 5 σ a star of SNR s is found when noise lets it: Φ(s − 5), a little
  // more because the greatest of several pixels counts and less for stars between pixels.
  const psf::ProfileOptions o{.fwhm_pix = 2.5};
  const auto model = psf::PsfModel::analytic(o);
  const psf::Profile profile{o};
  const double error = std::sqrt(model.tables().front().noise_equivalent_area());
  std::mt19937 random{31};
  std::normal_distribution<float> normal;
  std::uniform_real_distribution<> place{10, 490}, snr{3, 60};
  Frame f{Box{0, 0, 500, 500}};
  for (float& v : f.variance.pixels()) v = 1;
  for (auto& g : f.good.pixels()) g = 1;
  Image<double> sky{f.box()};
  struct Star { double x, y, snr; };
  std::vector<Star> stars;
  for (int k = 0; k < 300; ++k) {
    stars.push_back({place(random), place(random), k < 150 ? snr(random) / 5 + 2 : snr(random)});
    profile.add_to(sky, stars.back().x, stars.back().y, stars.back().snr * error);
  }
  for (std::size_t i = 0; i < sky.pixels().size(); ++i) f.value.pixels()[i] = static_cast<float>(sky.pixels()[i]) + normal(random);
  Image<float> significance{f.box()};
  matched_filter(f.view(), model, {}, {.significance = significance});
  const auto segments = find_segments(significance, {.threshold = 5});
  int expected = 0, found = 0, false_ones = 0;
  const auto near = [](double x, double y, const Segment& s) { return std::hypot(x - s.peak_x, y - s.peak_y) < 2.5; };
  for (const Star& star : stars) {
    if (star.snr < 7) continue;
    ++expected;
    found += std::any_of(segments.begin(), segments.end(), [&](const Segment& s) { return near(star.x, star.y, s); });
  }
  for (const Segment& s : segments) false_ones += std::none_of(stars.begin(), stars.end(), [&](const Star& star) { return near(star.x, star.y, s); });
  EXPECT_GE(found, 0.97 * expected) << expected << ": stars above 7 sigma, blends of closer than a width among them";
  EXPECT_LE(false_ones, 1) << "250 000 pixels at 5 sigma: 0.1 expected";
}

TEST(Segments, MeetAtCornersOrAtEdgesAlone) {
  Image<float> image{12, 8};
  for (const auto& [x, y, v] : {std::tuple{2, 2, 5.0F}, {3, 3, 6.0F}, {4, 4, 7.0F}, {5, 4, 4.0F}}) image(x, y) = v;
  EXPECT_EQ(find_segments(image, {.threshold = 1, .deblend = false}).size(), 1u);
  const auto apart = find_segments(image, {.threshold = 1, .deblend = false, .touch = outlier::Touch::edge});
  ASSERT_EQ(apart.size(), 3u);
  EXPECT_EQ(apart[2].area, 2);
  // Two peaks in one region: a bridge that leads from one to the other over corners is none where edges count alone.
  for (int x = 1; x < 11; ++x) image(x, 6) = 2;
  image(9, 6) = 9, image(1, 5) = 2, image(1, 4) = 2, image(1, 3) = 2, image(1, 2) = 2;
  const SegmentOptions corner{.threshold = 1, .contrast = 0, .prominence = 2.5}, edge{.threshold = 1, .contrast = 0, .prominence = 2.5, .touch = outlier::Touch::edge};
  const auto by_corners = find_segments(image, corner), by_edges = find_segments(image, edge);
  EXPECT_EQ(by_corners.size(), 2u) << "the chain of 5, 6, 7 is one source, 9 the other";
  EXPECT_EQ(by_edges.size(), 4u) << "5 and 9 are of one region; 6 and 7 are alone";
  EXPECT_EQ(by_edges.front().siblings, 2);
}

TEST(Segments, OfAnotherSchemesClustersKnowTheirSiblings) {
  const auto image = blobs(60, 30, {{15, 15, 20, 2}, {21, 15, 15, 2}, {45, 15, 30, 2}});
  outlier::Clusters clusters;
  for (const int x : {14, 20, 44}) {
    ++clusters.count;
    clusters.runs.push_back({x, 15, 3, clusters.count});
  }
  const auto segments = segments_of(image, clusters, 2);
  ASSERT_EQ(segments.size(), 3u);
  EXPECT_EQ(segments[0].siblings, 2);
  EXPECT_EQ(segments[0].parent, segments[1].parent);
  EXPECT_EQ(segments[2].siblings, 1);
  EXPECT_EQ(segments[2].peak_x, 45);
  EXPECT_EQ(segments[1].area, 3);
}
