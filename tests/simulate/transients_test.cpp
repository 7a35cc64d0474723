#include "tessera/simulate/transients.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tessera/simulate/exposure.h"
#include "tessera/wcs/separation.h"

namespace {

using namespace tessera;
using namespace tessera::simulate;

TEST(Transients, ATrailHasTheElectronsAskedForPerPixelOfLength) {
  Image<double> electrons{Box{0, 0, 100, 80}};
  add_trail(electrons, {50, 40, 0.3}, 500, 1.5);
  double sum = 0;
  for (const double e : electrons.pixels()) sum += e;
  EXPECT_NEAR(sum, 500 * 100 / std::cos(0.3), 0.001 * sum);  // it leaves through the left and right sides
}

TEST(Transients, AddedLightIsTheDifferenceToTheSameFrameWithout) {
  SceneOptions o;
  o.camera.width = o.camera.height = 64;
  o.stack.frames = 3;
  o.noise.photon = o.noise.read = false;
  o.defects.cosmic_fraction = 0.01;
  o.defects.dead_fraction = o.defects.hot_fraction = 0;
  const Scene without = make_scene(o);
  o.transients = {.trail_fraction = 1, .trail_e = 2000, .mover_flux_ujy = 500};
  const Scene with = make_scene(o);
  for (std::size_t k = 0; k < 3; ++k) {
    const Exposure a = expose(without, k), b = expose(with, k, false, true);
    EXPECT_EQ(b.trails, 1);
    int marked = 0;
    for (std::size_t i = 0; i < a.value.pixels().size(); ++i) {
      const bool hit = (b.flags.pixels()[i] & Flag::cosmic) != 0;
      marked += (b.flags.pixels()[i] & Flag::passing) != 0;
      const float allowed = hit ? INFINITY : 1e-4f * std::abs(b.value.pixels()[i]) + 1e-5f;
      EXPECT_NEAR(b.value.pixels()[i] - a.value.pixels()[i], b.added.pixels()[i], allowed);
      EXPECT_TRUE(!hit || b.added.pixels()[i] > 0);
    }
    EXPECT_GT(marked, 64);
  }
}

TEST(Transients, TheObjectMovesAtItsRate) {
  const StackOptions stack;
  const TransientOptions o{.mover_flux_ujy = 1, .mover_rate_arcsec_h = 360};
  const auto before = mover_position(o, stack, -1.0 / 24), after = mover_position(o, stack, 1.0 / 24);
  EXPECT_NEAR(separation_deg(before, after), 0.2, 1e-9);
}

}  // namespace
