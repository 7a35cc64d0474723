// Ghosts, satellites, snowballs, blooms, crosstalk and cold pixels: each at its amplitude in frames without noise, and flagged.
#include <cmath>

#include "simulate_spherex/simulated_frame.h"
#include "tessera/simulate_spherex/artefacts.h"
#include "tessera/spherex/calibration.h"
#include "tessera/spherex/flags.h"

namespace tessera::simulate_spherex {
namespace {

std::int32_t bit(const char* name) { return static_cast<std::int32_t>(spherex::flag_mask(name)); }

struct Exposed {
  Scene scene;
  Planes planes;
  Exposed(const SceneOptions& o, const std::vector<Source>& sources) : scene{make_scene(o, &sources)}, planes{expose(scene, frames_of(scene).front(), true)} {}
  const DetectorState& state() const { return *scene.detectors.front(); }
  double added_e_s(int x, int y) const { return (planes.image(x, y) - planes.model(x, y)) / state().gain(x, y); }
};

SceneOptions dark_sky() {
  auto o = small(2);
  o.sky.zodi = false;
  return o;
}

TEST(SimulatedArtefacts, AGhostHoldsItsShareOfTheLightOppositeOfTheMiddle) {
  auto o = dark_sky();
  o.defects.ghost_share = .05;
  const auto plain = Exposed{dark_sky(), {}};
  const auto sky = plain.state().detector.sky(plain.scene.exposures.front().attitude);
  const Exposed e{o, {star(sky.pixel_to_sky(wcs::PixelPoint{30, 25}), 2e5)}};
  ASSERT_EQ(e.planes.truth.size(), 1U);
  double sum = 0, east = 0, north = 0;
  for (int y = 0; y < 96; ++y)
    for (int x = 0; x < 96; ++x) {
      const double flux = (e.planes.image(x, y) - e.planes.model(x, y)) * e.state().detector.solid_angle()(x, y) * spherex::ujy_per_arcsec2;
      sum += flux, east += flux * x, north += flux * y;
      const bool disc = std::hypot(x - 65, y - 70) <= ghost_radius;
      ASSERT_EQ((e.planes.flags(x, y) & bit("GHOST")) != 0, disc) << x << " " << y;
      ASSERT_EQ((e.planes.defects(x, y) & Defect::ghost) != 0, disc);
    }
  EXPECT_NEAR(sum / (.05 * e.planes.truth.front().flux_ujy), 1, 2e-3);  // float pixels beside a bright star
  EXPECT_NEAR(east / sum, 65, .05);
  EXPECT_NEAR(north / sum, 70, .05);
  const Exposed faint{o, {star(sky.pixel_to_sky(wcs::PixelPoint{30, 25}), 500)}};
  EXPECT_EQ(faint.planes.image(65, 70), faint.planes.model(65, 70)) << "below the limit there is none";
}

TEST(SimulatedArtefacts, ChargeAboveTheWellGoesToTheFourNeighbours) {
  auto o = dark_sky();
  o.defects.bloom_share = .04, o.defects.full_well_e = 5e4;
  const Exposed e{o, {star(o.field, 2e6)}};
  const double full = o.defects.full_well_e / exposure_s;
  std::vector<double> expected(96 * 96);
  int donors = 0;
  for (int y = 1; y < 95; ++y)
    for (int x = 1; x < 95; ++x) {
      const double above = e.planes.model(x, y) / e.state().gain(x, y) + dark_e_s - full;
      if (above <= 0) continue;
      ++donors;
      for (const auto& [u, v] : {std::pair{1, 0}, {-1, 0}, {0, 1}, {0, -1}}) expected[static_cast<std::size_t>((y + v) * 96 + x + u)] += .01 * above;
    }
  ASSERT_GT(donors, 4);
  int flagged = 0;
  for (int y = 0; y < 96; ++y)
    for (int x = 0; x < 96; ++x) {
      const double want = expected[static_cast<std::size_t>(y * 96 + x)];
      const bool linear = (e.planes.flags(x, y) & bit("NONLINEAR")) == 0;
      if (linear) {
        EXPECT_NEAR(e.added_e_s(x, y), want, 1e-3 * (want + 1)) << x << " " << y;
      }
      if (want == 0) {
        EXPECT_EQ(e.planes.flags(x, y) & bit("BLOOM"), 0);
      }
      flagged += (e.planes.flags(x, y) & bit("BLOOM")) != 0;
    }
  EXPECT_GT(flagged, donors);
}

TEST(SimulatedArtefacts, CrosstalkStandsInTheSamePlaceOfTheOutputsBeside) {
  auto o = dark_sky();
  o.defects.crosstalk_share = .001;
  const Exposed e{o, {star(o.field, 1e6)}};
  constexpr int columns = 96 / outputs;
  const auto slope = [&](int x, int y) { return x < 0 || x >= 96 ? 0 : e.planes.model(x, y) / e.state().gain(x, y) + dark_e_s; };
  int flagged = 0;
  for (int y = 0; y < 96; ++y)
    for (int x = 0; x < 96; ++x) {
      const double want = .001 * (slope(x - columns, y) + slope(x + columns, y));
      EXPECT_NEAR(e.added_e_s(x, y), want, 2e-6 * slope(x, y) + 1e-5) << x << " " << y;  // pixels are floats
      const double noise = std::sqrt(slope_variance(slope(x, y)));
      if (want > 1.1 * noise) {
        EXPECT_TRUE(e.planes.flags(x, y) & bit("CROSSTALK"));  // one of the two is above half
      }
      if (want < .4 * noise) {
        EXPECT_FALSE(e.planes.flags(x, y) & bit("CROSSTALK"));
      }
      flagged += (e.planes.flags(x, y) & bit("CROSSTALK")) != 0;
    }
  EXPECT_GT(flagged, 4);
}

TEST(SimulatedArtefacts, ASatelliteLeavesATrailAndAHalo) {
  auto o = dark_sky();
  o.defects.satellite_rate = 1, o.defects.satellite_peak = 40;
  const Exposed e{o, {}};
  double brightest = 0;
  int streak = 0, halo = 0;
  for (int y = 0; y < 96; ++y)
    for (int x = 0; x < 96; ++x) {
      const double light = e.planes.image(x, y) - e.planes.model(x, y);
      const auto flags = e.planes.flags(x, y);
      brightest = std::max(brightest, light);
      streak += (flags & bit("STREAK")) != 0, halo += (flags & bit("SATELLITE_HALO")) != 0;
      const double noise = std::sqrt(slope_variance(dark_e_s)) * e.state().gain(x, y);
      ASSERT_EQ((flags & (bit("STREAK") | bit("SATELLITE_HALO"))) != 0, light > .5 * noise) << x << " " << y;
      ASSERT_EQ((e.planes.defects(x, y) & Defect::satellite) != 0, light > .1 * noise);
      if (light > .035 * 40) {
        ASSERT_TRUE(flags & bit("STREAK"));
      }
      if (flags & bit("SATELLITE_HALO")) {
        ASSERT_LT(light, .02 * 40 + 40 * std::exp(-4.5) + .01);
      }
    }
  EXPECT_NEAR(brightest, 40 * 1.02, .04 * 40);
  EXPECT_GT(streak, 60);
  EXPECT_GT(halo, streak);
}

TEST(SimulatedArtefacts, ASnowballIsADiscOfOneChargeAtOnce) {
  auto o = dark_sky();
  o.defects.snowball_rate = 1;
  const Exposed e{o, {}};
  double lowest = 1e300, highest = 0;
  int disc = 0, halo = 0;
  for (int y = 0; y < 96; ++y)
    for (int x = 0; x < 96; ++x) {
      const auto flags = e.planes.flags(x, y);
      if (flags & bit("SNOWBALL")) ++disc, lowest = std::min(lowest, e.added_e_s(x, y)), highest = std::max(highest, e.added_e_s(x, y));
      halo += (flags & bit("HALO")) != 0;
      if (flags & (bit("SNOWBALL") | bit("HALO"))) {
        ASSERT_TRUE(e.planes.defects(x, y) & Defect::snowball);
      }
    }
  ASSERT_GT(disc, 10);
  EXPECT_GT(halo, 10);
  EXPECT_NEAR(lowest / highest, 1, 1e-4);
  bool a_read = false;  // the slope that such a jump gives after one of the reads
  for (int after = 1; after < reads; ++after) a_read |= std::abs(jump_slope(snowball_e, after) / highest - 1) < 1e-4;
  EXPECT_TRUE(a_read);
}

TEST(SimulatedArtefacts, ColdPixelsAnswerToPartOfTheLight) {
  auto o = small(2);
  o.sky.zodi = false, o.sky.level = 5;
  o.defects.cold_fraction = .02;
  const Exposed e{o, {}};
  int cold = 0;
  for (std::size_t i = 0; i < e.planes.image.pixels().size(); ++i) {
    const double share = e.planes.image.pixels()[i] / 5;
    const bool marked = (e.planes.flags.pixels()[i] & bit("COLD")) != 0;
    ASSERT_EQ(marked, (e.planes.defects.pixels()[i] & Defect::cold) != 0);
    if (marked) {
      ++cold;
      ASSERT_GT(share, .099);
      ASSERT_LT(share, .501);
    } else {
      ASSERT_NEAR(share, 1, 1e-5);
    }
  }
  EXPECT_NEAR(cold, .02 * 96 * 96, 4 * std::sqrt(.02 * 96 * 96));
}

TEST(SimulatedArtefacts, OfWhatIsNotAskedForThereIsNone) {
  auto o = small(1, true);
  o.sources.count = 10;
  const Exposed e{o, {star(o.field, 1e6)}};
  for (const char* name : {"GHOST", "BLOOM", "CROSSTALK", "STREAK", "SATELLITE_HALO", "SNOWBALL", "HALO", "COLD"})
    EXPECT_TRUE(std::ranges::none_of(e.planes.flags.pixels(), [&](std::int32_t v) { return v & bit(name); })) << name;
}

}  // namespace
}  // namespace tessera::simulate_spherex
