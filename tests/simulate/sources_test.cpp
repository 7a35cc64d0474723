#include "tessera/simulate/sources.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "scenes.h"
#include "tessera/wcs/separation.h"

using namespace tessera;
using namespace tessera::simulate;

TEST(Sources, StandInTheFieldWithFluxesBetweenTheLimits) {
  SceneOptions o = quiet_options();
  o.sources.count = 2000;
  const Scene scene = make_scene(o);
  ASSERT_EQ(scene.sources.size(), 2000u);
  int faint = 0;
  for (std::size_t i = 0; i < 2000; ++i) {
    const Source& s = scene.sources[i];
    EXPECT_EQ(s.id, static_cast<std::int64_t>(i) + 1);
    EXPECT_TRUE(s.flux_ujy >= 20 && s.flux_ujy <= 3000);
    const wcs::PixelPoint p = scene.field.plane.sky_to_pixel(s.position);
    EXPECT_TRUE(p.x >= scene.field.x0 && p.x <= scene.field.x1 && p.y >= scene.field.y0 && p.y <= scene.field.y1);
    faint += s.flux_ujy < 100;
  }
  // Share below F: (20^−.7 − F^−.7) / (20^−.7 − 3000^−.7).
  const double share = (std::pow(20, -.7) - std::pow(100, -.7)) / (std::pow(20, -.7) - std::pow(3000, -.7));
  EXPECT_NEAR(faint / 2000.0, share, 5 * std::sqrt(share * (1 - share) / 2000));
}

TEST(Sources, ASourceDoesNotDependOnHowManyThereAre) {
  SceneOptions o = quiet_options();
  o.sources.count = 10;
  const Scene few = make_scene(o);
  o.sources.count = 100;
  const Scene many = make_scene(o);
  for (std::size_t i = 0; i < 10; ++i) {
    EXPECT_EQ(few.sources[i].flux_ujy, many.sources[i].flux_ujy);
    EXPECT_EQ(few.sources[i].position.ra_deg, many.sources[i].position.ra_deg);
  }
}

TEST(Sources, BlendsHaveTheirSeparationAndFluxRatio) {
  SceneOptions o = quiet_options();
  o.sources.count = 400;
  o.sources.blend_fraction = 0.3;
  o.sources.blend_separation_arcsec = 1.7;
  o.sources.blend_flux_ratio = 0.4;
  const Scene scene = make_scene(o);
  std::map<std::int64_t, const Source*> by_id;
  for (const Source& s : scene.sources) EXPECT_TRUE(by_id.emplace(s.id, &s).second);
  int companions = 0, primaries = 0;
  for (const Source& s : scene.sources) {
    primaries += s.blend_id == s.id;
    if (s.blend_id == 0 || s.blend_id == s.id) continue;
    ++companions;
    const Source& primary = *by_id.at(s.blend_id);
    EXPECT_NEAR(separation_deg(s.position, primary.position) * 3600, 1.7, 1e-6);
    EXPECT_DOUBLE_EQ(s.flux_ujy, 0.4 * primary.flux_ujy);
  }
  EXPECT_EQ(companions, primaries);
  EXPECT_NEAR(companions / 400.0, 0.3, 5 * std::sqrt(0.3 * 0.7 / 400));
}

TEST(Sources, MinFramesKeepsThemInsideThatManyFrames) {
  SceneOptions o = quiet_options();
  o.stack.frames = 5;
  o.stack.dither_scale = DitherScale::medium;
  o.sources.count = 60;
  o.sources.min_frames = 4;
  o.sources.edge_pix = 12;
  for (const Placement placement : {Placement::random, Placement::grid}) {
    o.sources.placement = placement;
    const Scene scene = make_scene(o);
    EXPECT_GT(scene.sources.size(), 5u);
    for (const Source& s : scene.sources) {
      int inside = 0;
      for (const wcs::SkyWcs& f : scene.actual_wcs) {
        const wcs::PixelPoint p = f.sky_to_pixel(s.position);
        inside += p.x >= 11.5 && p.x <= 243.5 && p.y >= 11.5 && p.y <= 243.5;
      }
      EXPECT_GE(inside, 4);
    }
  }
  o.sources.min_frames = 6;
  EXPECT_THROW(make_scene(o), UsageError);
  o.sources.min_frames = 1;
  o.sources.edge_pix = 200;
  o.sources.placement = Placement::random;
  EXPECT_THROW(make_scene(o), UsageError);
}

TEST(Sources, AGridFillsTheFieldEvenly) {
  SceneOptions o = quiet_options();
  o.sources.count = 100;
  o.sources.placement = Placement::grid;
  const Scene scene = make_scene(o);
  ASSERT_EQ(scene.sources.size(), 100u);
  const wcs::PixelPoint a = scene.field.plane.sky_to_pixel(scene.sources[0].position), b = scene.field.plane.sky_to_pixel(scene.sources[1].position);
  EXPECT_NEAR(a.y, b.y, 1e-6);
  EXPECT_GT(b.x, a.x + 10);
}

TEST(Sources, TheTruthTableReadsBackAsACatalogue) {
  SceneOptions o = quiet_options();
  o.sources.count = 20;
  o.sources.blend_fraction = 0.5;
  const Scene scene = make_scene(o);
  const std::vector<Source> back = sources_from_table(sources_table(scene.sources), "truth");
  ASSERT_EQ(back.size(), scene.sources.size());
  for (std::size_t i = 0; i < back.size(); ++i) {
    EXPECT_EQ(back[i].id, scene.sources[i].id);
    EXPECT_EQ(back[i].blend_id, scene.sources[i].blend_id);
    EXPECT_EQ(back[i].position.ra_deg, scene.sources[i].position.ra_deg);
    EXPECT_EQ(back[i].flux_ujy, scene.sources[i].flux_ujy);
  }
}

TEST(Sources, ACatalogueWithoutPositionsOrWithBadOnesIsRefusedByName) {
  Table t;
  t.add("ra", std::vector<double>{1, 2});
  t.add("dec", std::vector<double>{1, 91});
  EXPECT_THROW(sources_from_table(t, "stars.tbl"), DataError);
  t.add("flux", std::vector<double>{1, 1});
  try {
    sources_from_table(t, "stars.tbl");
    FAIL() << "declination 91 was accepted";
  } catch (const DataError& e) {
    EXPECT_NE(std::string{e.what()}.find("stars.tbl: row 2"), std::string::npos) << e.what();
  }
}

TEST(Pointings, FollowTheMapThenTheDither) {
  StackOptions o;
  o.frames = 12;
  o.map_columns = 3;
  o.map_rows = 2;
  o.position_angle_deg = 0;
  o.dither = Dither::none;
  o.map_step_arcsec = 100;
  const Camera camera = make_camera({});
  const auto plan = plan_pointings(o, camera);
  ASSERT_EQ(plan.size(), 12u);
  EXPECT_NEAR(separation_deg(plan[0].header, plan[1].header) * 3600, 100, 1e-2);
  EXPECT_NEAR(separation_deg(plan[0].header, plan[3].header) * 3600, 100, 1e-2);
  EXPECT_EQ(plan[0].header.ra_deg, plan[6].header.ra_deg);  // second round, no dither
  EXPECT_GT(plan[0].header.ra_deg, plan[1].header.ra_deg);  // columns run along +x, to the west
  EXPECT_LT(plan[0].header.dec_deg, plan[3].header.dec_deg);
}

TEST(Pointings, DithersHaveTheMedianOfTheirScale) {
  StackOptions o;
  o.frames = 2001;
  const Camera camera = make_camera({});
  for (const Dither d : {Dither::random, Dither::cycling}) {
    o.dither = d;
    std::vector<double> away;
    for (const Pointing& p : plan_pointings(o, camera)) away.push_back(separation_deg({o.ra_deg, o.dec_deg}, p.header) * 3600 / 1.22);
    std::nth_element(away.begin(), away.begin() + 1000, away.end());
    EXPECT_NEAR(away[1000], 53, d == Dither::random ? 4 : 0.5);
    EXPECT_LE(*std::max_element(away.begin(), away.end()), 1.5 * 53 + 1e-6);
  }
}

TEST(Pointings, RollsAndOffsetsHaveTheirWidths) {
  StackOptions o;
  o.frames = 4000;
  o.position_angle_deg = 0;
  o.roll_scatter_deg = 2;
  o.offset_rms = 0.03;
  double roll2 = 0, offset2 = 0;
  for (const Pointing& p : plan_pointings(o, make_camera({}))) {
    roll2 += p.position_angle_deg * p.position_angle_deg;
    offset2 += p.offset * p.offset;
  }
  EXPECT_NEAR(std::sqrt(roll2 / 4000) / 2, 1, 0.06);
  EXPECT_NEAR(std::sqrt(offset2 / 4000) / 0.03, 1, 0.06);
}
