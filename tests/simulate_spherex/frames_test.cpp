// Simulated spectral images as the room spherex reads them, and their light against the truth.
#include <cmath>

#include "simulate_spherex/simulated_frame.h"
#include "tessera/spherex/calibration.h"

namespace tessera::simulate_spherex {
namespace {

TEST(SimulatedSpectralImages, AreReadWithoutCaveatsInBothLayouts) {
  for (const auto layout : {FileLayout::quick_release_2, FileLayout::epsf}) {
    auto o = small(3, true);
    o.survey.layout = layout;
    const Written w{o, {}};
    const auto frame = spherex::SpectralFrame::open(w.path);
    EXPECT_TRUE(frame.caveats().empty()) << frame.caveats().front();
    EXPECT_EQ(frame.quality_fault(), "");
    EXPECT_EQ(frame.detector(), 3);
    EXPECT_EQ(frame.detector_width(), 96);
    EXPECT_NEAR(frame.exposure_s(), 113.5826, 1e-9);
    EXPECT_NEAR(frame.mjd(), w.scene.exposures.front().mjd, 1e-9);
    EXPECT_EQ(frame.psf().zones.size(), layout == FileLayout::epsf ? 451u : 121u);
    EXPECT_TRUE(spherex::CalibrationSet::find({w.path}).of(3).caveats().empty());
    const auto pixels = frame.read_window(frame.box());
    for (std::size_t i = 0; i < pixels.image.pixels().size(); ++i) {
      ASSERT_EQ(pixels.image.pixels()[i], w.planes.image.pixels()[i]);
      ASSERT_EQ(pixels.flags.pixels()[i], static_cast<std::uint64_t>(w.planes.flags.pixels()[i]));
    }
  }
}

TEST(SimulatedSpectralImages, OldHeadersWithExchangedZonesAreMendedToTheSamePlaces) {
  auto o = small(1);
  o.survey.psf_cards = PsfCards::exchanged;
  const Written old{o, {}};
  const Written now{small(1), {}};
  const auto mended = spherex::SpectralFrame::open(old.path), right = spherex::SpectralFrame::open(now.path);
  EXPECT_EQ(mended.psf().mended, 110);
  for (std::size_t i = 0; i < right.psf().zones.size(); ++i) {
    EXPECT_EQ(mended.psf().zones[i].x, right.psf().zones[i].x);
    EXPECT_EQ(mended.psf().zones[i].y, right.psf().zones[i].y);
  }
}

TEST(SimulatedSpectralImages, TheLightOfAStarIsItsFluxWhereverItFalls) {
  const auto o = small(2);
  const auto plan = plan_exposures(o.survey, o.field, o.seed);
  const Detector detector{2, 96, 1};
  const auto sky = detector.sky(plan.front().attitude);
  for (const auto& at : {wcs::PixelPoint{48, 48}, wcs::PixelPoint{20.37, 71.81}, wcs::PixelPoint{70.5, 12.5}}) {
    auto without = o;
    without.sky.zodi = false;
    const Written w{without, {star(sky.pixel_to_sky(at), 1000)}};
    double sum = 0;
    for (int y = 0; y < 96; ++y)
      for (int x = 0; x < 96; ++x) sum += static_cast<double>(w.planes.model(x, y)) * detector.solid_angle()(x, y) * spherex::ujy_per_arcsec2;
    EXPECT_NEAR(sum, 1000, 1e-3) << at.x;  // floats of the PSF's cells and of the image
    ASSERT_EQ(w.planes.truth.size(), 1u);
    EXPECT_NEAR(w.planes.truth[0].x, at.x, 1e-6);
    EXPECT_NEAR(w.planes.truth[0].flux_ujy, 1000, 1e-9);
  }
}

TEST(SimulatedSpectralImages, AConstantSkyIsConstantWithoutTheZodiacalLight) {
  auto o = small(4);
  o.sky.level = .8;
  const Written w{o, {}};
  for (std::size_t i = 0; i < w.planes.image.pixels().size(); ++i) {
    ASSERT_NEAR(w.planes.image.pixels()[i] - w.planes.zodi.pixels()[i], .8, 8e-7);
    ASSERT_GT(w.planes.zodi.pixels()[i], .02);
    ASSERT_GT(w.planes.variance.pixels()[i], 0);
  }
}

TEST(SimulatedSpectralImages, ANebulaShinesInItsLineWhereTheDetectorSeesThatWavelength) {
  auto o = small(2);
  o.sky.zodi = false;
  o.sky.nebula_peak = .5, o.sky.nebula_line = 3, o.sky.nebula_fwhm_arcsec = 1e5;  // flat over this frame to 1e-4
  o.sky.nebula_line_um = 1.35;
  const Written w{o, {}};
  const Detector d{2, 96, 1};
  for (int y = 0; y < 96; ++y) {
    const auto wave = d.wavelength(40, y);
    const double z = (wave.centre_um - 1.35) / wave.width_um;
    ASSERT_NEAR(w.planes.model(40, y), .5 + 3 * std::exp2(-4 * z * z), 1e-3) << y;
  }
}

TEST(SimulatedSpectralImages, NoiseIsAsWideAsTheVariancePlaneSays) {
  auto o = small(1, true);
  o.sky.level = .2;
  const Written w{o, {}};
  double sum = 0, squares = 0;
  const auto n = static_cast<double>(w.planes.image.pixels().size());
  for (std::size_t i = 0; i < w.planes.image.pixels().size(); ++i) {
    const double pull = (w.planes.image.pixels()[i] - w.planes.model.pixels()[i]) / std::sqrt(w.planes.variance.pixels()[i]);
    sum += pull, squares += pull * pull;
  }
  // The variance contains the noise of its own pixel, which makes pulls lopsided by a few per cent.
  EXPECT_NEAR(sum / n, 0, .1);
  EXPECT_NEAR(std::sqrt(squares / n), 1, .03);
}

TEST(SimulatedDetectors, TheWaveTableHoldsEveryPixelsWavelengthToANanometre) {
  for (int d = 1; d <= 6; ++d) {
    const Written w{small(d), {}};
    const auto frame = spherex::SpectralFrame::open(w.path);
    const auto maps = spherex::CalibrationSet::find({w.path}).of(d).wavelengths(frame, frame.box());
    double worst = 0, narrow = 0;
    for (int y = 0; y < 96; ++y)
      for (int x = 0; x < 96; ++x) {
        const auto table = frame.wave()->at(x, y);
        worst = std::max(worst, std::fabs(table.centre_um - maps.centre_um(x, y)));
        narrow = std::max(narrow, std::fabs(table.width_um - maps.width_um(x, y)));
      }
    EXPECT_LT(worst, 1e-3) << "detector " << d;
    EXPECT_LT(narrow, 1e-3 / 30) << "detector " << d;
  }
}

TEST(SimulatedDetectors, StripsOfTheMapHoldTheWavelengthsOfTheTable) {
  const Written w{small(5), {}};
  const auto frame = spherex::SpectralFrame::open(w.path);
  const auto& calibration = spherex::CalibrationSet::find({w.path});
  const auto strips = calibration.of(5).strips(frame, frame.box());
  const auto maps = calibration.of(5).wavelengths(frame, frame.box());
  int seen = 0;
  for (int y = 0; y < 96; ++y)
    for (int x = 0; x < 96; ++x) {
      const auto& channel = calibration.of(5).channels().channel(17 * 4 + strips(x, y));
      ASSERT_GE(maps.centre_um(x, y), channel.min_um * (1 - 1e-7));
      ASSERT_LE(maps.centre_um(x, y), channel.max_um * (1 + 1e-7));
      seen |= 1 << strips(x, y);
    }
  EXPECT_EQ(seen, (1 << 18) - 2);  // all of 1 to 17
}

TEST(SimulatedDetectors, SolidAnglesAreThoseOfTheWcs) {
  const Detector d{6, 64, 1};
  const auto sky = d.sky({{40, 50}, 70});
  for (const auto& [x, y] : {std::pair{0, 0}, {63, 5}, {30, 63}}) EXPECT_NEAR(d.solid_angle()(x, y), spherex::solid_angle_arcsec2(sky, x, y), 1e-4);
}

TEST(SimulatedSurveys, SixGroupsBringTheFieldToEveryStrip) {
  SurveyOptions o;
  o.bands = {"1", "4"};
  o.groups = 6;
  const wcs::SkyPoint field{200, 30};
  const auto plan = plan_exposures(o, field, 3);
  ASSERT_EQ(plan.size(), 24u);
  const Detector d{4, o.size, 1};
  int seen = 0;
  for (const auto& e : plan) {
    const auto at = d.sky(e.attitude).sky_to_pixel(field);
    if (d.box().contains(static_cast<int>(std::lround(at.x)), static_cast<int>(std::lround(at.y)))) seen |= 1 << d.strip(at.x, at.y);
  }
  EXPECT_EQ(seen, (1 << 18) - 2);
  EXPECT_EQ(plan[0].observation().substr(0, 4), "2025");
  EXPECT_NEAR(plan[1].mjd - plan[0].mjd, 2.0 / 1440, 1e-9);
}

TEST(SimulatedSpectra, ABandpassAveragesASpectrumAndDilutesALine) {
  const Spectrum power{100, -2, 0};
  // A power law of ln λ through a Gaussian of σ: exp(index² σ²/2).
  const double sigma = .05 / 2.35482 / 2;
  EXPECT_NEAR(power.through(2, .05), 100 * std::exp(4 * sigma * sigma / 2), 1e-6);
  EXPECT_NEAR(line_response(2.025, 2, .05), .5, 1e-12);
}

}  // namespace
}  // namespace tessera::simulate_spherex
