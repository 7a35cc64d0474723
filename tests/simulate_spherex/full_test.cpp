// Galaxies, defects, ramps and what passes through a field, against algebra and against their truth.
#include <cmath>
#include <numbers>

#include "simulate_spherex/simulated_frame.h"
#include "tessera/base/error.h"
#include "tessera/simulate/stack.h"
#include "tessera/simulate_spherex/galaxy.h"
#include "tessera/spherex/calibration.h"
#include "tessera/spherex/flags.h"
#include "tessera/wcs/separation.h"

namespace tessera::simulate_spherex {
namespace {

TEST(SersicProfiles, TheGammaFunctionHasItsKnownValues) {
  for (const double x : {.01, .5, 1.9, 2.1, 7.0, 30.0}) {
    EXPECT_NEAR(gamma_p(1, x), 1 - std::exp(-x), 1e-14);
    EXPECT_NEAR(gamma_p(.5, x), std::erf(std::sqrt(x)), 1e-14);
    EXPECT_NEAR(gamma_p(3, x), 1 - std::exp(-x) * (1 + x + x * x / 2), 1e-14);
  }
}

TEST(SersicProfiles, HalfTheLightLiesInsideTheHalfLightRadius) {
  for (const double n : {.5, 1.0, 2.5, 4.0, 6.0}) EXPECT_NEAR(sersic_growth(n, 1), .5, 1e-12) << n;
  EXPECT_NEAR(sersic_growth(.5, 1.7), 1 - std::exp2(-1.7 * 1.7), 1e-12);  // a Gaussian
  EXPECT_NEAR(sersic_b(4), 7.669249, 1e-6);
}

/// Points of light of a galaxy on a lattice of a twentieth of a pixel, each with the brightness there: the slow way.
Image<double> direct_galaxy(const SersicShape& s, wcs::PixelPoint at, const ZonePsf& psf, Box box) {
  constexpr double step = .05;
  const double re = s.effective_radius_arcsec / pixel_scale_arcsec, b = sersic_b(s.n), reach = 12 * re, pa = s.position_angle_deg * std::numbers::pi / 180;
  Image<double> image{box};
  double sum = 0;
  for (double v = -reach; v <= reach; v += step)
    for (double u = -reach; u <= reach; u += step) {
      // x to the west, y to the north.
      const double along = -u * std::sin(pa) + v * std::cos(pa), across = (u * std::cos(pa) + v * std::sin(pa)) / s.axis_ratio, r = std::hypot(along, across);
      if (r > reach) continue;
      const double light = std::exp(-b * std::pow(r / re, 1 / s.n));
      sum += light;
      psf.add_to(image, at.x + u, at.y + v, [&](int, int) { return light; });
    }
  const double inside = sersic_growth(s.n, 12);
  for (double& v : image.pixels()) v *= inside / sum;
  return image;
}

TEST(SersicProfiles, RingsOfPointsGiveTheGalaxyThatALatticeGives) {
  const Detector detector{1, 64, 0};
  const ZonePsf psf{.75, .05, .3};
  const double degrees = pixel_scale_arcsec / 3600;
  for (const SersicShape& s : {SersicShape{.5, 8, .4, 30}, SersicShape{1, 5, .7, 110}, SersicShape{1.5, 3, 1, 0}}) {
    const wcs::PixelPoint at{20.3, 19.8};
    const auto expected = direct_galaxy(s, at, psf, {0, 0, 40, 40});
    Image<double> image{40, 40};
    for (const auto& p : light_points(s, {-degrees, 0, 0, degrees})) psf.add_to(image, at.x + p.x, at.y + p.y, [&](int, int) { return p.share; });
    const double peak = *std::ranges::max_element(expected.pixels());
    // The lattice itself errs in the cusp by about the brightness within one of its cells.
    for (std::size_t i = 0; i < image.pixels().size(); ++i) ASSERT_NEAR(image.pixels()[i], expected.pixels()[i], 2e-3 * peak) << "n " << s.n << ", pixel " << i;
  }
}

TEST(SersicProfiles, PointsHoldTheLightAndItsMoment) {
  const double degrees = pixel_scale_arcsec / 3600;
  for (const double n : {.5, 1.0, 4.0}) {
    double sum = 0, east = 0, north = 0;
    for (const auto& p : light_points({n, 6, .5, 90}, {-degrees, 0, 0, degrees})) sum += p.share, east += p.share * p.x * p.x, north += p.share * p.y * p.y;
    EXPECT_NEAR(sum, sersic_growth(n, 25 * pixel_scale_arcsec / 6), 2e-5) << n;  // 25 pixels are more than 12 R_e
    EXPECT_NEAR(north / east, .25, 1e-3) << n;  // major axis to the east, half as wide to the north
  }
}

TEST(Ramps, ALineThroughASteadyRampIsItsRateAndAJumpAddsWhatTheFormulaSays) {
  simulate::Random random{1, simulate::Purpose::spherex_noise, 1};
  for (const int used : {75, 20, 5})
    for (const int after : {0, 1, 3}) {
      const Ramp ramp{2.5, used, after == 0 ? 0.0 : 400.0, after, false, false};
      EXPECT_NEAR(ramp_slope(ramp, {}, random), 2.5 + jump_slope(ramp.jump_e, after, used), 1e-9);
    }
}

TEST(Ramps, ScatterAsTheFormulaForLinesSays) {
  simulate::Random random{7, simulate::Purpose::spherex_noise, 2};
  const std::vector<double> no_error(reads, 0.0);
  for (const double rate : {0.0, .5, 20.0}) {
    double sum = 0, squares = 0;
    constexpr int n = 4000;
    for (int i = 0; i < n; ++i) {
      const double slope = ramp_slope({rate}, no_error, random);
      sum += slope, squares += slope * slope;
    }
    const double variance = squares / n - sum / n * (sum / n), expected = slope_variance(rate);
    EXPECT_NEAR(sum / n, rate, 4 * std::sqrt(expected / n)) << rate;
    EXPECT_NEAR(variance / expected, 1, 4 * std::sqrt(2.0 / n)) << rate;
  }
}

TEST(EpsfTables, ASampleTimesTwentyFiveIsThePixelsShare) {
  auto o = small(2);
  o.survey.layout = FileLayout::epsf;
  const Written w{o, {}};
  const auto frame = spherex::SpectralFrame::open(w.path);
  const io::FitsFile file{w.path};
  const auto& psfs = w.scene.detectors.front()->psfs;
  const auto zone = frame.psf().nearest(50, 30);
  const auto samples = frame.read_psf(file, zone);
  double sum = 0;
  for (const float v : samples.pixels()) sum += v;
  EXPECT_NEAR(sum, 1, 1e-3);  // a sum over steps of 0.2 pixel for an integral
  for (const int i : {0, 11, 16, 18, 30})
    for (const int j : {9, 16, 17}) {
      const double u = (i - 16) / 5.0, v = (j - 16) / 5.0;
      EXPECT_NEAR(25 * samples(i, j), psfs.at(50, 30).fraction(u - .5, u + .5, v - .5, v + .5), 1e-6);
    }
}

/// Two exposures of a group with everything in them.
struct FullField {
  Scene scene;
  std::vector<Planes> planes;
  explicit FullField(int detector, bool ramps = false) {
    auto o = small(detector, true);
    o.survey.exposures = 2, o.survey.full = true, o.survey.ramps = ramps;
    o.sources.count = 30;
    o.defects.lost_fraction = 2e-3;
    scene = make_scene(o, nullptr);
    for (const auto& key : frames_of(scene)) planes.push_back(expose(scene, key, true));
  }
};

std::int32_t bit(const char* name) { return static_cast<std::int32_t>(spherex::flag_mask(name)); }

TEST(SimulatedDefects, FlagsSayWhatIsTrueAndTheTruthKnowsTheRest) {
  const FullField field{3};
  int caught = 0, unseen = 0, overflow = 0, persistent = 0, dichroic = 0, lost = 0, moving = 0;
  for (const auto& p : field.planes)
    for (std::size_t i = 0; i < p.flags.pixels().size(); ++i) {
      const auto flags = p.flags.pixels()[i];
      const auto truth = p.defects.pixels()[i];
      ASSERT_EQ((flags & bit("NONFUNC")) != 0, (truth & Defect::nonfunctional) != 0);
      ASSERT_EQ((flags & bit("HOT")) != 0, (truth & Defect::hot) != 0);
      ASSERT_EQ((flags & bit("COLD")) != 0, (truth & Defect::cold) != 0);
      for (const auto& [names, defect] : {std::pair{bit("GHOST"), Defect::ghost}, {bit("BLOOM"), Defect::bloom}, {bit("CROSSTALK"), Defect::crosstalk}, {bit("STREAK") | bit("SATELLITE_HALO"), Defect::satellite}, {bit("SNOWBALL") | bit("HALO"), Defect::snowball}})
        ASSERT_TRUE((flags & names) == 0 || (truth & defect) != 0);
      ASSERT_EQ((flags & bit("OVERFLOW")) != 0, (truth & Defect::overflow) != 0);
      ASSERT_EQ((flags & bit("PERSIST")) != 0, (truth & Defect::persistence) != 0);
      ASSERT_EQ((flags & bit("DICHROIC")) != 0, (truth & Defect::dichroic) != 0);
      ASSERT_EQ(std::isnan(p.image.pixels()[i]), (truth & Defect::lost) != 0);
      const bool found = (flags & (bit("TRANSIENT") | bit("OUTLIER"))) != 0, hit = (truth & Defect::cosmic_ray) != 0;
      ASSERT_TRUE(hit || !found);
      caught += found, unseen += hit && !found;
      overflow += (truth & Defect::overflow) != 0, dichroic += (truth & Defect::dichroic) != 0, lost += (truth & Defect::lost) != 0, moving += (truth & Defect::moving) != 0;
      persistent += (truth & Defect::persistence) != 0;
    }
  for (const int seen : {caught, unseen, overflow, persistent, dichroic, lost, moving}) EXPECT_GT(seen, 0);
  EXPECT_TRUE(std::ranges::none_of(field.planes[0].defects.pixels(), [](std::int16_t v) { return v & Defect::persistence; })) << "nothing was exposed before the first";
}

TEST(SimulatedDefects, GoodPixelsScatterAboutTheLightAsTheirVarianceSays) {
  for (const bool ramps : {false, true}) {
    const FullField field{1, ramps};
    double sum = 0, squares = 0;
    int n = 0;
    for (const auto& p : field.planes)
      for (std::size_t i = 0; i < p.flags.pixels().size(); ++i) {
        if ((p.defects.pixels()[i] & ~(Defect::moving | Defect::hot)) != 0) continue;
        const double pull = (p.image.pixels()[i] - p.model.pixels()[i]) / std::sqrt(p.variance.pixels()[i]);
        sum += pull, squares += pull * pull, ++n;
      }
    EXPECT_NEAR(sum / n, 0, .1) << ramps;
    EXPECT_NEAR(std::sqrt(squares / n), 1, .03) << ramps;
  }
}

TEST(SimulatedDefects, TrappedChargeAppearsWhereTheStarWasInTheExposureBefore) {
  auto o = small(2);
  o.survey.exposures = 2;
  o.sky.zodi = false;
  o.defects.persistence = true;
  const std::vector<Source> bright{star(o.field, 1e5)};
  const Scene scene = make_scene(o, &bright);
  const auto first = expose(scene, {0, 0}, true), second = expose(scene, {1, 0}, true);
  const auto at = scene.detectors[0]->detector.sky(scene.exposures[0].attitude).sky_to_pixel(o.field);
  const int x = static_cast<int>(std::lround(at.x)), y = static_cast<int>(std::lround(at.y));
  EXPECT_TRUE(second.flags(x, y) & bit("PERSIST"));
  EXPECT_LT(second.model(x, y), 1e-9) << "the star has gone from there";
  EXPECT_GT(second.image(x, y), 1e-4 * first.image(x, y));
  EXPECT_LT(second.image(x, y), 1e-2 * first.image(x, y));
}

TEST(SimulatedMovers, ShineWithTheirFluxAndGoOn) {
  auto o = small(1);
  o.survey.exposures = 2;
  o.sky.zodi = false;
  o.mover.mover_flux_ujy = 4000, o.mover.mover_rate_arcsec_h = 300;
  const std::vector<Source> none;
  const Scene scene = make_scene(o, &none);
  const auto plane = expose(scene, {0, 0}, true);
  const auto& detector = scene.detectors[0]->detector;
  double sum = 0, x_sum = 0;
  for (int y = 0; y < 96; ++y)
    for (int x = 0; x < 96; ++x) {
      const double light = plane.model(x, y) * detector.solid_angle()(x, y) * spherex::ujy_per_arcsec2;
      sum += light, x_sum += light * x;
    }
  const auto at = detector.sky(scene.exposures[0].attitude).sky_to_pixel(mover_in(scene, scene.exposures[0]));
  const auto wave = detector.wavelength(at.x, at.y);
  // Each pixel sees the spectrum at its own wavelength: the mean over the object differs in second order only.
  const Spectrum sunlit{4000, 0, 5770};
  EXPECT_NEAR(sum / sunlit.through(wave.centre_um, wave.width_um), 1, 2e-3);
  EXPECT_NEAR(x_sum / sum, at.x, .02);
  const auto a = mover_in(scene, scene.exposures[0]), b = mover_in(scene, scene.exposures[1]);
  EXPECT_NEAR(3600 * wcs::separation_deg(a, b), 300.0 * 2 / 60, 1e-3);
}

TEST(SimulatedSources, ATableOfSourcesIsReadBack) {
  std::vector<Source> sources{star({10, 20}, 5)};
  sources.push_back({2, 0, {10.1, 20.1}, {50, -1, 0}, 2.5, 4, .6, 33});
  const auto back = sources_from_table(sources_table(sources), "memory");
  ASSERT_EQ(back.size(), 2u);
  EXPECT_EQ(back[1].sersic_n, 2.5);
  EXPECT_EQ(back[1].effective_radius_arcsec, 4);
  EXPECT_EQ(back[1].axis_ratio, .6);
  EXPECT_EQ(back[1].position_angle_deg, 33);
  EXPECT_EQ(back[1].spectrum.index, -1);
  auto wrong = sources;
  wrong[1].axis_ratio = 1.5;
  EXPECT_THROW(sources_from_table(sources_table(wrong), "memory"), DataError);
}

}  // namespace
}  // namespace tessera::simulate_spherex
