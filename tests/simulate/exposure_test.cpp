#include "tessera/simulate/exposure.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

#include "scenes.h"
#include "tessera/core/statistics.h"
#include "tessera/simulate/cosmic.h"
#include "tessera/simulate/random.h"
#include "tessera/wcs/separation.h"

using namespace tessera;
using namespace tessera::simulate;

TEST(Expose, SumOfValueTimesSolidAngleIsTheFlux) {
  SceneOptions o = quiet_options();
  o.stack.dither = Dither::none;
  const Scene empty = make_scene(o);
  // Stars where the solid angle differs most: near two corners and in the middle.
  std::vector<Source> stars;
  for (const wcs::PixelPoint p : {wcs::PixelPoint{20.3, 21.8}, {128, 127.5}, {231.2, 226.7}})
    stars.push_back({static_cast<std::int64_t>(stars.size()) + 1, empty.actual_wcs[0].pixel_to_sky(p), 1000, 0});
  for (const Source& star : stars) {
    const std::vector<Source> one{star};
    const Scene scene = make_scene(o, &one);
    EXPECT_NEAR(total_flux_ujy(scene, expose(scene, 0)) / 1000, 1, 1e-6) << star.id;
  }
  const Scene all = make_scene(o, &stars);
  EXPECT_NEAR(total_flux_ujy(all, expose(all, 0)) / 3000, 1, 1e-6);
}

TEST(Expose, AStarStandsWhereTheWcsPutsIt) {
  SceneOptions o = quiet_options();
  o.stack.roll_step_deg = 40;
  o.psf.fwhm_pix = 2;
  const wcs::SkyPoint place{o.stack.ra_deg + 0.002, o.stack.dec_deg - 0.003};
  const std::vector<Source> star{{1, place, 500, 0}};
  const Scene scene = make_scene(o, &star);
  for (std::size_t i = 0; i < 3; ++i) {
    const Exposure e = expose(scene, i);
    double sum = 0, sx = 0, sy = 0;
    for (int y = 0; y < 256; ++y)
      for (int x = 0; x < 256; ++x) {
        const double f = e.value(x, y) * scene.solid_angle(x, y);
        sum += f, sx += f * x, sy += f * y;
      }
    const wcs::PixelPoint at = scene.header_wcs[i].sky_to_pixel(place);
    EXPECT_NEAR(sx / sum, at.x, 1e-5);
    EXPECT_NEAR(sy / sum, at.y, 1e-5);
  }
}

TEST(Expose, PointingErrorsMoveTheStarsAndNotTheHeader) {
  SceneOptions o = quiet_options();
  o.stack.pointing_error_arcsec = 0.5;
  o.stack.frames = 40;
  const Scene scene = make_scene(o);
  o.stack.pointing_error_arcsec = 0;
  const Scene exact = make_scene(o);
  double sum = 0;
  for (std::size_t i = 0; i < 40; ++i) {
    EXPECT_EQ(scene.pointings[i].header.ra_deg, exact.pointings[i].header.ra_deg);
    sum += std::pow(separation_deg(scene.pointings[i].header, scene.pointings[i].actual) * 3600, 2);
  }
  EXPECT_NEAR(std::sqrt(sum / 80), 0.5, 5 * 0.5 / std::sqrt(160));  // rms per axis
}

TEST(Expose, AQuietSkyIsTheSkyPlusTheOffset) {
  SceneOptions o = quiet_options();
  o.sky.level = 0.25;
  o.stack.offset_rms = 0.05;
  const Scene scene = make_scene(o);
  std::set<double> offsets;
  for (std::size_t i = 0; i < 3; ++i) {
    const Exposure e = expose(scene, i);
    for (const float v : e.value.pixels()) ASSERT_NEAR(v, 0.25 + scene.pointings[i].offset, 1e-6);
    offsets.insert(scene.pointings[i].offset);
  }
  EXPECT_EQ(offsets.size(), 3u);
}

TEST(Expose, GradientAndNebulaAreTheSkyFunctionAtEveryPixel) {
  SceneOptions o = quiet_options();
  o.sky = {.level = 0.1, .gradient = 0.7, .gradient_pa_deg = 20, .nebula_peak = 2, .nebula_fwhm_arcsec = 90, .nebula_east_arcsec = 30, .nebula_north_arcsec = -25};
  o.stack.roll_step_deg = 33;
  const Scene scene = make_scene(o);
  for (std::size_t i = 0; i < 3; ++i) {
    const Exposure e = expose(scene, i);
    for (int y = 0; y < 256; y += 15)
      for (int x = 0; x < 256; x += 15) {
        const wcs::PixelPoint q = scene.field.plane.sky_to_pixel(scene.actual_wcs[i].pixel_to_sky(wcs::PixelPoint{double(x), double(y)}));
        // The map is good to 10⁻³ field pixels of 1″ and the nebula rises by at most 0.04 MJy/sr per arcsec.
        ASSERT_NEAR(e.value(x, y), sky_brightness(o.sky, q.x, q.y), 5e-5);
      }
  }
  EXPECT_NEAR(sky_brightness(o.sky, -30, -25) - sky_brightness({.level = 0.1, .gradient = 0.7, .gradient_pa_deg = 20}, -30, -25), 2, 1e-12);
  EXPECT_NEAR(sky_brightness({.level = 0, .gradient = 3.6, .gradient_pa_deg = 90}, -100, 7), 0.1, 1e-12);  // x runs west
}

TEST(Noise, HasTheVarianceThatTheUncertaintyPlaneStates) {
  SceneOptions o = quiet_options();
  o.noise.photon = o.noise.read = true;
  o.sky.level = 0.09;
  o.noise.subtracted_sky = 0.3;
  for (const double scale : {1.0, 1.35}) {
    o.noise.uncertainty_scale = scale;
    const Scene scene = make_scene(o);
    const Exposure e = expose(scene, 1);
    const double g = 93.6 * 3.7 / 0.1257, sigma = std::sqrt(g * (0.09 + 0.3) + 21.0 * 21.0) / g;
    double sum = 0, sum2 = 0;
    for (const float v : e.value.pixels()) sum += v - 0.09, sum2 += (v - 0.09) * (v - 0.09);
    EXPECT_NEAR(sum / 65536, 0, 5 * sigma / 256);
    EXPECT_NEAR(std::sqrt(sum2 / 65536) / sigma, 1, 5 / std::sqrt(2 * 65536.0));
    for (const float s : e.sigma.pixels()) ASSERT_NEAR(s, scale * sigma, 1e-6 * sigma);
  }
}

TEST(Noise, PhotonAndReadNoiseCanBeHadApart) {
  SceneOptions o = quiet_options();
  o.sky.level = 0.5;
  const double g = 93.6 * 3.7 / 0.1257;
  const auto width = [&](bool photon, bool read) {
    o.noise.photon = photon;
    o.noise.read = read;
    const Scene scene = make_scene(o);
    const Exposure e = expose(scene, 0);
    double sum2 = 0;
    for (const float v : e.value.pixels()) sum2 += (v - 0.5) * (v - 0.5);
    return std::sqrt(sum2 / 65536) * g;
  };
  EXPECT_NEAR(width(true, false) / std::sqrt(g * 0.5), 1, 0.014);
  EXPECT_NEAR(width(false, true) / 21, 1, 0.014);
  EXPECT_LT(width(false, false), 1e-3);
}

TEST(Noise, UncertaintyFromObservedCountsFollowsTheNoise) {
  SceneOptions o = quiet_options();
  o.noise.photon = o.noise.read = true;
  o.sky.level = 0.09;
  o.noise.uncertainty_from = UncertaintyFrom::observed;
  const Scene scene = make_scene(o);
  const Exposure e = expose(scene, 0);
  const double g = 93.6 * 3.7 / 0.1257;
  for (std::size_t i = 0; i < 65536; i += 101) {
    const double electrons = std::max(0.0, static_cast<double>(e.value.pixels()[i]) * g);
    ASSERT_NEAR(e.sigma.pixels()[i], std::sqrt(electrons + 441) / g, 1e-7);
  }
}

TEST(CosmicRays, HitExactlyTheFractionAskedFor) {
  const Box frame{0, 0, 300, 200};
  for (const double fraction : {0.0, 0.0001, 0.003, 0.2}) {
    DefectOptions d;
    d.cosmic_fraction = fraction;
    const CosmicRays rays = cosmic_rays(d, frame, Random{9, Purpose::cosmic_ray, 4});
    EXPECT_EQ(rays.hits.size(), static_cast<std::size_t>(std::llround(fraction * 60000)));
    std::set<std::int64_t> places;
    for (const auto& [index, charge] : rays.hits) {
      EXPECT_TRUE(index >= 0 && index < 60000);
      EXPECT_GE(charge, 0.05 * d.cosmic_min_e);
      places.insert(index);
    }
    EXPECT_EQ(places.size(), rays.hits.size());
  }
}

TEST(CosmicRays, TracksHaveLengthsBetweenOnePixelAndTheLongest) {
  DefectOptions d;
  d.cosmic_fraction = 0.01;
  const CosmicRays rays = cosmic_rays(d, Box{0, 0, 1024, 1024}, Random{9, Purpose::cosmic_ray, 0});
  // Density 1/length on [1, 20]: mean 19/ln 20 = 6.34 of path; a path of length L touches about 1 + 4L/π pixels, less
  // the touched corners that are left out.
  const double pixels_per_track = static_cast<double>(rays.hits.size()) / rays.tracks;
  EXPECT_GT(pixels_per_track, 6.3);
  EXPECT_LT(pixels_per_track, 9.1);
}

TEST(CosmicRays, AreFlaggedWhereTheyAddedCharge) {
  SceneOptions o = quiet_options();
  o.defects.cosmic_fraction = 0.003;
  const Scene scene = make_scene(o);
  const Exposure e = expose(scene, 2);
  std::int64_t flagged = 0;
  for (std::size_t i = 0; i < 65536; ++i) {
    ASSERT_EQ(e.value.pixels()[i] > 0, (e.flags.pixels()[i] & Flag::cosmic) != 0);
    flagged += (e.flags.pixels()[i] & Flag::cosmic) != 0;
  }
  EXPECT_EQ(flagged, 197);  // 0.003 · 65536
  EXPECT_EQ(e.cosmic_pixels, flagged);
  EXPECT_GT(e.cosmic_rays, 10);
}

TEST(Detector, BadPixelsAreTheSameInAllFrames) {
  SceneOptions o = quiet_options();
  o.defects.dead_fraction = 0.001;
  o.defects.hot_fraction = 0.002;
  o.defects.unmasked_fraction = 0.25;
  const Scene scene = make_scene(o);
  const Exposure a = expose(scene, 0), b = expose(scene, 2);
  int n_dead = 0, n_hot = 0, n_hidden = 0;
  const double hot_value = o.defects.hot_e / scene.camera.electrons_per_mjysr();
  for (std::size_t i = 0; i < 65536; ++i) {
    const auto f = a.flags.pixels()[i];
    ASSERT_EQ(f, b.flags.pixels()[i]);
    ASSERT_EQ((f & Flag::dead) != 0, std::isnan(a.value.pixels()[i]));
    if (f & Flag::hot) {
      ASSERT_NEAR(a.value.pixels()[i], hot_value, 1e-5);
    }
    n_dead += (f & Flag::dead) != 0;
    n_hot += (f & Flag::hot) != 0;
    n_hidden += (f & Flag::hidden) != 0;
  }
  EXPECT_EQ(n_dead, 66);
  EXPECT_EQ(n_hot, 131);
  EXPECT_EQ(n_hidden, 33);
}

TEST(Detector, SaturatedPixelsStopAtTheFullWell) {
  SceneOptions o = quiet_options();
  o.stack.dither = Dither::none;
  o.defects.full_well_e = 50000;
  const std::vector<Source> star{{1, {o.stack.ra_deg, o.stack.dec_deg}, 30000, 0}};
  const Scene scene = make_scene(o, &star);
  const Exposure e = expose(scene, 0);
  const float ceiling = static_cast<float>(50000 / scene.camera.electrons_per_mjysr());
  int n_saturated = 0;
  for (std::size_t i = 0; i < 65536; ++i) {
    ASSERT_LE(e.value.pixels()[i], ceiling);
    ASSERT_EQ(e.value.pixels()[i] == ceiling, (e.flags.pixels()[i] & Flag::saturated) != 0);
    n_saturated += (e.flags.pixels()[i] & Flag::saturated) != 0;
  }
  EXPECT_GT(n_saturated, 3);
}

TEST(Expose, AFrameIsTheSameWhateverElseIsMade) {
  SceneOptions o;
  o.stack.frames = 6;
  o.defects.full_well_e = 100000;
  const Scene scene = make_scene(o), again = make_scene(o);
  const Exposure first = expose(scene, 4);
  for (const std::size_t i : {5u, 0u}) expose(again, i);
  const Exposure later = expose(again, 4);
  // Compared as bytes: NaN pixels are part of it.
  EXPECT_EQ(std::memcmp(first.value.pixels().data(), later.value.pixels().data(), 65536 * sizeof(float)), 0);
  EXPECT_EQ(std::memcmp(first.flags.pixels().data(), later.flags.pixels().data(), 65536), 0);
  o.stack.seed = 2;
  const Exposure other = expose(make_scene(o), 4);
  EXPECT_NE(std::memcmp(first.value.pixels().data(), other.value.pixels().data(), 65536 * sizeof(float)), 0);
}

TEST(Expose, TheModelIsTheFrameWithoutNoise) {
  SceneOptions o;
  o.stack.frames = 1;
  o.stack.offset_rms = 0;
  o.sources.count = 50;
  const Exposure noisy = expose(make_scene(o), 0, true);
  o.noise.photon = o.noise.read = false;
  o.defects.cosmic_fraction = o.defects.hot_fraction = o.defects.dead_fraction = 0;
  const Exposure quiet = expose(make_scene(o), 0);
  for (std::size_t i = 0; i < 65536; ++i) ASSERT_NEAR(noisy.model.pixels()[i], quiet.value.pixels()[i], 1e-6f * (1 + quiet.value.pixels()[i]));
}

TEST(MakeScene, RefusesOptionsThatContradictEachOther) {
  SceneOptions o = quiet_options();
  o.defects.cosmic_min_e = 2;
  o.defects.cosmic_max_e = 1;
  EXPECT_THROW(make_scene(o), UsageError);
  o = quiet_options();
  o.sources.flux_min_ujy = 2;
  o.sources.flux_max_ujy = 1;
  EXPECT_THROW(make_scene(o), UsageError);
}
