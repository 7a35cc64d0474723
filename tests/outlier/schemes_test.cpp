// Every scheme alone and their union on simulated shallow stacks, in the terms of rejection_test.cpp: what is lost of star cores and sky
// without hits, and which hits are found.
#include "tessera/outlier/schemes.h"

#include <gtest/gtest.h>

#include <cstdio>

#include "outlier/simulated_stack.h"
#include "tessera/base/error.h"
#include "tessera/outlier/blot.h"
#include "tessera/outlier/box.h"
#include "tessera/outlier/detection.h"
#include "tessera/outlier/dual.h"
#include "tessera/outlier/fix_coverage.h"
#include "tessera/outlier/temporal.h"

namespace {

using namespace tessera;
using outlier::Scheme;
using tessera::testing::SimulatedStack;

constexpr Box grid = SimulatedStack::grid, frame_box = SimulatedStack::frame_box;

/// Inverse of an affine map, from three of its points.
wcs::PixelMapPtr inverse(const wcs::PixelMap& map) {
  const double x[] = {0, 1, 0}, y[] = {0, 0, 1};
  double u[3], v[3];
  map.apply(x, y, u, v);
  const double a = u[1] - u[0], b = u[2] - u[0], d = v[1] - v[0], e = v[2] - v[0], det = a * e - b * d;
  return wcs::affine(e / det, -b / det, (b * v[0] - e * u[0]) / det, -d / det, a / det, (d * u[0] - a * v[0]) / det);
}

/// Masks of all frames, the bit of each scheme where it found something.
std::vector<Image<std::uint8_t>> masks_of(SimulatedStack& s) {
  const std::size_t depth = s.exposures.size();
  std::vector<Image<std::uint8_t>> masks, flags, temporal;
  std::vector<View<std::uint8_t>> flag_views, temporal_views;
  for (std::size_t k = 0; k < depth; ++k) masks.emplace_back(frame_box), flags.emplace_back(grid), temporal.emplace_back(grid);
  for (std::size_t k = 0; k < depth; ++k) flag_views.push_back(flags[k].view()), temporal_views.push_back(temporal[k].view());
  const auto views = s.views();
  const outlier::Stack stack{views, {}, 1};
  const outlier::TemporalOptions options;
  const auto project = [&](std::vector<Image<std::uint8_t>>& from, Scheme scheme) {
    for (std::size_t k = 0; k < depth; ++k) {
      Image<std::uint8_t> rejected{frame_box};
      outlier::project_to_frame(from[k], *s.exposures[k].to_frame, options, rejected);
      for (std::size_t i = 0; i < rejected.pixels().size(); ++i)
        if (rejected.pixels()[i]) masks[k].pixels()[i] |= outlier::bit_of(scheme);
    }
  };
  outlier::flag_temporal(views, options, temporal_views);
  project(temporal, Scheme::temporal);
  Image<std::uint8_t> undecided{grid};
  outlier::flag_box(stack, {}, options.min_coverage, flag_views, undecided);
  for (std::size_t k = 0; k < depth; ++k)
    for (std::size_t i = 0; i < undecided.pixels().size(); ++i)
      if (undecided.pixels()[i]) flags[k].pixels()[i] = temporal[k].pixels()[i];
  project(flags, Scheme::box);

  const outlier::DualOptions dual;
  outlier::DualComparison detections{stack, dual};
  std::vector<Image<std::int32_t>> labels;
  std::vector<outlier::Clusters> clusters;
  const auto median = outlier::median_image(stack, options.min_coverage);
  for (std::size_t k = 0; k < depth; ++k) {
    const auto& e = s.exposures[k];
    const auto to_output = inverse(*e.to_frame);
    Image<float> significance{frame_box};
    for (std::size_t i = 0; i < significance.pixels().size(); ++i)
      significance.pixels()[i] = (e.frame.value.pixels()[i] - 10.0f) / std::sqrt(e.frame.variance.pixels()[i]);
    clusters.push_back(outlier::detect(significance, {}));
    outlier::project_clusters(clusters.back(), frame_box, *to_output, labels.emplace_back(grid));
    detections.add(k, clusters.back(), outlier::find_light(significance), frame_box, *to_output);
    for (const auto& run : outlier::find_radhits(significance, {}).runs)
      for (int x = run.x; x < run.x + run.length; ++x) masks[k](x, run.y) |= outlier::bit_of(Scheme::radhit);
    Image<std::uint8_t> blot{frame_box};
    outlier::flag_blot(e.frame.view(), 0, 1, median, *to_output, {}, blot);
    for (std::size_t i = 0; i < blot.pixels().size(); ++i)
      if (blot.pixels()[i]) masks[k].pixels()[i] |= outlier::bit_of(Scheme::blot);
  }
  for (std::size_t k = 0; k < depth; ++k) {
    std::vector<outlier::ClusterTally> tally(static_cast<std::size_t>(clusters[k].count) + 1);
    const auto each = [&](auto act) {
      for (int y = grid.y0; y < grid.y1; ++y)
        for (int x = grid.x0; x < grid.x1; ++x)
          if (const int c = labels[k](x, y)) act(x, y, static_cast<std::size_t>(c), detections.find(k, x, y));
    };
    each([&](int, int, std::size_t c, outlier::Finding found) { tally[c].add(found); });
    flags[k].reset(grid);
    each([&](int x, int y, std::size_t c, outlier::Finding found) {
      const auto verdict = outlier::level(tally[c], dual);
      flags[k](x, y) = verdict == outlier::Verdict::outlier || (verdict == outlier::Verdict::as_found && found == outlier::Finding::outlier);
    });
  }
  project(flags, Scheme::dual);
  return masks;
}

struct Share {
  double all = 0, found = 0;
  double percent() const { return 100 * found / std::max(1.0, all); }
};
/// [0 … 4]: by scheme; [5]: by any.
struct Scores {
  Share cores[6], sky[6], hits[6];
};

Scores score(int depth) {
  constexpr Box inner{20, 20, 68, 68};
  Scores scores;
  const auto add = [](Share* shares, std::uint8_t bits) {
    for (int i = 0; i < 6; ++i) ++shares[i].all, shares[i].found += i < 5 ? (bits >> i) & 1 : bits != 0;
  };
  for (unsigned repeat = 0; repeat < static_cast<unsigned>(std::max(2, 24 / depth)); ++repeat) {
    SimulatedStack clean{depth, 0, 1000 + repeat}, hit{depth, 12, 2000 + repeat};
    const auto lost = masks_of(clean), found = masks_of(hit);
    for (std::size_t k = 0; k < lost.size(); ++k)
      for (int y = inner.y0; y < inner.y1; ++y)
        for (int x = inner.x0; x < inner.x1; ++x) {
          const double distance = clean.distance_to_star(clean.exposures[k], x, y);
          if (distance < 1.5) add(scores.cores, lost[k](x, y));
          if (distance > 4) add(scores.sky, lost[k](x, y));
          if (static_cast<double>(hit.exposures[k].hit(x, y)) >= 20 && hit.distance_to_star(hit.exposures[k], x, y) >= 4) add(scores.hits, found[k](x, y));
        }
  }
  return scores;
}

TEST(Schemes, FindHitsInShallowStacks) {
  for (const int depth : {2, 3, 5, 10}) {
    const auto s = score(depth);
    for (int i = 0; i < 6; ++i)
      std::printf("depth %2d %-8s star cores lost %.2f %%, sky lost %.3f %%, hits found %.1f %% of %.0f\n", depth,
                  i < 5 ? std::string{outlier::name_of(outlier::all_schemes[static_cast<std::size_t>(i)])}.c_str() : "any", s.cores[i].percent(), s.sky[i].percent(), s.hits[i].percent(), s.hits[i].all);
    for (const Scheme scheme : {Scheme::temporal, Scheme::box, Scheme::dual}) {
      const auto i = static_cast<std::size_t>(scheme);
      EXPECT_LT(s.cores[i].percent(), 0.1) << outlier::name_of(scheme);
      EXPECT_LT(s.sky[i].percent(), 0.1) << outlier::name_of(scheme);
      EXPECT_GT(s.hits[i].percent(), 97) << outlier::name_of(scheme);
    }
    const auto blot = static_cast<std::size_t>(Scheme::blot), radhit = static_cast<std::size_t>(Scheme::radhit);
    EXPECT_GT(s.hits[blot].percent(), 97);
    EXPECT_LT(s.cores[blot].percent(), 5);  // the family's scales are for wider stars than these of 1.4 pixels
    EXPECT_GT(s.hits[radhit].percent(), 5);  // single pixels and pairs only
    EXPECT_LT(s.cores[radhit].percent(), 0.1);
  }
}

TEST(Schemes, AreNamedAndNumbered) {
  outlier::RejectionOptions options;
  EXPECT_EQ(options.schemes(), 2);
  EXPECT_TRUE(options.temporal_only());
  options.method = {"box", "radhit"};
  EXPECT_EQ(options.schemes(), 9);
  EXPECT_EQ(options.fatal(), outlier::every_bit);
  options.fatal_bits = "box,4";
  EXPECT_EQ(options.fatal(), 12);
  options.fatal_bits = "none";
  EXPECT_EQ(options.fatal(), 0);
  options.fatal_bits = "boxes";
  EXPECT_THROW(options.fatal(), UsageError);
  options.method = {"none"};
  EXPECT_EQ(options.schemes(), 0);
  options.method = {"none", "box"};
  EXPECT_THROW(options.schemes(), UsageError);
}

TEST(Blot, AgreesWithTheDirectFormula) {
  SimulatedStack s{5, 12, 31};
  const auto views = s.views();
  const auto median = outlier::median_image({views, {}, 1}, 0.5);
  const auto& e = s.exposures[2];
  const auto to_output = inverse(*e.to_frame);
  const outlier::BlotOptions options;
  Image<std::uint8_t> flags{frame_box};
  outlier::flag_blot(e.frame.view(), 0.7, 1.3, median, *to_output, options, flags);
  const auto blot = [&](int x, int y) {
    const double px[] = {static_cast<double>(x)}, py[] = {static_cast<double>(y)};
    double u[1], v[1];
    to_output->apply(px, py, u, v);
    double sum = 0;
    if (!(u[0] >= 0 && v[0] >= 0 && u[0] <= 63 && v[0] <= 63)) return static_cast<double>(NAN);
    for (int j = 0; j < 64; ++j)
      for (int i = 0; i < 64; ++i)
        if (const double w = std::max(0.0, 1 - std::abs(u[0] - i)) * std::max(0.0, 1 - std::abs(v[0] - j)); w > 0) sum += w * static_cast<double>(median(i, j));
    return sum;
  };
  const auto exceeds = [&](int x, int y, double scale, double threshold) {
    if (!frame_box.contains(x, y)) return 0;
    const double middle = blot(x, y);
    if (!std::isfinite(middle)) return 0;
    double step = 0;
    for (const auto& [i, j] : {std::pair{x - 1, y}, {x + 1, y}, {x, y - 1}, {x, y + 1}})
      if (const double next = blot(i, j); std::isfinite(next)) step = std::max(step, std::abs(next - middle));
    const double margin = std::abs(static_cast<double>(e.frame.value(x, y)) - 0.7 - middle) - (scale * step + threshold * 1.3 * std::sqrt(static_cast<double>(e.frame.variance(x, y))));
    return std::abs(margin) < 1e-3 ? -1 : margin > 0 ? 1 : 0;  // too close to call in single precision
  };
  long set = 0;
  for (int y = 0; y < frame_box.y1; ++y)
    for (int x = 0; x < frame_box.x1; ++x) {
      bool near = false, unsure = false;
      for (int j = y - 1; j <= y + 1; ++j)
        for (int i = x - 1; i <= x + 1; ++i) {
          const int high = exceeds(i, j, options.scale_high, options.threshold_high);
          near = near || high == 1;
          unsure = unsure || high < 0;
        }
      const int low = exceeds(x, y, options.scale_low, options.threshold_low);
      if (unsure || low < 0) continue;
      ASSERT_EQ(flags(x, y) != 0, near && low == 1) << x << " " << y;
      set += flags(x, y);
    }
  EXPECT_GT(set, 10);
}

TEST(FixCoverage, DropsWhatIsBelowEitherLimit) {
  Resampled r{Box{0, 0, 9, 7}};
  r.value.reset(r.box(), 5.0f);
  r.variance.reset(r.box(), 1.0f);
  r.coverage.reset(r.box(), 1.0f);
  r.coverage(2, 3) = 0.9f;   // below the single limit
  r.coverage(6, 3) = 0.96f;  // above it
  for (const int x : {5, 6}) r.coverage(x, 2) = 0.1f;
  outlier::fix_coverage(r.view(), {1, 1, 8, 6}, {0.95, 0.83});
  EXPECT_EQ(r.coverage(2, 3), 0);
  EXPECT_EQ(r.value(2, 3), 0);
  EXPECT_EQ(r.coverage(3, 3), 1) << "(8 + 0.9)/9 is enough";
  EXPECT_EQ(r.coverage(6, 3), 0) << "(7 + 0.2 − 0.04)/9 is below 0.83";
  EXPECT_EQ(r.coverage(4, 3), 1) << "(8 + 0.1)/9 is enough";
  EXPECT_EQ(r.coverage(5, 2), 0);
  EXPECT_EQ(r.coverage(0, 0), 1) << "outside the part";
}

}  // namespace
