#include "tessera/simulate/layout.h"

#include <gtest/gtest.h>

#include <cmath>

#include "scenes.h"
#include "tessera/simulate/truth.h"

using namespace tessera;
using namespace tessera::simulate;

namespace {

SceneOptions with_defects(Layout layout) {
  SceneOptions o = quiet_options();
  o.camera.layout = layout;
  o.camera.width = 64;
  o.camera.height = 48;
  o.sky.level = 0.5;
  o.defects.dead_fraction = 0.01;
  o.defects.hot_fraction = 0.01;
  return o;
}

}  // namespace

TEST(Layout, IracFramesAreThreeFilesWithTheHeadersTheProfileLooksFor) {
  const Scene scene = make_scene(with_defects(Layout::irac));
  const auto files = lay_out(scene, 1, expose(scene, 1));
  ASSERT_EQ(files.size(), 3u);
  EXPECT_EQ(files[0].file_name, "SIM_I1_0001_cbcd.fits");
  EXPECT_EQ(files[1].file_name, "SIM_I1_0001_cbunc.fits");
  EXPECT_EQ(files[2].file_name, "SIM_I1_0001_bimsk.fits");
  const Header& h = files[0].hdus.at(0).header;
  EXPECT_EQ(h.text("TELESCOP"), "Spitzer");
  EXPECT_EQ(h.text("INSTRUME"), "IRAC");
  EXPECT_EQ(h.integer("CHNLNUM"), 1);
  EXPECT_EQ(h.text("BUNIT"), "MJy/sr");
  EXPECT_EQ(h.text("CTYPE1"), "RA---TAN-SIP");
  EXPECT_EQ(h.number("EXPTIME"), 93.6);
  EXPECT_EQ(h.number("FLUXCONV"), 0.1257);
  EXPECT_EQ(h.number("GAIN"), 3.7);
  EXPECT_EQ(h.number("CRVAL1"), scene.pointings[1].header.ra_deg);
  for (const char* key : {"A_ORDER", "B_ORDER", "AP_ORDER", "BP_ORDER", "A_2_0", "MJD_OBS", "DATE_OBS", "RONOISE", "FRAMTIME"}) EXPECT_TRUE(h.has(key)) << key;
  EXPECT_FALSE(h.has("NAXIS1"));
  EXPECT_EQ(files[2].hdus[0].header.integer("BIT14"), 16384);
  EXPECT_EQ(files[2].hdus[0].header.text("INSTRUME"), "IRAC");
}

TEST(Layout, MaskPlanesFlagWhatIsBadInTheLayoutsBits) {
  EXPECT_EQ(mask_value(Layout::irac, Flag::dead, false), 16384);
  EXPECT_EQ(mask_value(Layout::irac, Flag::hot, false), 16384);
  EXPECT_EQ(mask_value(Layout::irac, Flag::hot | Flag::hidden, false), 0);
  EXPECT_EQ(mask_value(Layout::irac, Flag::saturated, false), 8192);
  EXPECT_EQ(mask_value(Layout::irac, Flag::cosmic, false), 0);
  EXPECT_EQ(mask_value(Layout::irac, Flag::cosmic | Flag::saturated, true), 512 + 8192);
  EXPECT_EQ(mask_value(Layout::hst, Flag::dead | Flag::cosmic, true), 4 + 4096);
  EXPECT_EQ(mask_value(Layout::jwst, Flag::dead, true), 1 + 1024);
  EXPECT_EQ(mask_value(Layout::jwst, Flag::saturated, true), 1 + 2);

  const Scene scene = make_scene(with_defects(Layout::irac));
  const auto files = lay_out(scene, 0, expose(scene, 0));
  const auto& mask = std::get<Image<std::int16_t>>(files[2].hdus[0].pixels);
  int flagged = 0;
  for (std::size_t i = 0; i < mask.pixels().size(); ++i) {
    EXPECT_EQ(mask.pixels()[i] != 0, scene.detector.pixels()[i] != 0);
    flagged += mask.pixels()[i] != 0;
  }
  EXPECT_EQ(flagged, 62);  // 31 of each kind
}

TEST(Layout, HstFramesHoldElectronsInThreeExtensions) {
  const Scene scene = make_scene(with_defects(Layout::hst));
  const Exposure e = expose(scene, 0);
  const auto files = lay_out(scene, 0, expose(scene, 0));
  ASSERT_EQ(files.size(), 1u);
  EXPECT_EQ(files[0].file_name, "SIM_HST_0000_flt.fits");
  ASSERT_EQ(files[0].hdus.size(), 4u);
  EXPECT_EQ(files[0].hdus[0].header.text("INSTRUME"), "ACS");
  EXPECT_TRUE(std::holds_alternative<std::monostate>(files[0].hdus[0].pixels));
  const auto& sci = files[0].hdus[1];
  EXPECT_EQ(sci.name, "SCI");
  EXPECT_EQ(sci.header.text("BUNIT"), "ELECTRONS");
  EXPECT_FALSE(sci.header.has("AP_ORDER"));
  const auto& pixels = std::get<Image<float>>(sci.pixels);
  const double g = scene.camera.electrons_per_mjysr();
  for (std::size_t i = 0; i < pixels.pixels().size(); ++i)
    if (!std::isnan(e.value.pixels()[i])) {
      ASSERT_NEAR(pixels.pixels()[i], e.value.pixels()[i] * g, 1e-6 * g);
    }
  // PHOTFLAM turns the electrons of a star back into its flux: F_ν = PHOTFLAM · λ²/c · e/s.
  const double lambda = *sci.header.number("PHOTPLAM"), rate = 1000e-12 / scene.solid_angle(31, 23) * g / scene.camera.exposure_s;
  const double ujy = *sci.header.number("PHOTFLAM") * rate * lambda * lambda / 2.99792458e18 * 1e29;
  EXPECT_NEAR(ujy, 1000, 1e-6);
}

TEST(Layout, JwstAndPlainFramesHaveTheirCards) {
  const Scene jwst = make_scene(with_defects(Layout::jwst));
  const auto jwst_files = lay_out(jwst, 0, expose(jwst, 0));
  const FrameHdus& file = jwst_files.at(0);
  EXPECT_EQ(file.file_name, "SIM_JWST_0000_cal.fits");
  EXPECT_EQ(file.hdus.at(0).header.text("TELESCOP"), "JWST");
  EXPECT_EQ(file.hdus.at(3).name, "DQ");
  EXPECT_TRUE(std::holds_alternative<Image<std::int32_t>>(file.hdus[3].pixels));
  EXPECT_NEAR(*file.hdus[1].header.number("PIXAR_A2") / (1.22 * 1.22), 1, 0.01);
  const Scene plain = make_scene(with_defects(Layout::plain));
  const auto plain_files = lay_out(plain, 2, expose(plain, 2));
  const FrameHdus& one = plain_files.at(0);
  EXPECT_EQ(one.file_name, "SIM_PLAIN_0002.fits");
  ASSERT_EQ(one.hdus.size(), 1u);
  EXPECT_NEAR(*one.hdus[0].header.number("GAIN"), plain.camera.electrons_per_mjysr(), 1e-9);
}

TEST(Layout, DatesAreThoseOfTheModifiedJulianDate) {
  SceneOptions o = with_defects(Layout::irac);
  o.stack.mjd_start = 56293.7847044;  // a real frame: DATE_OBS 2013-01-01T18:49:58.456
  const Scene scene = make_scene(o);
  EXPECT_EQ(lay_out(scene, 0, expose(scene, 0))[0].hdus[0].header.text("DATE_OBS"), "2013-01-01T18:49:58.460");  // MJD has seven decimals: 9 ms
  o.stack.mjd_start = 51544 - 1e-10;  // rounds up to the next day
  const Scene eve = make_scene(o);
  EXPECT_EQ(lay_out(eve, 0, expose(eve, 0))[0].hdus[0].header.text("DATE_OBS"), "2000-01-01T00:00:00.000");
}

TEST(Truth, TellsOffsetsPlacesAndCosmicRays) {
  SceneOptions o = with_defects(Layout::irac);
  o.stack.offset_rms = 0.1;
  o.stack.pointing_error_arcsec = 1;
  o.defects.cosmic_fraction = 0.01;
  const Scene scene = make_scene(o);
  std::vector<FrameTruth> truth;
  for (std::size_t i = 0; i < 3; ++i) {
    const Exposure e = expose(scene, i);
    truth.push_back(truth_of(e));
    std::int64_t set = 0;
    const Image<std::int16_t> mask = cosmic_mask(e);
    for (const std::int16_t m : mask.pixels()) set += m;
    EXPECT_EQ(set, 31);  // 0.01 · 64 · 48
  }
  const Table t = frames_table(scene, truth);
  ASSERT_EQ(t.rows(), 3u);
  const auto offset = t.numbers("offset"), ra = t.numbers("ra"), header_ra = t.numbers("header_ra"), hit = t.numbers("cosmic_pixels");
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(offset[i], scene.pointings[i].offset);
    EXPECT_NE(ra[i], header_ra[i]);
    EXPECT_EQ(hit[i], 31);
  }
}

TEST(Truth, TheSkyImageIsTheSkyAtItsPixels) {
  SceneOptions o = with_defects(Layout::irac);
  o.sky.gradient = 2;
  o.sky.nebula_peak = 1;
  o.sky.nebula_fwhm_arcsec = 40;
  const Scene scene = make_scene(o);
  const SkyImage image = sky_image(scene, 128);
  EXPECT_TRUE(image.pixels.box().width() == 128 || image.pixels.box().height() == 128);
  const wcs::SkyWcs wcs = wcs::SkyWcs::from_header(image.header, "truth_sky");
  for (const auto& [x, y] : {std::pair{0, 0}, {60, 70}, {100, 20}}) {
    const wcs::PixelPoint p = scene.field.plane.sky_to_pixel(wcs.pixel_to_sky(wcs::PixelPoint{double(x), double(y)}));
    EXPECT_NEAR(image.pixels(x, y), sky_brightness(o.sky, p.x, p.y), 1e-6);
  }
}
