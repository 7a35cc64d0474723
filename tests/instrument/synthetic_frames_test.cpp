// Frames nobody has handed us: MIPS, JWST and two-chip ACS exposures after their documented headers, and what goes wrong.
#include <cmath>
#include <limits>
#include <random>
#include <thread>

#include "instrument/support.h"
#include "tessera/instrument/units.h"

namespace tessera::instrument {
namespace {

using test::Hdu;
using test::sky_image;
using testing::AllOf;
using testing::HasSubstr;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

struct Frames : testing::Test {
  TemporaryFolder folder;
  fs::path put(const std::string& name, const std::vector<Hdu>& hdus) {
    test::write_fits(folder / name, hdus);
    return folder / name;
  }
  fs::path put(const std::string& name, const Hdu& hdu) { return put(name, std::vector<Hdu>{hdu}); }
};

Hdu mips_frame() {
  Hdu h = sky_image(16, 12, 20);
  h.text("TELESCOP", "Spitzer").text("INSTRUME", "MIPS").card("CHNLNUM", "1").card("DCENUM", "3").card("EXPTIME", "9.96");
  return h.text("BUNIT", "MJy/sr").card("GAIN", "5.0").card("RONOISE", "40.0").card("FLUXCONV", "0.0447").card("MJD_OBS", "53000.5");
}

Hdu mask_image(int width, int height, int name_width = 16, const std::string& name = {}, int version = 0) {
  Hdu h = test::image(width, height, 0, name, version);
  h.bitpix = name_width;
  return h;
}

TEST_F(Frames, MipsFramesHaveTheirOwnNames) {
  const auto path = put("SPITZER_M1_1_0001_0002_3_bcd.fits", mips_frame());
  put("SPITZER_M1_1_0001_0002_3_bunc.fits", test::image(16, 12, 0.5));
  Hdu mask = mask_image(16, 12);
  mask.pixels[5] = 1 << 14;
  mask.pixels[6] = 1 << 6;
  put("SPITZER_M1_1_0001_0002_3_bbmsk.fits", mask);
  const auto f = open(path);
  EXPECT_EQ(f.profile->name, "spitzer-mips");
  EXPECT_EQ(f.filter, "MIPS24");
  EXPECT_EQ(f.fatal_bits, 32544u);
  const Frame frame = read_frame(f, f.box());
  EXPECT_EQ(good_pixels(frame), 16 * 12 - 1);
  EXPECT_EQ(frame.good(5, 0), 0);
  EXPECT_FLOAT_EQ(frame.variance(0, 0), 0.25f);
}

TEST_F(Frames, AGivenNoiseModelTakesThePlaceOfTheUncertainties) {
  const auto path = put("SPITZER_M1_1_0001_0002_3_bcd.fits", mips_frame());
  put("SPITZER_M1_1_0001_0002_3_bunc.fits", test::image(16, 12, 0.5));
  put("SPITZER_M1_1_0001_0002_3_bbmsk.fits", mask_image(16, 12));
  InputOptions options;
  options.gain = 20;
  EXPECT_THAT(message_of<UsageError>([&] { open(path, options); }), HasSubstr("input.read_noise"));
  options.read_noise = 8, options.confusion_noise = 6;
  const auto f = open(path, options);
  EXPECT_FALSE(f.uncertainty);
  const Frame frame = read_frame(f, f.box());
  const double value = static_cast<double>(frame.value(3, 4));
  EXPECT_NEAR(frame.variance(3, 4), (8.0 * 8 + 6.0 * 6) / (20.0 * 20) + std::max(value, 0.0) / 20, 1e-6);
}

TEST_F(Frames, FilteredMipsFramesUseTheGermaniumMask) {
  Hdu h = mips_frame();
  const auto path = put("SPITZER_M2_1_0001_0002_3_fbcd.fits", h);
  put("SPITZER_M2_1_0001_0002_3_bunc.fits", test::image(16, 12, 0.5));
  put("SPITZER_M2_1_0001_0002_3_bmask.fits", mask_image(16, 12));
  EXPECT_TRUE(open(path).mask->path.string().ends_with("_bmask.fits"));
}

std::vector<Hdu> jwst_exposure(bool error_plane) {
  Hdu primary = test::no_data();
  primary.text("TELESCOP", "JWST").text("INSTRUME", "NIRCAM").text("FILTER", "F200W").text("PUPIL", "CLEAR").card("EFFEXPTM", "311.366").text("DATE-BEG", "2022-06-28T10:00:00.000");
  Hdu sci = sky_image(10, 8, 1.5, "SCI", 1);
  sci.text("BUNIT", "MJy/sr").card("XPOSURE", "300.0").card("MJD-BEG", "59758.4").card("MJD-END", "59758.41");
  std::vector<Hdu> hdus{primary, sci};
  if (error_plane) hdus.push_back(test::image(10, 8, 0.1, "ERR", 1));
  Hdu dq = mask_image(10, 8, 32, "DQ", 1);
  dq.pixels = {1, 2, 4, 512, 1024};  // do not use, saturated, jump, non-science, dead
  dq.pixels.resize(80, 0);
  dq.pixels[7] = -2147483648.0;      // reference pixel (bit 31), as BITPIX 32 writes it
  hdus.push_back(dq);
  hdus.push_back(test::image(10, 8, 0.04, "VAR_POISSON", 1));
  hdus.push_back(test::image(10, 8, 0.05, "VAR_RNOISE", 1));
  return hdus;
}

TEST_F(Frames, AJwstExposureTakesErrAndDoNotUse) {
  const auto f = open(put("jw01324001001_02101_00001_nrca1_cal.fits", jwst_exposure(true)));
  EXPECT_EQ(f.profile->name, "jwst");
  EXPECT_EQ(f.filter, "F200W");
  EXPECT_EQ(f.exposure_s, 300);
  EXPECT_EQ(f.mjd_begin, 59758.4);
  EXPECT_EQ(f.fatal_bits, 513u);
  const Frame frame = read_frame(f, f.box());
  EXPECT_EQ(good_pixels(frame), 78);
  EXPECT_EQ(frame.good(0, 0), 0);
  EXPECT_EQ(frame.good(3, 0), 0);
  EXPECT_EQ(frame.good(7, 0), 1);
  EXPECT_NEAR(frame.variance(1, 0), 0.01, 1e-8);
  InputOptions options;
  options.fatal_bits = "reference_pixel";
  const auto g = open(f.image.path, options);
  EXPECT_EQ(read_frame(g, g.box()).good(7, 0), 0);
}

TEST_F(Frames, AJwstExposureWithoutErrAddsItsVariances) {
  const auto f = open(put("jw_cal.fits", jwst_exposure(false)));
  EXPECT_EQ(f.noise, NoiseKind::variance);
  EXPECT_EQ(f.more_variance.size(), 1u);
  EXPECT_NEAR(read_frame(f, f.box()).variance(1, 0), 0.09, 1e-7);
}

TEST_F(Frames, AJwstExposureWithoutAFitsWcsIsRefused) {
  auto hdus = jwst_exposure(true);
  std::erase_if(hdus[1].cards, [](const std::string& c) { return c.starts_with("CTYPE"); });
  const auto path = put("jw_cal.fits", hdus);
  EXPECT_THAT(message_of<DataError>([&] { open(path); }), AllOf(HasSubstr("jw_cal.fits"), HasSubstr("SCI,1")));
}

std::vector<Hdu> two_chips() {
  Hdu primary = test::no_data();
  primary.text("TELESCOP", "HST").text("INSTRUME", "ACS").text("FILTER1", "CLEAR1S").text("FILTER2", "F814W").card("EXPTIME", "500.0").card("EXPSTART", "52377.0");
  std::vector<Hdu> hdus{primary};
  for (int chip : {1, 2}) {
    Hdu sci = test::image(20, 10, 100 * chip, "SCI", chip);
    with_wcs(sci, 0.05, 150, chip == 1 ? 2.0 : 2.0002);
    hdus.push_back(sci.text("BUNIT", "ELECTRONS"));
    hdus.push_back(test::image(20, 10, 3 * chip, "ERR", chip));
    Hdu dq = mask_image(20, 10, 16, "DQ", chip);
    dq.pixels[static_cast<std::size_t>(chip)] = 4;
    dq.pixels[9] = 4096;
    hdus.push_back(dq);
  }
  return hdus;
}

TEST_F(Frames, EachChipOfAnAcsExposureIsAFrameOfItsOwn) {
  const auto path = put("j1_flt.fits", two_chips());
  const auto frames = open_all({path.string()});
  ASSERT_EQ(frames.size(), 2u);
  for (int chip : {1, 2}) {
    const auto& f = frames[static_cast<std::size_t>(chip - 1)];
    EXPECT_EQ(f.label(), path.string() + "[SCI," + std::to_string(chip) + "]");
    const Frame frame = read_frame(f, f.box());
    EXPECT_NEAR(frame.value(0, 0) / f.unit_factor, 100 * chip, 1e-3);
    EXPECT_NEAR(frame.variance(0, 0) / (f.unit_factor * f.unit_factor), 9 * chip * chip, 1e-3);
    EXPECT_EQ(frame.good(chip, 0), 0);
    EXPECT_EQ(frame.good(3 - chip, 0), 1);
    EXPECT_EQ(frame.good(9, 0), 1);  // a cosmic ray of an earlier run is not fatal
  }
  EXPECT_FALSE(check_consistency(frames, {}).exposures_differ);
}

TEST_F(Frames, AMissingPlaneOfOneFileIsNamed) {
  auto hdus = two_chips();
  hdus.erase(hdus.begin() + 5);  // ERR,2
  const auto path = put("j1_flt.fits", hdus);
  EXPECT_THAT(message_of<DataError>([&] { open_all({path.string()}); }), AllOf(HasSubstr("j1_flt.fits"), HasSubstr("HDU ERR")));
}

TEST_F(Frames, CountsOfPixelsOfAnySizeBecomeOneSurfaceBrightness) {
  Hdu small = test::image(8, 8, 4), large = test::image(8, 8, 16);
  with_wcs(small, 0.5), with_wcs(large, 1.0);
  small.text("BUNIT", "electron"), large.text("BUNIT", "e-");
  const auto a = open(put("a.fits", small)), b = open(put("b.fits", large));
  EXPECT_EQ(a.unit, "electron/arcsec2");
  EXPECT_EQ(b.unit, a.unit);
  const Frame frame_a = read_frame(a, a.box()), frame_b = read_frame(b, b.box());
  EXPECT_NEAR(frame_a.value(3, 3), 16, 1e-4);
  EXPECT_NEAR(frame_b.value(3, 3), 16, 1e-4);
  EXPECT_EQ(frame_a.value(0, 0), frame_a.value(3, 3));  // flat-fielded: one divisor per frame
}

TEST_F(Frames, JanskyPerPixelIsDividedByEachPixelsOwnSolidAngle) {
  Hdu h = test::image(101, 81, 1e-5);
  with_wcs(h, 900);  // 25° across, far more than any frame: areas of a gnomonic plane fall as cos³ of the angle from the centre
  h.text("BUNIT", "Jy/pixel");
  const auto f = open(put("wide.fits", h));
  EXPECT_EQ(f.unit, "MJy/sr");
  EXPECT_TRUE(f.local_area);
  const Frame frame = read_frame(f, f.box());
  for (const auto& [x, y] : {std::pair{0, 0}, {50, 40}, {100, 0}, {13, 71}, {99, 80}}) {
    const double expected = 1e-11 / f.wcs.pixel_area_sr({static_cast<double>(x), static_cast<double>(y)});
    EXPECT_NEAR(frame.value(x, y) / expected, 1, 1e-4) << x << ' ' << y;
  }
  EXPECT_GT(frame.value(0, 0), 1.05 * frame.value(50, 40));
  const Box corner{90, 70, 101, 81};
  EXPECT_EQ(read_frame(f, corner).value(100, 80), frame.value(100, 80));
}

TEST_F(Frames, ExactFactorsApplyToValueAndVariance) {
  Hdu h = sky_image(12, 12, 2, "SCI");
  h.text("BUNIT", "uJy/arcsec2");
  const auto f = open(put("f.fits", {test::no_data(), h, test::image(12, 12, 0.5, "ERR")}));
  const Frame frame = read_frame(f, f.box());
  const double k = 1e-12 / arcsec2_in_sr;
  EXPECT_FLOAT_EQ(frame.value(3, 3), static_cast<float>(2 * k));
  EXPECT_FLOAT_EQ(frame.variance(3, 3), static_cast<float>(0.25 * k * k));
}

TEST_F(Frames, BadPixelsAreZeroInEveryPlane) {
  Hdu sci = sky_image(8, 1, 5, "SCI");
  sci.pixels = {5, nan, INFINITY, -INFINITY, 5, 5, 5, 5};
  Hdu var = test::image(8, 1, 1, "VARIANCE");
  var.pixels = {1, 1, 1, 1, 0, -1, nan, INFINITY};
  const auto f = open(put("f.fits", {test::no_data(), sci, var}));
  const Frame frame = read_frame(f, f.box());
  for (int x = 0; x < 8; ++x) {
    EXPECT_EQ(frame.good(x, 0), x == 0) << x;
    EXPECT_EQ(frame.value(x, 0), x == 0 ? 5 : 0) << x;
    EXPECT_EQ(frame.variance(x, 0), x == 0 ? 1 : 0) << x;
  }
}

TEST_F(Frames, EachKindOfErrorGivesItsVariance) {
  for (const auto& [name, stated] : std::vector<std::pair<std::string, double>>{{"ERR", 2}, {"VAR", 4}, {"IVAR", 0.25}}) {
    const auto f = open(put(name + ".fits", {test::no_data(), sky_image(6, 6, 1, "SCI"), test::image(6, 6, stated, name)}));
    EXPECT_FLOAT_EQ(read_frame(f, f.box()).variance(2, 2), 4.0f) << name;
  }
}

Hdu noisy(int width, int height, double sigma, const std::string& name = {}, const std::vector<double>& weight = {}) {
  Hdu h = sky_image(width, height, 0, name);
  std::mt19937 random{7};
  std::normal_distribution<double> normal{0, sigma};
  for (std::size_t i = 0; i < h.pixels.size(); ++i) h.pixels[i] = 50 + normal(random) / (weight.empty() ? 1 : std::sqrt(weight[i]));
  return h;
}

TEST_F(Frames, NoiseIsMeasuredWhereNothingStatesIt) {
  Hdu h = noisy(200, 150, 3);
  for (std::size_t i = 0; i < h.pixels.size(); i += 40) h.pixels[i] += 1000;  // stars and hits do not count
  const auto f = open(put("f.fits", h));
  EXPECT_TRUE(f.empirical_noise);
  EXPECT_THAT(f.notes.back(), HasSubstr("differences of neighbouring pixels"));
  const Frame whole = read_frame(f, f.box());
  EXPECT_NEAR(std::sqrt(whole.variance(0, 0)), 3, 0.15);
  EXPECT_EQ(read_frame(f, {190, 140, 200, 150}).variance(195, 145), whole.variance(0, 0));
}

TEST_F(Frames, NoiseComesFromGainAndReadNoiseWhereTheyAreKnown) {
  Hdu h = sky_image(6, 6, 400);
  h.pixels[0] = -7;
  h.text("BUNIT", "ADU").card("GAIN", "2.0").card("RDNOISE", "6.0");
  const auto f = open(put("f.fits", h));
  EXPECT_FALSE(f.empirical_noise);
  EXPECT_EQ(f.gain, 2);
  const Frame frame = read_frame(f, f.box());
  const double k2 = f.unit_factor * f.unit_factor;
  EXPECT_NEAR(frame.variance(2, 2) / k2, 9 + 200, 1e-3);  // 6²/2² + 400/2
  EXPECT_NEAR(frame.variance(0, 0) / k2, 9, 1e-4);
}

TEST_F(Frames, RatesCountTheElectronsOfTheWholeExposure) {
  Hdu h = sky_image(6, 6, 1);
  h.text("BUNIT", "electron/s").card("EXPTIME", "100.0").card("RDNOISE", "5.0");
  EXPECT_EQ(open(put("f.fits", h)).gain, 100);
}

TEST_F(Frames, AWeightMapIsScaledToTheNoiseItBelongsTo) {
  std::vector<double> weight(100 * 80);
  for (std::size_t i = 0; i < weight.size(); ++i) weight[i] = i % 100 < 50 ? 1 : 4;
  put("f.fits", noisy(100, 80, 6, {}, weight));
  Hdu map = test::image(100, 80, 0);
  map.pixels = weight;
  map.pixels[3] = 0;
  put("f.weight.fits", map);
  const auto f = open(folder / "f.fits");
  EXPECT_EQ(f.noise, NoiseKind::weight);
  const Frame frame = read_frame(f, f.box());
  EXPECT_EQ(frame.good(3, 0), 0);
  EXPECT_NEAR(std::sqrt(frame.variance(10, 10)), 6, 0.4);
  EXPECT_NEAR(std::sqrt(frame.variance(70, 10)), 3, 0.2);
  EXPECT_EQ(read_frame(f, {60, 5, 80, 20}).variance(70, 10), frame.variance(70, 10));
}

TEST_F(Frames, AFrameWithoutAnyGoodPixelIsReadAsBad) {
  const auto f = open(put("f.fits", sky_image(20, 20, nan)));
  EXPECT_EQ(good_pixels(read_frame(f, f.box())), 0);
  const auto constant = open(put("c.fits", sky_image(20, 20, 3)));
  EXPECT_EQ(good_pixels(read_frame(constant, constant.box())), 400);  // no noise to be seen: equal weights
}

TEST_F(Frames, ManyThreadsReadOneFrameAlike) {
  const auto f = open(put("f.fits", noisy(120, 90, 2)));
  std::vector<float> seen(4);
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < seen.size(); ++i) threads.emplace_back([&, i] { seen[i] = read_frame(f, {0, static_cast<int>(i) * 20, 120, static_cast<int>(i) * 20 + 10}).variance(5, static_cast<int>(i) * 20); });
  threads.clear();
  for (const float v : seen) EXPECT_EQ(v, seen[0]);
}

TEST_F(Frames, PlanesWithoutNamesAreNotGuessed) {
  const auto path = put("f.fits", {test::no_data(), sky_image(9, 9, 1), sky_image(9, 9, 2)});
  EXPECT_THAT(message_of<DataError>([&] { open(path); }), AllOf(HasSubstr("f.fits"), HasSubstr("HDUs 1 and 2"), HasSubstr("--profile")));
}

TEST_F(Frames, APromisedCompanionThatIsMissingIsNamed) {
  const auto path = put("X_bcd.fits", mips_frame());
  put("X_bunc.fits", test::image(16, 12, 1));
  EXPECT_THAT(message_of<DataError>([&] { open(path); }), AllOf(HasSubstr("X_bcd.fits"), HasSubstr("X_bbmsk.fits"), HasSubstr("missing")));
}

TEST_F(Frames, ARenamedFrameWhoseCompanionsCannotBeNamedIsRefused) {
  const auto path = put("renamed.fits", mips_frame());
  EXPECT_THAT(message_of<DataError>([&] { open(path); }), AllOf(HasSubstr("renamed.fits"), HasSubstr("'spitzer-mips' promises a mask"), HasSubstr("--profile generic")));
  InputOptions generic;
  generic.profile = "generic";
  EXPECT_EQ(open(path, generic).profile->name, "generic");
}

TEST_F(Frames, ACompanionOfAnotherSizeIsNamedWithBothSizes) {
  const auto path = put("X_bcd.fits", mips_frame());
  put("X_bunc.fits", test::image(16, 11, 1));
  EXPECT_THAT(message_of<DataError>([&] { open(path); }), AllOf(HasSubstr("X_bunc.fits"), HasSubstr("16x11"), HasSubstr("X_bcd.fits"), HasSubstr("16x12")));
}

TEST_F(Frames, CountsOfDifferentExposuresAreReadPerSecond) {
  Hdu a = sky_image(9, 9, 100), b = sky_image(9, 9, 300), c = sky_image(9, 9, 100), d = sky_image(9, 9, 100);
  a.text("BUNIT", "ELECTRONS").card("EXPTIME", "50");
  b.text("BUNIT", "electron").card("EXPTIME", "150");
  c.text("BUNIT", "ELECTRONS").card("EXPTIME", "50.2");
  d.text("BUNIT", "ELECTRONS");
  const auto fa = open(put("a.fits", a)), fb = open(put("b.fits", b)), fc = open(put("c.fits", c)), fd = open(put("d.fits", d));
  std::vector<FrameFile> differing{fa, fb}, alike{fa, fc}, unknown{fa, fd};
  EXPECT_THAT(read_counts_as_rates(differing), testing::ElementsAre(HasSubstr("electron per second")));
  for (const auto& frame : differing) {
    EXPECT_EQ(frame.unit, "electron/s/arcsec2");
    const auto pixels = read_frame(frame, frame.box());
    EXPECT_NEAR(pixels.value(4, 4) * frame.pixel_area_sr / arcsec2_in_sr, 2, 1e-5);
  }
  EXPECT_TRUE(read_counts_as_rates(alike).empty());
  EXPECT_EQ(alike.front().unit, "electron/arcsec2");
  EXPECT_THAT(read_counts_as_rates(unknown), testing::ElementsAre(HasSubstr("d.fits has no exposure time")));
}

TEST_F(Frames, ChipsOfOneCameraShowOneSkyAsOneNumber) {
  const auto frame = [&](const char* name, double scale_arcsec) {
    Hdu h = test::image(9, 9, 100);
    test::with_wcs(h, scale_arcsec);
    h.text("BUNIT", "ELECTRONS");
    return open(put(name, h));
  };
  const auto sky = [](const FrameFile& f) { return read_frame(f, f.box()).value(4, 4); };
  std::vector<FrameFile> chips{frame("a.fits", 1), frame("b.fits", 1.05), frame("c.fits", 2)};
  EXPECT_NEAR(sky(chips[0]) / sky(chips[1]), 1.05 * 1.05, 1e-5);
  share_pixel_area(chips);
  EXPECT_NEAR(sky(chips[0]) / sky(chips[1]), 1, 1e-6);
  EXPECT_NEAR(sky(chips[0]), 100 / ((1 + 1.05 * 1.05) / 2), 1e-3);
  EXPECT_NEAR(sky(chips[2]), 25, 1e-3) << "another camera";
}

TEST_F(Frames, UnitsFiltersAndUncertaintiesMustAgree) {
  Hdu a = sky_image(9, 9, 1), b = sky_image(9, 9, 1), c = sky_image(9, 9, 1);
  a.text("BUNIT", "MJy/sr").text("FILTER", "r");
  b.text("BUNIT", "Jy/sr").text("FILTER", "g");
  c.text("BUNIT", "ADU");
  const auto fa = open(put("a.fits", a)), fb = open(put("b.fits", b)), fc = open(put("c.fits", c));
  InputOptions allow;
  allow.mixed = Mixed::allow;
  const std::vector<FrameFile> filters{fa, fb}, units{fa, fc};
  EXPECT_THAT(message_of<DataError>([&] { check_consistency(filters, {}); }), AllOf(HasSubstr("a.fits"), HasSubstr("'r'"), HasSubstr("b.fits"), HasSubstr("'g'")));
  EXPECT_NO_THROW(check_consistency(filters, allow));
  EXPECT_THAT(message_of<DataError>([&] { check_consistency(units, allow); }), AllOf(HasSubstr("'MJy/sr'"), HasSubstr("'ADU'"), HasSubstr("c.fits")));
  put("d.fits", a);
  put("d_unc.fits", test::image(9, 9, 1));
  const std::vector<FrameFile> uncertainties{fa, open(folder / "d.fits")};
  EXPECT_THAT(message_of<DataError>([&] { check_consistency(uncertainties, {}); }), AllOf(HasSubstr("d.fits"), HasSubstr("uncertaint")));
  EXPECT_TRUE(check_consistency(uncertainties, allow).noise_differs);
  EXPECT_FALSE(check_consistency({}, {}).exposures_differ);
}

TEST_F(Frames, BrokenFilesAreDataErrorsWithTheirName) {
  const auto good = put("g.fits", sky_image(40, 40, 1));
  fs::copy(good, folder / "t.fits");
  fs::resize_file(folder / "t.fits", 4000);
  EXPECT_THAT(message_of<DataError>([&] { open(folder / "t.fits"); }), HasSubstr("t.fits"));
  EXPECT_THAT(message_of<DataError>([&] { open(folder / "none.fits"); }), HasSubstr("none.fits"));
  std::ofstream{folder / "text.fits"} << "no FITS at all";
  EXPECT_THAT(message_of<DataError>([&] { open(folder / "text.fits"); }), HasSubstr("text.fits"));
  const auto empty = put("e.fits", test::no_data());
  EXPECT_THAT(message_of<DataError>([&] { open(empty); }), HasSubstr("no two-dimensional image"));
  const auto plain = put("p.fits", test::image(9, 9, 1));
  EXPECT_THAT(message_of<DataError>([&] { open(plain); }), HasSubstr("p.fits"));
  InputOptions unknown;
  unknown.profile = "spitzr";
  EXPECT_THAT(message_of<UsageError>([&] { open(good, unknown); }), AllOf(HasSubstr("spitzr"), HasSubstr("spitzer-irac")));
}

TEST_F(Frames, AMaskStoredAsFloatsOrUpsideDownIsUnderstood) {
  Hdu mask = test::image(4, 1, 0, "DQ");
  mask.pixels = {0, 1, 0.4, nan};
  const auto f = open(put("f.fits", {test::no_data(), sky_image(4, 1, 1, "SCI"), test::image(4, 1, 1, "ERR"), mask}));
  const Frame frame = read_frame(f, f.box());
  EXPECT_THAT(std::vector<int>(frame.good.pixels().begin(), frame.good.pixels().end()), testing::ElementsAre(1, 0, 1, 0));

  fs::create_directory(folder / "profiles");
  std::ofstream{folder / "profiles/g.toml"} << "schema = 1\nname = \"upside-down\"\n[planes]\nimage = \"SCI\"\nmask_form = \"good_is_one\"\n"
                                               "[planes.uncertainty]\nhdu = \"ERR\"\nkind = \"sigma\"\n[planes.mask]\nhdu = \"DQ\"\n";
  const auto set = ProfileSet::load({folder / "profiles"});
  mask.pixels = {0, 1, 1, 1};
  const auto g = open_frame({put("g.fits", {test::no_data(), sky_image(4, 1, 1, "SCI"), test::image(4, 1, 1, "ERR"), mask}), {}, {}, -1}, {}, set);
  const Frame other = read_frame(g, g.box());
  EXPECT_THAT(std::vector<int>(other.good.pixels().begin(), other.good.pixels().end()), testing::ElementsAre(0, 1, 1, 1));
}

}  // namespace
}  // namespace tessera::instrument
