#include "tessera/instrument/cards.h"

#include <gtest/gtest.h>

namespace tessera::instrument {
namespace {

TEST(Dates, BecomeModifiedJulianDates) {
  EXPECT_NEAR(*mjd_of("2013-01-01T18:49:58.456"), 56293.7847044, 1e-7);  // DATE_OBS and MJD_OBS of one IRAC frame
  EXPECT_NEAR(*mjd_of("2018-05-18T04:41:38.757696"), 58256.19558747, 1e-8);  // DECam
  EXPECT_NEAR(*mjd_of("2002-04-13", "20:40:22"), 52377.86136, 2e-5);  // ACS: EXPSTART 52377.86137319
  EXPECT_EQ(*mjd_of("1858-11-17"), 0);
  EXPECT_EQ(*mjd_of("2000-03-01"), 51604);
  EXPECT_EQ(*mjd_of("1999-12-31T24:00:00"), 51544);
  EXPECT_EQ(*mjd_of("26/10/92"), 48921);  // the form before 2000
  EXPECT_EQ(*mjd_of("2000-02-29T00:00:00Z"), 51603);
}

TEST(Dates, NonsenseIsNoDate) {
  for (const char* s : {"", "yesterday", "2013-13-01", "2013-00-10", "2013-01-40", "2013/1", "-1-1-1", "2013-01"}) EXPECT_FALSE(mjd_of(s)) << s;
}

struct Roles : testing::Test {
  Profile profile;
  Header image, primary;
  RoleCards cards{profile, image, primary};
};

TEST_F(Roles, TheImageHeaderComesBeforeThePrimaryOne) {
  profile.cards["exposure"] = {"XPOSURE", "EXPTIME"};
  primary.set("EXPTIME", 60.0);
  EXPECT_EQ(cards.positive("exposure"), 60.0);
  image.set("EXPTIME", std::int64_t{30});
  EXPECT_EQ(cards.positive("exposure"), 30.0);
  primary.set("XPOSURE", 5.0);
  EXPECT_EQ(cards.positive("exposure"), 5.0);
  EXPECT_FALSE(cards.positive("gain"));
}

TEST_F(Roles, TheFirstPositiveOneIsTheAmplifierThatWasRead) {
  profile.cards["read_noise"] = {"READNSEA", "READNSEB", "READNSEC"};
  primary.set("READNSEA", 0.0);
  primary.set("READNSEC", 4.71);
  EXPECT_EQ(cards.positive("read_noise"), 4.71);
}

TEST_F(Roles, FiltersAreJoinedWithoutClearElements) {
  profile.cards["filter"] = {"FILTER1+FILTER2", "BAND"};
  EXPECT_EQ(cards.filter(), "");
  primary.set("BAND", std::string{"r"});
  EXPECT_EQ(cards.filter(), "r");
  primary.set("FILTER1", std::string{"F606W "});
  primary.set("FILTER2", std::string{"CLEAR2S"});
  EXPECT_EQ(cards.filter(), "F606W");
  primary.set("FILTER2", std::string{"POL0V"});
  EXPECT_EQ(cards.filter(), "F606W+POL0V");
  profile.filters["F606W+POL0V"] = "broad V";
  EXPECT_EQ(cards.filter(), "broad V");
}

TEST_F(Roles, ATextIsADateAndANumberAnMjd) {
  profile.cards["mjd_begin"] = {"MJD", "DATE-OBS"};
  profile.cards["time"] = {"TIME-OBS"};
  image.set("DATE-OBS", std::string{"2000-03-01"});
  image.set("TIME-OBS", std::string{"12:00:00"});
  EXPECT_EQ(cards.mjd("mjd_begin"), 51604.5);
  image.set("MJD", 51000.25);
  EXPECT_EQ(cards.mjd("mjd_begin"), 51000.25);
}

}  // namespace
}  // namespace tessera::instrument
