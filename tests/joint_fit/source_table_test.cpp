#include "tessera/joint_fit/source_table.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tessera/base/error.h"
#include "tessera/wcs/grid.h"

namespace tessera::joint_fit {
namespace {

Table table(const std::string& ra, const std::string& dec, const std::string& flux, const std::string& unit) {
  Table t;
  t.add(ra, std::vector<double>{1, 2, NAN, 4}, "deg");
  t.add(dec, std::vector<double>{10, 91, 30, 40}, "deg");
  t.add(flux, std::vector<double>{5, 6, 7, NAN}, unit);
  return t;
}

TEST(SourceTable, TakesOurNamesMopexsAndThoseThatAreNamed) {
  for (const auto& [ra, dec, flux] : {std::tuple{"ra", "dec", "flux"}, std::tuple{"RA", "Dec", "flux"}, std::tuple{"_RAJ2000", "_DEJ2000", "Fnu"}}) {
    SourceTableOptions o;
    if (std::string{ra}[0] == '_') o.ra = ra, o.dec = dec, o.flux = flux;
    const auto listed = listed_sources(table(ra, dec, flux, "uJy"), "t", o, "uJy");
    ASSERT_EQ(listed.sources.size(), 1U);  // the second lies beyond the pole, the third nowhere, the fourth has no flux
    EXPECT_EQ(listed.sources[0].start.ra_deg, 1);
    EXPECT_EQ(listed.sources[0].flux, 5);
    EXPECT_EQ(listed.chosen, 4);
    EXPECT_FALSE(listed.unit_assumed);
  }
}

TEST(SourceTable, TakesPixelsOfAPlane) {
  wcs::Grid grid;
  grid.crval1_deg = 30, grid.crval2_deg = -20, grid.crpix1 = grid.crpix2 = 50, grid.cdelt1_deg = -1e-3, grid.cdelt2_deg = 1e-3, grid.width = grid.height = 100;
  const auto plane = grid.wcs();
  Table t;
  t.add("x", std::vector<double>{50, 60});
  t.add("y", std::vector<double>{50, 40});
  t.add("flux", std::vector<double>{5, 6}, "uJy");
  const auto listed = listed_sources(t, "t", {}, "uJy", &plane);
  ASSERT_EQ(listed.sources.size(), 2U);
  EXPECT_NEAR(listed.sources[0].start.ra_deg, 30, 1e-9) << "FITS pixels count from 1";
  EXPECT_NEAR(listed.sources[0].start.dec_deg, -20, 1e-9);
  EXPECT_NEAR(listed.sources[1].start.dec_deg, -20.01, 1e-6);
  EXPECT_LT(listed.sources[1].start.ra_deg, 30);
  EXPECT_THROW(listed_sources(table("ra", "dec", "flux", ""), "t", {}, "uJy", &plane), DataError);
}

TEST(SourceTable, ConvertsFluxDensitiesAndMagnitudesAndRefusesOtherUnits) {
  const auto first = [](const char* unit, const char* wanted) { return listed_sources(table("ra", "dec", "flux", unit), "t", {}, wanted).sources.at(0).flux; };
  EXPECT_DOUBLE_EQ(first("mJy", "uJy"), 5e3);
  EXPECT_DOUBLE_EQ(first("Jy", "uJy"), 5e6);
  EXPECT_DOUBLE_EQ(first("nJy", "uJy"), 5e-3);
  EXPECT_NEAR(first("mag", "uJy"), std::pow(10, 0.4 * 18.9), 1e-6);
  EXPECT_EQ(first("electron", "electron"), 5);
  EXPECT_TRUE(listed_sources(table("ra", "dec", "flux", ""), "t", {}, "uJy").unit_assumed);
  EXPECT_THROW(first("electron", "uJy"), DataError);
  EXPECT_THROW(first("uJy", "electron"), DataError);
}

TEST(SourceTable, RowsAreThoseOfTheCondition) {
  SourceTableOptions o;
  o.where = "flux > 5.5";
  const auto listed = listed_sources(table("ra", "dec", "flux", "uJy"), "t", o, "uJy");
  EXPECT_EQ(listed.rows, 4);
  EXPECT_EQ(listed.chosen, 2);
  EXPECT_TRUE(listed.sources.empty());
}

}  // namespace
}  // namespace tessera::joint_fit
