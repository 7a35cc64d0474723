// Numbers of real frames, read independently with astropy 5.2 where they are not header cards.
#include <cmath>
#include <set>

#include "instrument/support.h"
#include "tessera/core/statistics.h"

namespace tessera::instrument {
namespace {

using testing::HasSubstr;

struct RealFrames : testing::Test {
  void SetUp() override { REQUIRE_SHARED_DATA(); }
  fs::path data = test::shared_data();
  fs::path irac = data / "spitzer_irac_grb120119a";
  fs::path cutouts = data / "decam_bok_mosaic_cutouts";
};

TEST_F(RealFrames, AnIracFolderGivesItsCorrectedFrames) {
  std::vector<std::string> notes;
  const auto names = expand_inputs({(irac / "ch1").string()}, {}, profiles(), notes);
  EXPECT_EQ(names.size(), 32u);
  for (const auto& n : names) EXPECT_TRUE(n.image.string().ends_with("_cbcd.fits"));
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_THAT(notes[0], HasSubstr("32 of 104 files taken (*_cbcd.fits), 72 left aside"));
}

TEST_F(RealFrames, EverythingInAnIracFolderGivesTheSameFrames) {
  std::vector<std::string> notes, all;
  for (const auto& e : fs::directory_iterator(irac / "ch2")) all.push_back(e.path().string());
  std::sort(all.begin(), all.end());
  const auto names = expand_inputs(all, {}, profiles(), notes);
  EXPECT_EQ(names.size(), 30u);
  for (const auto& n : names) EXPECT_TRUE(n.image.string().ends_with("_cbcd.fits"));
}

TEST_F(RealFrames, AnIracFrameIsFullyKnown) {
  const auto f = open(irac / "ch1/SPITZER_I1_46291456_0056_0000_2_cbcd.fits");
  EXPECT_EQ(f.profile->name, "spitzer-irac");
  EXPECT_EQ(f.unit, "MJy/sr");
  EXPECT_EQ(f.unit_factor, 1);
  EXPECT_FALSE(f.per_pixel_flux);
  EXPECT_EQ(f.filter, "IRAC1");
  EXPECT_EQ(f.exposure_s, 93.6);
  EXPECT_EQ(f.mjd_begin, 56293.7847044);
  EXPECT_NEAR(f.mjd_end - f.mjd_begin, 93.6 / 86400, 1e-9);
  EXPECT_EQ(f.fatal_bits, 32520u);
  EXPECT_NEAR(f.gain, 93.6 * 3.7 / 0.1257, 1e-9);
  EXPECT_EQ(f.read_noise, 21);
  EXPECT_NEAR(*f.zodi, 0.08576319 - 0.033866, 1e-12);
  ASSERT_TRUE(f.refined);
  EXPECT_EQ(f.refined->ra_deg, 120.036331176758);
  EXPECT_TRUE(f.uncertainty->path.string().ends_with("_cbunc.fits"));
  EXPECT_TRUE(f.mask->path.string().ends_with("_bimsk.fits"));
  EXPECT_EQ(f.wcs.distortion(), "SIP");
  EXPECT_NEAR(std::sqrt(f.pixel_area_sr) * 206264.806, 1.22, 0.01);
}

TEST_F(RealFrames, AnIracFrameIsReadAsItsThreeFilesSay) {
  const auto f = open(irac / "ch1/SPITZER_I1_46291456_0056_0000_2_cbcd.fits");
  const Frame frame = read_frame(f, f.box());
  const auto value = io::FitsFile{f.image.path}.read_float(0);
  const auto sigma = io::FitsFile{f.uncertainty->path}.read_float(0);
  const auto bits = io::FitsFile{f.mask->path}.read_bits(0);
  long good = 0;
  for (std::size_t i = 0; i < value.pixels().size(); ++i) {
    const float v = value.pixels()[i], s = sigma.pixels()[i];
    const bool use = std::isfinite(v) && std::isfinite(s) && s > 0 && (bits.pixels()[i] & 32520u) == 0;
    good += use;
    ASSERT_EQ(frame.good.pixels()[i], use);
    ASSERT_EQ(frame.value.pixels()[i], use ? v : 0);
    ASSERT_FLOAT_EQ(frame.variance.pixels()[i], use ? s * s : 0);
  }
  EXPECT_GT(good, 60000);
  EXPECT_LT(good, 65536 - 9);
}

TEST_F(RealFrames, AWindowIsThatPartOfTheFrame) {
  const auto f = open(irac / "ch2/SPITZER_I2_46291456_0005_0000_2_cbcd.fits");
  const Frame whole = read_frame(f, f.box());
  const Box window{37, 101, 90, 140};
  const Frame part = read_frame(f, window);
  for (int y = window.y0; y < window.y1; ++y)
    for (int x = window.x0; x < window.x1; ++x) {
      ASSERT_EQ(part.value(x, y), whole.value(x, y));
      ASSERT_EQ(part.variance(x, y), whole.variance(x, y));
      ASSERT_EQ(part.good(x, y), whole.good(x, y));
    }
  EXPECT_THROW(read_frame(f, {200, 0, 257, 10}), UsageError);
  EXPECT_EQ(good_pixels(read_frame(f, {5, 5, 5, 9})), 0);
}

TEST_F(RealFrames, TheNoiseModelOfIracIsItsPipelinesWithinAFactor) {
  TemporaryFolder folder;
  const std::string stem = "SPITZER_I2_46291456_0005_0000_2";
  for (const char* kind : {"_cbcd.fits", "_bimsk.fits"}) fs::copy(irac / "ch2" / (stem + kind), folder / (stem + kind));
  const auto f = open(folder / (stem + "_cbcd.fits"));
  EXPECT_FALSE(f.uncertainty);
  EXPECT_FALSE(f.empirical_noise);
  ASSERT_EQ(f.notes.size(), 1u);
  EXPECT_THAT(f.notes[0], HasSubstr("noise model from"));
  const Frame modelled = read_frame(f, f.box());
  const auto with = open(irac / "ch2" / (stem + "_cbcd.fits"));
  const Frame given = read_frame(with, with.box());
  const double ratio = std::sqrt(statistics::median(modelled.variance.pixels()) / statistics::median(given.variance.pixels()));
  EXPECT_GT(ratio, 0.3);  // the sky dark that was subtracted is not in the model
  EXPECT_LT(ratio, 1.2);
  const float v = given.value(128, 100);
  EXPECT_FLOAT_EQ(modelled.variance(128, 100), static_cast<float>(f.read_noise * f.read_noise / (f.gain * f.gain) + v / f.gain));
}

TEST_F(RealFrames, HdrFramesOfOneChannelDifferInExposure) {
  const auto frames = open_all({(irac / "ch2").string()});
  const auto result = check_consistency(frames, {});
  EXPECT_TRUE(result.exposures_differ);
  EXPECT_TRUE(result.noise_differs);
  const auto ch1 = open_all({(irac / "ch1").string()});
  EXPECT_FALSE(check_consistency(ch1, {}).exposures_differ);
}

TEST_F(RealFrames, TwoChannelsAreRefusedUnlessAllowed) {
  const auto frames = open_all({(irac / "ch1/SPITZER_I1_46291456_0056_0000_2_cbcd.fits").string(), (irac / "ch2/SPITZER_I2_46291456_0005_0000_2_cbcd.fits").string()});
  EXPECT_THAT(message_of<DataError>([&] { check_consistency(frames, {}); }),
              testing::AllOf(HasSubstr("'IRAC1'"), HasSubstr("'IRAC2'"), HasSubstr("_0056_"), HasSubstr("_0005_"), HasSubstr("input.mixed=allow")));
  InputOptions allow;
  allow.mixed = Mixed::allow;
  EXPECT_EQ(check_consistency(frames, allow).notes.size(), 1u);
}

TEST_F(RealFrames, ADecamCutoutHasItsInverseVarianceAndCodes) {
  const auto f = open(cutouts / "testcase6/images/decam/CP/V4.8.2a/CP20181103/c4d_181104_072440_ooi_g_ls9.S4.fits");
  EXPECT_EQ(f.profile->name, "decam-cutout");
  EXPECT_EQ(f.noise, NoiseKind::inverse_variance);
  EXPECT_EQ(f.unit, "adu/arcsec2");
  EXPECT_TRUE(f.per_pixel_flux);
  EXPECT_EQ(f.wcs.distortion(), "TPV");
  EXPECT_EQ(f.filter.substr(0, 7), "g DECam");
  EXPECT_GT(f.exposure_s, 0);
  EXPECT_GT(f.mjd_end, f.mjd_begin);
  const Frame frame = read_frame(f, f.box());
  const auto codes = io::FitsFile{f.mask->path}.read_bits(f.mask->hdu);
  const auto weight = io::FitsFile{f.uncertainty->path}.read_float(f.uncertainty->hdu);
  const auto value = io::FitsFile{f.image.path}.read_float(f.image.hdu);
  std::set<std::uint32_t> seen;
  for (std::size_t i = 0; i < codes.pixels().size(); ++i) {
    seen.insert(codes.pixels()[i]);
    const bool good = codes.pixels()[i] == 0 && weight.pixels()[i] > 0;
    ASSERT_EQ(frame.good.pixels()[i], good);
    if (!good) continue;
    ASSERT_NEAR(frame.value.pixels()[i], value.pixels()[i] * f.unit_factor, 1e-4 * std::abs(value.pixels()[i] * f.unit_factor));
    ASSERT_NEAR(frame.variance.pixels()[i] * weight.pixels()[i] / (f.unit_factor * f.unit_factor), 1, 1e-5);
  }
  EXPECT_EQ(seen, (std::set<std::uint32_t>{0, 1, 3, 4}));  // bad, saturated, bleed
}

TEST_F(RealFrames, CodesAreChosenByName) {
  const auto path = cutouts / "testcase6/images/decam/CP/V4.8.2a/CP20181103/c4d_181104_072440_ooi_g_ls9.S4.fits";
  InputOptions options;
  options.fatal_bits = "bad,saturated";
  const auto fewer = open(path, options);
  EXPECT_EQ(fewer.fatal_bits, (1u << 1) | (1u << 3));
  EXPECT_EQ(open(path).fatal_bits, 0x1feu);  // codes 1 to 8
}

TEST_F(RealFrames, EveryCutoutOpensAlsoTheTileCompressedOnes) {
  int count = 0, compressed = 0;
  for (const auto& e : fs::recursive_directory_iterator(cutouts)) {
    if (e.path().filename().string().find("_ooi_") == std::string::npos || e.path().string().find("/images/") == std::string::npos) continue;
    const auto f = open(e.path());
    EXPECT_EQ(f.profile->name, "decam-cutout") << e.path();
    EXPECT_TRUE(f.uncertainty && f.mask) << e.path();
    EXPECT_GT(good_pixels(read_frame(f, f.box())), f.width * f.height / 4) << e.path();
    compressed += io::FitsFile{e.path()}.hdus()[1].compressed;
    ++count;
  }
  EXPECT_EQ(count, 18);
  EXPECT_GE(compressed, 1);
}

TEST_F(RealFrames, BassUnitsAreThoseOfTheChip) {
  const auto f = open(cutouts / "mzlsbass2/images/90prime/CP/V2.3/CP20180312/ksb_180313_081856_ooi_g_ls9.CCD4.fits");
  EXPECT_EQ(f.input_unit, "ADU");
  const auto k = open(cutouts / "mzlsbass2/images/mosaic/CP/V4.3/CP20160318/k4m_160319_075112_ooi_zd_ls9.CCD3.fits");
  EXPECT_EQ(k.unit, "count/s/arcsec2");  // inherited from the primary header
}

TEST_F(RealFrames, AnHscExposureNumbersItsOwnMaskBits) {
  const auto f = open(data / "hsc_exposure_cutout/HSC-0908120-056-small.fits");
  EXPECT_EQ(f.profile->name, "lsst-exposure");
  EXPECT_EQ(f.image.hdu, 1);
  EXPECT_EQ(f.mask->hdu, 2);
  EXPECT_EQ(f.uncertainty->hdu, 3);
  EXPECT_EQ(f.noise, NoiseKind::variance);
  const auto bit = [&](const std::string& name) {
    for (const auto& b : f.mask_bits)
      if (b.name == name) return b.bit;
    return -1;
  };
  EXPECT_EQ(bit("sat"), 1);
  EXPECT_EQ(bit("no_data"), 9);
  EXPECT_EQ(bit("detected"), 5);
  EXPECT_EQ(f.fatal_bits, (1u << 0) | (1u << 1) | (1u << 3) | (1u << 4) | (1u << 9) | (1u << 10));
  EXPECT_EQ(good_pixels(read_frame(f, f.box())), 200 * 200);  // only `detected` and `crosstalk` are set in this cutout
  InputOptions options;
  options.fatal_bits = "detected";
  const auto d = open(f.image.path, options);
  EXPECT_LT(good_pixels(read_frame(d, d.box())), 200 * 200);
}

TEST_F(RealFrames, AnAcsExposureIsReadFromAGzipFile) {
  const auto f = open(data / "hst_acs_47tuc_drizzle/input1.fits.gz");
  EXPECT_EQ(f.profile->name, "hst-acs");
  EXPECT_EQ(f.input_unit, "ELECTRONS");
  EXPECT_EQ(f.unit, "electron/arcsec2");
  EXPECT_EQ(f.filter, "F606W");
  EXPECT_EQ(f.exposure_s, 60);
  EXPECT_NEAR(f.mjd_begin, 52377.86137319, 1e-8);
  EXPECT_NEAR(f.mjd_end, 52377.86208235, 1e-8);
  EXPECT_EQ(f.gain, 1);
  EXPECT_EQ(f.read_noise, 4.71);
  EXPECT_FALSE(f.local_area);
  const Frame frame = read_frame(f, {100, 100, 200, 200});
  const auto value = io::FitsFile{f.image.path}.read_float(f.image.hdu, Box{100, 100, 200, 200});
  EXPECT_GT(good_pixels(frame), 9500);
  for (int x = 100; x < 200; ++x)
    if (frame.good(x, 150)) { EXPECT_NEAR(frame.value(x, 150), value(x, 150) * f.unit_factor, 1e-4 * std::abs(frame.value(x, 150))); }
}

TEST_F(RealFrames, AnExposureWithoutPixelsIsRefused) {
  EXPECT_THAT(message_of<DataError>([&] { open(data / "hst_acs_47tuc_drizzle/j8bt06nyq_sip_flt.fits"); }), HasSubstr("no two-dimensional image called SCI"));
}

TEST_F(RealFrames, AJwstStampHasAMeasuredNoiseOrTheOneGiven) {
  const auto stamp = data / "jwst_nircam_f200w/jw01324001001-01324-o001_t001_nircam_clear-f200w_i2d_stamp.fits";
  const auto noise = data / "jwst_nircam_f200w/jw01324001001-01324-o001_t001_nircam_clear-f200w_i2d_stamp.noise.fits";
  const auto f = open(stamp);
  EXPECT_EQ(f.profile->name, "generic");
  EXPECT_EQ(f.unit, "MJy/sr");
  EXPECT_EQ(f.filter, "F200W");
  EXPECT_TRUE(f.empirical_noise);
  const Frame measured = read_frame(f, {0, 0, 300, 300});
  const auto g = open_frame({stamp, noise, {}, -1}, {}, profiles());
  const Frame given = read_frame(g, {0, 0, 300, 300});
  EXPECT_EQ(g.noise, NoiseKind::sigma);
  // Neighbours of a drizzled image are correlated, so differences see less than the pixel's own error.
  const double ratio = std::sqrt(measured.variance(10, 10) / statistics::median(given.variance.pixels()));
  EXPECT_GT(ratio, 0.2);
  EXPECT_LT(ratio, 1.5);
}

TEST_F(RealFrames, ImagesWithoutAnythingButAWcsAreRead) {
  for (const char* name : {"wcs_images/tpv.fits.gz", "wcs_images/tnx.fits", "wcs_images/zpx.fits", "decam_aligned_stack/DEC-OBS18a.mini.fits",
                           "galactic_centre_multiband/gc_msx_e.fits", "hst_acs_47tuc_drizzle/reference_square_image.fits.gz"}) {
    const auto f = open(data / name);
    EXPECT_EQ(f.profile->name, "generic") << name;
    const Frame frame = read_frame(f, {0, 0, std::min(f.width, 64), std::min(f.height, 64)});
    EXPECT_EQ(frame.box().width(), std::min(f.width, 64)) << name;
  }
  // A calibrated frame under another name: its companions cannot be named, and that is said.
  EXPECT_THAT(message_of<DataError>([&] { open(data / "wcs_images/sipsample.fits"); }), HasSubstr("'spitzer-irac' promises a mask"));
  InputOptions generic;
  generic.profile = "generic";
  const auto sip = open(data / "wcs_images/sipsample.fits", generic);
  EXPECT_EQ(sip.wcs.distortion(), "SIP");
  EXPECT_TRUE(sip.empirical_noise || sip.gain > 0);
  EXPECT_THAT(message_of<DataError>([&] { open(data / "m13_raw_ccd/M13_blue_0001.fits"); }), HasSubstr("M13_blue_0001.fits"));
}

}  // namespace
}  // namespace tessera::instrument
