// What temporal rejection does to simulated stars and cosmic rays, and why the defaults are what they are. In frame pixels,
// with 0.4 % of them hit; "hits" are pixels of 20 sigma of the sky and more, away from stars; a 10 sigma hit has only 5.3
// of its own sigmas, photon noise included, before it is spread over up to nine output pixels:
//
//   depth   star cores lost   sky lost   10 sigma hits found   hits found   flux of hits left
//       2            0.00 %    0.000 %                  44 %        100 %              0.40 %
//       3            0.00 %    0.007 %                  52 %        100 %              0.31 %
//       4            0.00 %    0.000 %                  58 %       99.5 %              0.26 %
//       5            0.00 %    0.000 %                  60 %        100 %              0.36 %
//      10            0.00 %    0.000 %                  64 %        100 %              0.32 %
//      30            0.00 %    0.000 %                  67 %        100 %              0.29 %
//
// gradient 0.5 costs 0.03–0.05 % of the cores at depths 2 and 3, 0.3 costs 0.6–0.3 % at depths 2 to 4; 0.8 leaves room for
// pointing errors, 1 hides more hits. threshold_high 4 finds 67–87 % of the 10 sigma hits for 0.04 % of the sky at depth 3.
// min_images 4 loses a percent of the hits at depth 4 to a scatter that they inflate themselves.
#include <gtest/gtest.h>

#include <cstdio>

#include "outlier/simulated_stack.h"
#include "tessera/outlier/temporal.h"

namespace {

using namespace tessera;
using tessera::testing::SimulatedStack;

struct Tally {
  double all = 0, rejected = 0;
  void add(bool r) {
    ++all;
    rejected += r;
  }
  double percent() const { return 100 * rejected / std::max(1.0, all); }
};
struct Outcome {
  Tally cores, sky, faint_hits, hits;
  double flux = 0, flux_left = 0;
};

std::vector<Image<std::uint8_t>> reject(SimulatedStack& s, const outlier::TemporalOptions& options) {
  std::vector<Image<std::uint8_t>> flags, rejected;
  std::vector<View<std::uint8_t>> views;
  for (std::size_t k = 0; k < s.exposures.size(); ++k) flags.emplace_back(SimulatedStack::grid);
  for (auto& f : flags) views.push_back(f.view());
  outlier::flag_temporal(s.views(), options, views);
  for (std::size_t k = 0; k < s.exposures.size(); ++k) {
    rejected.emplace_back(SimulatedStack::frame_box);
    outlier::project_to_frame(flags[k], *s.exposures[k].to_frame, options, rejected.back());
  }
  return rejected;
}

// Away from the borders of the grid, so that every frame pixel looked at lies on it.
constexpr Box inner{20, 20, 68, 68};

Outcome measure(int depth, const outlier::TemporalOptions& options = {}) {
  Outcome o;
  for (unsigned repeat = 0; repeat < static_cast<unsigned>(std::max(2, 24 / depth)); ++repeat) {
    SimulatedStack clean{depth, 0, 1000 + repeat}, hit{depth, 12, 2000 + repeat};
    const auto lost = reject(clean, options), found = reject(hit, options);
    for (std::size_t k = 0; k < lost.size(); ++k)
      for (int y = inner.y0; y < inner.y1; ++y)
        for (int x = inner.x0; x < inner.x1; ++x) {
          const double distance = clean.distance_to_star(clean.exposures[k], x, y);
          if (distance < 1.5) o.cores.add(lost[k](x, y));
          if (distance > 4) o.sky.add(lost[k](x, y));
          const double energy = static_cast<double>(hit.exposures[k].hit(x, y));
          if (energy <= 0 || hit.distance_to_star(hit.exposures[k], x, y) < 4) continue;
          if (energy < 10.5) o.faint_hits.add(found[k](x, y));
          if (energy >= 20) o.hits.add(found[k](x, y));
          o.flux += energy;
          if (!found[k](x, y)) o.flux_left += energy;
        }
  }
  return o;
}

TEST(Rejection, FindsCosmicRaysAndKeepsStarsWhole) {
  for (const int depth : {2, 3, 4, 5, 10, 30}) {
    const Outcome o = measure(depth);
    std::printf("depth %2d: star cores lost %.3f %% of %.0f, sky lost %.4f %%, 10 sigma hits found %.0f %% of %.0f, hits found %.1f %% of %.0f, flux left %.2f %%\n",
                depth, o.cores.percent(), o.cores.all, o.sky.percent(), o.faint_hits.percent(), o.faint_hits.all, o.hits.percent(), o.hits.all,
                100 * o.flux_left / o.flux);
    EXPECT_LT(o.cores.percent(), 0.1);
    EXPECT_LT(o.sky.percent(), 0.02);
    EXPECT_GT(o.hits.percent(), depth >= 4 ? 99.0 : 97.0);
    EXPECT_GT(o.faint_hits.percent(), 30.0);
    EXPECT_LT(o.flux_left / o.flux, depth >= 4 ? 0.02 : 0.04);
  }
}

TEST(Rejection, GrowingLeavesLessOfTheHits) {
  outlier::TemporalOptions without;
  without.grow = 0;
  const Outcome grown = measure(5), plain = measure(5, without);
  EXPECT_LT(grown.flux_left, plain.flux_left);
}

TEST(Rejection, KeepsStarsWholeWhereExposuresDifferInNoise) {
  for (const int depth : {3, 6}) {
    SimulatedStack s{depth, 0, 77, 6.0};
    const auto lost = reject(s, {});
    Tally all;
    for (const auto& r : lost)
      for (int y = inner.y0; y < inner.y1; ++y)
        for (int x = inner.x0; x < inner.x1; ++x) all.add(r(x, y));
    EXPECT_LT(all.percent(), 0.1) << depth;  // of three values two may be quiet ones, 4.5 sigma of one apart
  }
}

}  // namespace
