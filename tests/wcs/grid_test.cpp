#include "tessera/wcs/grid.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "headers.h"
#include "tessera/base/error.h"

namespace {

using namespace tessera;
using namespace tessera::wcs_tests;
using wcs::Footprint;
using wcs::Grid;
using wcs::GridOptions;
using wcs::PixelPoint;
using wcs::SkyFrame;
using wcs::SkyPoint;
using wcs::SkyWcs;

SkyWcs read(const Header& h) { return SkyWcs::from_header(h, "x.fits"); }
Footprint outline(const Header& h) {
  const auto w = read(h);
  return wcs::footprint(w, w.width(), w.height());
}

/// Four IRAC-like frames on a cross around (ra, dec).
std::vector<Footprint> dithers(double ra, double dec, double roll = 77) {
  std::vector<Footprint> frames;
  const auto w = read(simple("TAN", ra, dec, 1.2 / 3600));
  for (const auto& [dx, dy] : {std::pair{0.0, 0.0}, std::pair{60.0, 0.0}, std::pair{0.0, 60.0}, std::pair{-60.0, -60.0}}) {
    const auto s = w.pixel_to_sky(PixelPoint{127.5 + dx, 127.5 + dy});
    frames.push_back(outline(sip(s.ra_deg, s.dec_deg, roll)));
  }
  return frames;
}

/// Distance by which a footprint sticks out of the grid, pixels; negative inside.
double overhang(const Grid& g, const std::vector<Footprint>& frames) {
  const auto w = g.wcs();
  double worst = -INFINITY;
  for (const auto& f : frames)
    for (const auto& s : f.border) {
      const auto p = w.sky_to_pixel(s);
      worst = std::max({worst, -0.5 - p.x, p.x - (g.width - 0.5), -0.5 - p.y, p.y - (g.height - 0.5)});
    }
  return worst;
}

std::string refusal(const std::vector<Footprint>& frames, const GridOptions& options) {
  try {
    wcs::fiducial_grid(frames, options);
  } catch (const Error& e) {
    return e.what();
  }
  return "accepted";
}

TEST(Footprint, FollowsTheDistortedPixelEdges) {
  const auto w = read(sip());
  const auto f = wcs::footprint(w, 256, 256);
  const auto corner = w.pixel_to_sky(PixelPoint{-0.5, -0.5});
  EXPECT_LT(separation_arcsec(f.border.front(), corner), 1e-9);
  EXPECT_GE(f.border.size(), 64u);
  EXPECT_NEAR(f.pixel_scale_arcsec, 1.22, 1e-4);
  EXPECT_NEAR(f.north_angle_deg, w.north_angle_deg({127.5, 127.5}), 1e-2);
}

TEST(Footprint, OfAMirroredFrameNamesTheRotationThatSetsItUpright) {
  Header mirrored = simple();
  mirrored.set("CDELT1", 1.2 / 3600);
  mirrored.set("CROTA2", 30.0);
  const auto w = read(mirrored);
  GridOptions options;
  const auto grid = wcs::fiducial_grid({wcs::footprint(w, 256, 256)}, options).wcs();
  const auto a = grid.sky_to_pixel(w.pixel_to_sky(PixelPoint{127, 100})), b = grid.sky_to_pixel(w.pixel_to_sky(PixelPoint{127, 150}));
  EXPECT_NEAR(a.x, b.x, 1e-3);
  EXPECT_GT(b.y, a.y);
}

TEST(FiducialGrid, HoldsAllFramesTightly) {
  for (const auto& [ra, dec] : std::vector<std::pair<double, double>>{{120, -9}, {0.01, 5}, {359.99, -70}, {40, 89.98}, {40, -90}}) {
    SCOPED_TRACE(fmt::format("{} {}", ra, dec));
    const auto frames = dithers(ra, dec);
    const Grid g = wcs::fiducial_grid(frames, {});
    EXPECT_LE(overhang(g, frames), 1e-6);
    EXPECT_GT(overhang(g, frames), -1.5);
    EXPECT_LT(g.width, 460);
    EXPECT_LT(g.cdelt1_deg, 0);
    EXPECT_GT(g.cdelt2_deg, 0);
    EXPECT_EQ(g.crpix1, (g.width + 1) / 2.0);
    EXPECT_NEAR(g.cdelt2_deg * 3600, 1.22, 1e-4);
  }
}

TEST(FiducialGrid, MeanRotationSetsTheFramesUpright) {
  for (const double roll : {77.0, -150.0, 179.9}) {
    const Grid g = wcs::fiducial_grid(dithers(120, -9, roll), {});
    EXPECT_NEAR(std::remainder(g.crota2_deg - roll, 360), 0, 0.05) << roll;
    EXPECT_NEAR(std::remainder(g.wcs().north_angle_deg({g.width / 2.0, g.height / 2.0}) - g.crota2_deg, 360), 0, 1e-3);
  }
  // The mean of angles on both sides of ±180° is 180°, not 0.
  auto frames = dithers(120, -9, 175);
  for (const auto& f : dithers(120, -9, -175)) frames.push_back(f);
  EXPECT_NEAR(std::abs(wcs::fiducial_grid(frames, {}).crota2_deg), 180, 0.05);
  GridOptions fixed;
  fixed.rotation = "12.5";
  EXPECT_EQ(wcs::fiducial_grid(frames, fixed).crota2_deg, 12.5);
}

TEST(FiducialGrid, InGalacticAndEclipticFramesIsUprightOnTheFramesToo) {
  for (const auto frame : {SkyFrame::galactic, SkyFrame::ecliptic}) {
    GridOptions options;
    options.frame = frame;
    const auto frames = dithers(120, -9, 40);
    const Grid g = wcs::fiducial_grid(frames, options);
    EXPECT_LE(overhang(g, frames), 1e-6);
    const auto w = g.wcs();
    // +y of the grid and +y of the frames point the same way: north stands at the frames' 40° in both.
    EXPECT_NEAR(w.north_angle_deg({g.width / 2.0, g.height / 2.0}), 40, 0.1);
    EXPECT_EQ(w.frame(), frame == SkyFrame::galactic ? "GALACTIC" : "ECLIPTIC");
  }
}

TEST(FiducialGrid, WorksInEveryProjectionOnOffer) {
  const auto frames = dithers(250, 36);
  for (const char* projection : {"TAN", "SIN", "STG", "ARC", "ZEA", "AIR", "CAR", "MER", "CEA", "CYP", "SFL", "PAR", "MOL", "AIT", "COP", "COE", "COD", "COO", "BON", "PCO"}) {
    SCOPED_TRACE(projection);
    GridOptions options;
    options.projection = projection;
    const Grid g = wcs::fiducial_grid(frames, options);
    EXPECT_LE(overhang(g, frames), 1e-6);
    EXPECT_GT(overhang(g, frames), -2);
    const auto middle = g.wcs().pixel_to_sky(PixelPoint{g.crpix1 - 1, g.crpix2 - 1});
    EXPECT_LT(separation_arcsec(middle, {250, 36}), 120);
    const auto shown = g.header();
    EXPECT_FALSE(shown.has("A_ORDER"));
    EXPECT_EQ(*shown.text("CUNIT1"), "deg");
  }
}

TEST(FiducialGrid, ObeysPixelSizePaddingCentreAndSize) {
  const auto frames = dithers(120, -9);
  const Grid plain = wcs::fiducial_grid(frames, {});
  GridOptions options;
  options.oversample = 2;
  EXPECT_NEAR(wcs::fiducial_grid(frames, options).cdelt2_deg / plain.cdelt2_deg, 0.5, 1e-12);
  EXPECT_NEAR(wcs::fiducial_grid(frames, options).width, 2 * plain.width, 2);
  options.pixel_scale_arcsec = 0.6;
  EXPECT_NEAR(wcs::fiducial_grid(frames, options).cdelt1_deg * 3600, -0.6, 1e-12);
  GridOptions padded;
  padded.padding_arcsec = 12.2;
  EXPECT_NEAR(wcs::fiducial_grid(frames, padded).width, plain.width + 20, 1);
  GridOptions cut;
  cut.center = "8:00:02.4 -09:01:00";
  cut.size = "100 50";
  const Grid g = wcs::fiducial_grid(frames, cut);
  EXPECT_EQ(g.width, 100);
  EXPECT_EQ(g.height, 50);
  EXPECT_LT(separation_arcsec(g.wcs().pixel_to_sky(PixelPoint{49.5, 24.5}), {120.01, -9 - 1 / 60.0}), 1e-6);
  cut.center = "120.01 -9.0166666666666667";
  EXPECT_NEAR(wcs::fiducial_grid(frames, cut).crval1_deg, g.crval1_deg, 1e-9);
  cut.size.clear();
  EXPECT_LE(overhang(wcs::fiducial_grid(frames, cut), frames), 1e-6);
}

TEST(FiducialGrid, RefusesNonsenseClearly) {
  const auto frames = dithers(120, -9);
  const auto option = [](auto change) {
    GridOptions o;
    change(o);
    return o;
  };
  EXPECT_THAT(refusal(frames, option([](auto& o) { o.projection = "TAM"; })), testing::HasSubstr("TAN"));
  EXPECT_THAT(refusal(frames, option([](auto& o) { o.projection = "ZPN"; })), testing::HasSubstr("expected one of"));
  EXPECT_THAT(refusal(frames, option([](auto& o) { o.rotation = "left"; })), testing::HasSubstr("grid.rotation"));
  EXPECT_THAT(refusal(frames, option([](auto& o) { o.center = "120"; })), testing::HasSubstr("grid.center"));
  EXPECT_THAT(refusal(frames, option([](auto& o) { o.center = "120 -95"; })), testing::HasSubstr("grid.center"));
  EXPECT_THAT(refusal(frames, option([](auto& o) { o.center = "8:70:00 -9:00:00"; })), testing::HasSubstr("grid.center"));
  EXPECT_THAT(refusal(frames, option([](auto& o) { o.size = "100 -5"; })), testing::HasSubstr("grid.size"));
  EXPECT_THAT(refusal(frames, option([](auto& o) { o.oversample = 0; })), testing::HasSubstr("oversample"));
  EXPECT_THAT(refusal(frames, option([](auto& o) { o.pixel_scale_arcsec = 1e-7; })), testing::HasSubstr("pixels wide"));
  EXPECT_THAT(refusal({}, {}), testing::HasSubstr("needs frames"));
  EXPECT_THAT(refusal(dithers(10, 0.001), option([](auto& o) { o.projection = "COE"; })), testing::HasSubstr("cone"));
}

TEST(FiducialGrid, RefusesFramesMoreThanAHemisphereApartInTan) {
  auto frames = dithers(10, 20);
  for (const auto& f : dithers(150, -40)) frames.push_back(f);
  for (const auto& f : dithers(260, -10)) frames.push_back(f);
  EXPECT_THAT(refusal(frames, {}), testing::HasSubstr("has no image in projection TAN"));
  GridOptions options;
  options.projection = "AIT";
  options.pixel_scale_arcsec = 600;
  EXPECT_EQ(refusal(frames, options), "accepted");
}

TEST(FiducialGrid, TellsAbsurdSizesWithoutBuildingThem) {
  GridOptions options;
  options.pixel_scale_arcsec = 5e-4;
  const Grid g = wcs::fiducial_grid(dithers(120, -9), options);
  EXPECT_GT(static_cast<double>(g.width) * g.height, 1e11);
}

TEST(GridFile, FifTableGivesTheSameGridBack) {
  for (const auto frame : {SkyFrame::icrs, SkyFrame::galactic, SkyFrame::ecliptic}) {
    GridOptions options;
    options.frame = frame;
    options.projection = "COE";
    const Grid g = wcs::fiducial_grid(dithers(200, -29), options), back = wcs::grid_from_fif(wcs::fif_table(g), "FIF.tbl");
    EXPECT_EQ(back.header().cards80(), g.header().cards80());
  }
}

/// The keywords of the table printed in the MOPEX guide, section 5.3.
Table mopex_fif() {
  Table t;
  for (const auto& [key, value] : std::vector<std::pair<const char*, double>>{{"CRVAL1", 329.129598}, {"CRVAL2", 64.662007}, {"CRPIX1", 264.5}, {"CRPIX2", 382.5},
                                                                              {"CROTA2", -71.01896}, {"CDELT1", -3.39817e-4}, {"CDELT2", -3.39801e-4}})
    t.keywords.push_back({key, value, ""});
  t.keywords.push_back({"NAXIS1", std::int64_t{528}, ""});
  t.keywords.push_back({"NAXIS2", std::int64_t{764}, ""});
  t.keywords.push_back({"EQUINOX", std::int64_t{2000}, ""});
  t.keywords.push_back({"PROJTYPE", std::string{"TAN"}, ""});
  t.keywords.push_back({"COORDINATE_SYSTEM", std::string{"J2000"}, ""});
  t.keywords.push_back({"CTYPE1", std::string{"RA---TAN"}, ""});
  t.keywords.push_back({"CTYPE2", std::string{"DEC--TAN"}, ""});
  t.keywords.push_back({"EXTENT_X", 0.179423, ""});
  return t;
}

TEST(GridFile, MopexsOwnFifIsHonouredAsItIs) {
  const Grid g = wcs::grid_from_fif(mopex_fif(), "FIF.tbl");
  EXPECT_EQ(g.cdelt2_deg, -3.39801e-4);
  EXPECT_EQ(g.crota2_deg, -71.01896);
  EXPECT_EQ(g.height, 764);
  const auto w = g.wcs();
  EXPECT_LT(separation_arcsec(w.pixel_to_sky(PixelPoint{263.5, 381.5}), {329.129598, 64.662007}), 1e-6);
  EXPECT_FALSE(w.flipped({263.5, 381.5})) << "two negative steps mirror the sky";
}

TEST(GridFile, RefusesAFifByTheKeywordThatIsWrong) {
  const auto refused = [](auto change) -> std::string {
    Table t = mopex_fif();
    change(t.keywords);
    try {
      wcs::grid_from_fif(t, "my FIF.tbl");
    } catch (const DataError& e) {
      return e.what();
    }
    return "accepted";
  };
  EXPECT_THAT(refused([](auto& k) { k.erase(k.begin()); }), testing::AllOf(testing::StartsWith("my FIF.tbl: "), testing::HasSubstr("CRVAL1")));
  EXPECT_THAT(refused([](auto& k) { k[0].value = std::string{"x"}; }), testing::HasSubstr("CRVAL1 = 'x'"));
  EXPECT_THAT(refused([](auto& k) { k[7].value = 10.5; }), testing::HasSubstr("NAXIS1"));
  EXPECT_THAT(refused([](auto& k) { k[7].value = std::int64_t{0}; }), testing::HasSubstr("NAXIS1"));
  EXPECT_THAT(refused([](auto& k) { k[5].value = 0.0; }), testing::HasSubstr("singular"));
  EXPECT_THAT(refused([](auto& k) { k[10].value = std::string{"FOO"}; }), testing::HasSubstr("FOO"));
  EXPECT_THAT(refused([](auto& k) { k[11].value = std::string{"B1950"}; }), testing::HasSubstr("COORDINATE_SYSTEM"));
  EXPECT_THAT(refused([](auto& k) { k[9].value = std::int64_t{1950}; }), testing::HasSubstr("EQUINOX"));
}

TEST(GridFile, AHeadersGridPutsEveryPixelWhereTheHeaderDoes) {
  Header cd = simple("TAN", 120, -9, 1.0 / 3600, 300);
  for (const char* key : {"CDELT1", "CDELT2"}) cd.remove(key);
  const double s = 1 / 3600.0, c = std::cos(2.4), n = std::sin(2.4);
  cd.set("CD1_1", -s * c);
  cd.set("CD1_2", -s * n);
  cd.set("CD2_1", -s * n);
  cd.set("CD2_2", s * c);
  Header skewed = cd, swapped = simple(), poles = simple("ZEA", 10, 20), fk5 = simple(), crota = simple();
  skewed.set("CD1_2", -1.3 * s * n);
  for (const char* stem : {"CTYPE", "CRVAL", "CDELT"}) {
    swapped.set(fmt::format("{}1", stem), simple().find(fmt::format("{}2", stem))->value);
    swapped.set(fmt::format("{}2", stem), simple().find(fmt::format("{}1", stem))->value);
  }
  poles.set("LONPOLE", 140.0);
  fk5.set("RADESYS", std::string{"FK5"});
  fk5.set("EQUINOX", 1975.0);
  crota.set("CROTA2", 33.3);
  for (const Header& h : {cd, skewed, swapped, poles, fk5, crota, simple()}) {
    const Grid g = wcs::grid_from_header(h, "ref.fits");
    const auto ours = g.wcs(), theirs = read(h);
    EXPECT_EQ(g.width, theirs.width());
    for (const PixelPoint p : {PixelPoint{0, 0}, PixelPoint{200, 13}, PixelPoint{77, 240}}) {
      const auto q = ours.sky_to_pixel(theirs.pixel_to_sky(p));
      EXPECT_NEAR(q.x, p.x, 1e-7);
      EXPECT_NEAR(q.y, p.y, 1e-7);
    }
  }
  EXPECT_TRUE(wcs::grid_from_header(cd, "").extra.empty());
  EXPECT_FALSE(wcs::grid_from_header(skewed, "").extra.empty());
  EXPECT_EQ(wcs::grid_from_header(crota, "").crota2_deg, 33.3);
  EXPECT_FALSE(wcs::fif_table(wcs::grid_from_header(skewed, "")).comments.empty());
  EXPECT_THROW(wcs::grid_from_header(sip(), "ref.fits"), DataError);
  Header sizeless = simple();
  sizeless.remove("NAXIS2");
  EXPECT_THROW(wcs::grid_from_header(sizeless, "ref.fits"), DataError);
}

TEST(GridOptions, AreDeclaredWithTheirChoices) {
  GridOptions options;
  param::OptionSet set;
  set.add("grid", "output grid", options);
  set.assign("grid.frame", "Galactic", param::Source::command_line, "test");
  set.assign("grid.pixel_scale", "0.6", param::Source::command_line, "test");
  EXPECT_EQ(options.frame, SkyFrame::galactic);
  set.assign("grid.frame", "J2000", param::Source::command_line, "test");
  EXPECT_EQ(options.frame, SkyFrame::icrs);
  EXPECT_THROW(set.assign("grid.frame", "supergalactic", param::Source::command_line, "test"), UsageError);
  EXPECT_EQ(options.pixel_scale_arcsec, 0.6);
}

TEST(Grid, PixelsMayBeHigherThanWide) {
  const auto frames = dithers(50, 20);
  GridOptions square, tall;
  square.pixel_scale_arcsec = tall.pixel_scale_arcsec = 1.0;
  tall.pixel_scale_y_arcsec = 2.0;
  const auto a = wcs::fiducial_grid(frames, square), b = wcs::fiducial_grid(frames, tall);
  EXPECT_DOUBLE_EQ(b.cdelt2_deg, 2.0 / 3600);
  EXPECT_EQ(b.width, a.width);
  EXPECT_NEAR(b.height, a.height / 2.0, 1.0);
  EXPECT_LT(overhang(b, frames), 0.01);
  GridOptions ratio;
  ratio.oversample = 2, ratio.oversample_y = 0.5;
  const auto c = wcs::fiducial_grid(frames, ratio);
  EXPECT_NEAR(c.cdelt2_deg / -c.cdelt1_deg, 4, 1e-12);
}

TEST(Grid, OfAFileKeepsItsAreaWithOtherPixels) {
  const auto frames = dithers(50, 20);
  GridOptions options;
  options.pixel_scale_arcsec = 1.2;
  const auto file = wcs::fiducial_grid(frames, options);
  EXPECT_EQ(wcs::resized(file, frames, options).width, file.width) << "its own size leaves it as it is";
  options.pixel_scale_arcsec = 0.5, options.pixel_scale_y_arcsec = 0.7;
  const auto grid = wcs::resized(file, frames, options);
  EXPECT_DOUBLE_EQ(grid.cdelt1_deg, -0.5 / 3600);
  EXPECT_DOUBLE_EQ(grid.cdelt2_deg, 0.7 / 3600);
  EXPECT_EQ(grid.width, static_cast<int>(std::ceil(file.width * 1.2 / 0.5 - 1e-6)));
  // The first corner stays, and the last is within a pixel.
  const auto corner = grid.wcs().pixel_to_sky(PixelPoint{-0.5, -0.5}), was = file.wcs().pixel_to_sky(PixelPoint{-0.5, -0.5});
  EXPECT_NEAR(corner.ra_deg, was.ra_deg, 1e-9);
  EXPECT_NEAR(corner.dec_deg, was.dec_deg, 1e-9);
  const auto last = grid.wcs().sky_to_pixel(file.wcs().pixel_to_sky(PixelPoint{file.width - 0.5, file.height - 0.5}));
  EXPECT_GT(last.x, grid.width - 1.5);
  EXPECT_LT(last.x, grid.width - 0.5 + 1e-5);
}

TEST(Grid, GrowsOnAllSides) {
  const auto frames = dithers(50, 20);
  const auto a = wcs::fiducial_grid(frames, {}), b = wcs::grown(a, 7);
  EXPECT_EQ(b.width, a.width + 14);
  const auto here = b.wcs().sky_to_pixel(a.wcs().pixel_to_sky(PixelPoint{3, 5}));
  EXPECT_NEAR(here.x, 10, 1e-8);
  EXPECT_NEAR(here.y, 12, 1e-8);
}

}  // namespace
