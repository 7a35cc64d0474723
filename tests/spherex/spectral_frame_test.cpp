#include "tessera/spherex/spectral_frame.h"

#include <cmath>

#include "spherex/spectral_file.h"
#include "tessera/spherex/calibration.h"

namespace tessera::spherex {
namespace {

using testing::HasSubstr;

class Frames : public testing::Test {
 protected:
  std::filesystem::path write(const FrameShape& s = {}, const std::string& name = "a.fits") { return write_frame(folder_.path() / name, s); }
  SpectralFrame frame(const FrameShape& s = {}, const std::string& name = "a.fits") { return SpectralFrame::open(write(s, name)); }
  std::string refused(const FrameShape& s) {
    const auto path = write(s);
    return refusal<DataError>([&] { SpectralFrame::open(path); });
  }
  TemporaryFolder folder_;
};
using SpectralFrames = Frames;

TEST_F(SpectralFrames, HeadersTellWhatItIsWhateverTheOrderOfHdus) {
  const auto f = frame();
  EXPECT_EQ(f.detector(), 2);
  EXPECT_EQ(f.observation(), "2025W18_2B_0001_1");
  EXPECT_EQ(f.mjd(), 60800.5);
  EXPECT_EQ(f.box(), (Box{0, 0, 44, 33}));
  EXPECT_EQ(f.quality_fault(), "");
  EXPECT_EQ(f.psf().zones.size(), 121u);
  EXPECT_TRUE(f.caveats().empty()) << f.caveats().front();
}

TEST_F(SpectralFrames, AWindowHoldsTheFilesPixels) {
  const auto f = frame();
  const auto p = f.read_window({5, 7, 12, 9});
  EXPECT_EQ(p.image.pixels().size(), 14u);
  EXPECT_EQ(p.image.pixels()[0], image_at(5, 7));
  EXPECT_EQ(p.image.pixels()[13], image_at(11, 8));
  EXPECT_EQ(p.variance.pixels()[0], image_at(5, 7) / 100 + 1);
  EXPECT_EQ(p.zodi.pixels()[3], 0.25f);
  EXPECT_EQ(p.flags.pixels()[0], std::uint64_t{1} << 12);
  EXPECT_THAT(refusal<UsageError>([&] { f.read_window({40, 0, 45, 1}); }), HasSubstr("window outside"));
}

TEST_F(SpectralFrames, ACutOutSeesTheSameSkyWavelengthsAndZones) {
  const auto whole = frame({.height = 44}, "whole.fits");
  const auto part = frame({.width = 10, .height = 12, .x0 = 20, .y0 = 15}, "part.fits");
  EXPECT_EQ(part.x_offset(), 20);
  EXPECT_EQ(part.y_offset(), 15);
  const auto a = whole.sky().pixel_to_sky(wcs::PixelPoint{23, 19}), b = part.sky().pixel_to_sky(wcs::PixelPoint{3, 4});
  EXPECT_NEAR(a.ra_deg, b.ra_deg, 1e-11);
  EXPECT_NEAR(a.dec_deg, b.dec_deg, 1e-11);
  const auto set = CalibrationSet::find({part.path()});
  const auto w = set.of(2).wavelengths(part, {3, 4, 4, 5}), v = set.of(2).wavelengths(whole, {23, 19, 24, 20});
  EXPECT_EQ(w.centre_um.pixels()[0], v.centre_um.pixels()[0]);
  EXPECT_NEAR(w.centre_um.pixels()[0], lambda_at(23, 19), 1e-6);
  EXPECT_EQ(part.psf().nearest(3 + part.x_offset(), 4 + part.y_offset()), whole.psf().nearest(23, 19));
}

TEST_F(SpectralFrames, FlagsAreReadByTheirCardsPackedOrNot) {
  const auto standard = frame().read_window({0, 0, 44, 33}).flags;
  const auto packed = frame({.rice_flags = true}, "rice.fits").read_window({0, 0, 44, 33}).flags;
  EXPECT_TRUE(std::ranges::equal(standard.pixels(), packed.pixels()));
  const auto moved = frame({.mskn = true}, "mskn.fits").read_window({0, 0, 44, 1}).flags;
  EXPECT_EQ(moved.pixels()[3], std::uint64_t{1} << 10);   // plane bit 3 is HOT there
  EXPECT_EQ(moved.pixels()[10], std::uint64_t{1} << 19);  // and 10 is OUTLIER
  const auto none = frame({.flag_cards = false}, "none.fits");
  EXPECT_EQ(none.read_window({0, 0, 1, 1}).flags.pixels()[0], 1u);
  EXPECT_THAT(none.caveats(), testing::ElementsAre(HasSubstr("no cards")));
}

TEST_F(SpectralFrames, ExchangedZoneCardsOfOldReleasesAreMendedAndCounted) {
  const auto right = frame({.version = "6.5.6"}, "right.fits");
  const auto old = frame({.version = "6.5.5", .exchanged = true}, "old.fits");
  const auto fixed = frame({.version = "6.5.5+psffix1"}, "fixed.fits");
  EXPECT_EQ(old.psf().mended, 110);  // the 11 zones of the diagonal read the same
  EXPECT_EQ(fixed.psf().mended, 0);
  EXPECT_EQ(right.psf().mended, 0);
  EXPECT_THAT(old.caveats(), testing::ElementsAre(HasSubstr("110 PSF zones")));
  const io::FitsFile file{old.path()}, other{fixed.path()};
  for (const auto& [x, y] : {std::pair{3., 40.}, {43., 1.}, {20., 30.}, {0., 0.}}) {
    const auto zone = old.psf().nearest(x, y);
    EXPECT_EQ(zone, fixed.psf().nearest(x, y));
    EXPECT_EQ(old.read_psf(file, zone).pixels()[12], fixed.read_psf(other, zone).pixels()[12]);
    // zone (zx, zy) stands in plane 11 zy + zx
    EXPECT_EQ(zone, 11 * static_cast<std::size_t>(std::min(10., std::max(0., std::round((y - 2.5) / 4)))) + static_cast<std::size_t>(std::min(10., std::max(0., std::round((x - 2.5) / 4)))));
  }
}

TEST_F(SpectralFrames, TheNewerTablesOfPsfsAreRead) {
  const auto f = frame({.psf = false, .epsf = true});
  EXPECT_EQ(f.psf().kind, PsfLayout::Kind::epsf);
  EXPECT_EQ(f.psf().width, 3);
  EXPECT_EQ(f.psf().nearest(30, 10), 1u);
  EXPECT_EQ(f.read_psf(io::FitsFile{f.path()}, 1).pixels()[4], 14.f);
}

TEST_F(SpectralFrames, PvCardsBesideSipChangeNothing) {
  const auto plain = frame(), with = frame({.pv = true}, "pv.fits");
  const auto a = plain.sky().pixel_to_sky(wcs::PixelPoint{40, 3}), b = with.sky().pixel_to_sky(wcs::PixelPoint{40, 3});
  EXPECT_EQ(a.ra_deg, b.ra_deg);
  EXPECT_EQ(a.dec_deg, b.dec_deg);
  EXPECT_THAT(with.caveats(), testing::Contains(HasSubstr("PV cards")));
}

TEST_F(SpectralFrames, WrongFilesAreRefusedInOneLine) {
  EXPECT_THAT(refused({.detector = 7}), HasSubstr("a.fits[IMAGE]: DETECTOR = 7; expected 1 to 6"));
  EXPECT_THAT(refused({.unit = "electron/s"}), HasSubstr("BUNIT = 'electron/s'; expected 'MJy / sr'"));
  EXPECT_THAT(refused({.leave_out = {"FLAGS"}}), HasSubstr("no image FLAGS"));
  EXPECT_THAT(refused({.leave_out = {"VARIANCE"}}), HasSubstr("no image VARIANCE"));
  const auto bare = frame({.psf = false}, "bare.fits");
  EXPECT_THAT(refusal<DataError>([&] { bare.read_psf(io::FitsFile{bare.path()}, 0); }), HasSubstr("neither PSF nor EPSF"));
}

TEST_F(SpectralFrames, CalibrationIsFoundBesideAndReplacesTheFallbacks) {
  const auto f = frame({.width = 10, .height = 12, .x0 = 20, .y0 = 15});
  const auto without = CalibrationSet::find({f.path()});
  EXPECT_EQ(without.of(2).caveats().size(), 3u);
  const auto folder = folder_.path() / "calibration";
  std::filesystem::create_directory(folder);
  const auto map = [&](const std::string& file, const std::vector<std::string>& names, float add, int detector) {
    Image<float> pixels{44, 44};
    for (int y = 0; y < 44; ++y)
      for (int x = 0; x < 44; ++x) pixels(x, y) = image_at(x, y) + add;
    Header head;
    head.set("DETECTOR", std::int64_t{detector});
    io::FitsWriter writer{folder / file};
    writer.add_empty(head);
    for (const auto& n : names) writer.add_image(n, {}, std::as_const(pixels).view());
    writer.close();
  };
  map("spectral_wcs_D2_spx_cal-wcs-v4-2025-150.fits", {"CWAVE", "CBAND"}, 1, 2);
  map("spectral_wcs_D2_spx_cal-wcs-v12-2025-150.fits", {"CWAVE", "CBAND"}, 2, 2);
  map("solid_angle_pixel_map_D2_spx_cal-sapm-v1-2025-150.fits", {"IMAGE"}, 3, 2);
  const auto set = CalibrationSet::find({f.path()});
  EXPECT_EQ(set.of(2).wavelengths(f, {3, 4, 4, 5}).centre_um(3, 4), image_at(23, 19) + 2);  // v12 comes after v4
  EXPECT_EQ(set.of(2).solid_angles(f, {3, 4, 4, 5})(3, 4), image_at(23, 19) + 3);
  EXPECT_EQ(set.of(2).caveats().size(), 1u);
  EXPECT_THAT(refusal<DataError>([&] { set.of(1).wavelengths(f, {0, 0, 1, 1}); }), HasSubstr("detector 2; the calibration is that of detector 1"));
  map("solid_angle_pixel_map_D3_spx_cal-sapm-v1-2025-150.fits", {"IMAGE"}, 3, 2);
  EXPECT_THAT(refusal<DataError>([&] { CalibrationSet::find({f.path()}); }), HasSubstr("DETECTOR = 2; expected 3 as the name says"));
  EXPECT_THAT(refusal<UsageError>([&] { CalibrationSet::find({f.path()}, folder / "absent"); }), HasSubstr("is not a folder"));
}

TEST_F(SpectralFrames, SolidAnglesFollowTheDistortion) {
  const auto f = frame();
  // The area that the Jacobian of SIP gives at (x, y): u = x − 21, A = 1e-4 u², B = 5e-5 u v; on the tangent plane cos³ is 1 to 1e-6 here.
  const double u = 40 - 21;
  const double expected = 6.15 * 6.15 * (1 + 2e-4 * u) * (1 + 5e-5 * u);
  EXPECT_NEAR(solid_angle_arcsec2(f.sky(), 40, 3) / expected, 1, 3e-6);
  const auto map = CalibrationSet::find({f.path()}).of(2).solid_angles(f, {40, 3, 41, 4});
  EXPECT_NEAR(map(40, 3) / expected, 1, 3e-6);
}

TEST_F(SpectralFrames, StripsFollowTheWavelength) {
  const auto f = frame();
  const auto strips = CalibrationSet::find({f.path()}).of(2).strips(f, {0, 0, 44, 33});
  for (const auto& [x, y] : {std::pair{0, 0}, {43, 32}, {10, 25}}) EXPECT_EQ(strips(x, y), ChannelTable::builtin().channel_at(2, static_cast<float>(lambda_at(x, y)))->strip);
}

TEST_F(SpectralFrames, AMapOfChannelsIsUsedBeforeTheWavelength) {
  const auto f = frame({.width = 10, .height = 12, .x0 = 20, .y0 = 15});
  Image<std::int32_t> map{44, 44};
  for (int y = 0; y < 44; ++y)
    for (int x = 0; x < 44; ++x) map(x, y) = x + y < 45 ? 17 : y < 20 ? -1 : 1 + x % 19;  // also numbers that are no strip
  Table table;
  table.name = "SPECTRAL_CHANNELS";
  std::vector<std::int32_t> detector, strip;
  std::vector<double> centre, low, high, width, resolving;
  for (const auto& c : ChannelTable::builtin().channels()) {
    detector.push_back(c.detector), strip.push_back(c.strip);
    centre.push_back(c.centre_um + .001), low.push_back(c.min_um), high.push_back(c.max_um), width.push_back(c.width_um), resolving.push_back(c.resolving_power);
  }
  table.add("DETECTOR", detector), table.add("SUBCHAN", strip), table.add("WAVELENGTH", centre), table.add("WL_MIN", low), table.add("WL_MAX", high), table.add("R", resolving), table.add("BANDWIDTH", width);
  io::FitsWriter writer{folder_.path() / "spectral_channels_spx_cal-sch-v3-2025-150.fits"};
  writer.add_empty({});
  writer.add_image("CHANNEL_MAP", {}, std::as_const(map).view());
  writer.add_table(table);
  writer.close();

  const auto set = CalibrationSet::find({f.path()});
  const auto& products = set.of(2);
  EXPECT_TRUE(products.fixed_strips());
  EXPECT_FALSE(std::ranges::any_of(products.caveats(), [](const std::string& c) { return c.find("CHANNEL_MAP") != std::string::npos; }));
  EXPECT_DOUBLE_EQ(products.channels().channel(20).centre_um, ChannelTable::builtin().channel(20).centre_um + .001);
  const auto strips = products.strips(f, {2, 1, 9, 11});
  for (int y = 1; y < 11; ++y)
    for (int x = 2; x < 9; ++x) {
      const int number = map(x + 20, y + 15);
      EXPECT_EQ(strips(x, y), number >= 1 && number <= 17 ? number : 0) << x << ' ' << y;
    }
  EXPECT_THAT(refusal<DataError>([&] { products.strips(f, {0, 0, 30, 1}); }), HasSubstr("the map ends before"));
}

}  // namespace
}  // namespace tessera::spherex
