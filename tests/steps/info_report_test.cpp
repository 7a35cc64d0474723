#include "tessera/steps/info_report.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include "instrument/support.h"

namespace tessera::steps {
namespace {

using instrument::message_of;
using instrument::profiles;
using testing::AllOf;
using testing::HasSubstr;
using Json = nlohmann::json;

struct Info : testing::Test {
  TemporaryFolder folder;
  fs::path write(const std::string& name, const std::string& content) {
    std::ofstream{folder / name} << content;
    return folder / name;
  }
};

TEST_F(Info, TextAndJsonTellTheSameFrame) {
  auto sci = test::sky_image(20, 10, 2, "SCI");
  sci.text("BUNIT", "MJy/sr").text("FILTER", "r").card("EXPTIME", "30.0");
  auto dq = test::image(20, 10, 0, "DQ");
  dq.bitpix = 16;
  dq.pixels[7] = 6;
  test::write_fits(folder / "f.fits", {test::no_data(), sci, test::image(20, 10, 0.5, "ERR"), dq});
  const auto r = report_fits(instrument::inspect(folder / "f.fits", {}, profiles()));
  EXPECT_THAT(r.text, AllOf(HasSubstr("HDU 1 SCI,1"), HasSubstr("image 20x10, 32 bit float, MJy/sr"), HasSubstr("TAN in"), HasSubstr("uncertainty  HDU 2 (sigma)"),
                            HasSubstr("exposure     30 s"), HasSubstr("filter       r"), HasSubstr("profile      generic"), HasSubstr("10:00:00.000 +02:00:00.00")));
  const Json j = Json::parse(r.json);
  const Json& f = j["frames"][0];
  EXPECT_EQ(j["profile"], "generic");
  EXPECT_EQ(f["unit"], "MJy/sr");
  EXPECT_EQ(f["exposure_s"], 30);
  EXPECT_EQ(f["mask"]["hdu"], 3);
  EXPECT_EQ(f["mask_bits"].size(), 2u);
  EXPECT_EQ(f["mask_bits"][0]["bit"], 1);
  EXPECT_EQ(f["mask_bits"][0]["pixels"], 1);
  EXPECT_EQ(f["mask_bits"][0]["fatal"], true);
  EXPECT_NEAR(f["good_fraction"].get<double>(), 199.0 / 200, 1e-12);
  EXPECT_EQ(f["median"], 2);
  EXPECT_NEAR(f["wcs"]["pixel_scale_arcsec"].get<double>(), 1, 1e-6);
  EXPECT_TRUE(f["mjd_begin"].is_null());
}

TEST_F(Info, AFrameWithoutGoodPixelsIsValidJson) {
  test::write_fits(folder / "f.fits", {test::sky_image(20, 10, std::numeric_limits<double>::quiet_NaN())});
  const auto r = report_fits(instrument::inspect(folder / "f.fits", {}, profiles()));
  EXPECT_TRUE(Json::parse(r.json)["frames"][0]["median"].is_null());
}

TEST_F(Info, WhatIsNoFrameSaysWhy) {
  test::write_fits(folder / "f.fits", {test::image(20, 10, 1)});
  const auto r = report_fits(instrument::inspect(folder / "f.fits", {}, profiles()));
  EXPECT_THAT(r.text, AllOf(HasSubstr("no frame"), HasSubstr("f.fits")));
  EXPECT_TRUE(Json::parse(r.json)["frames"].empty());
}

TEST_F(Info, TablesAreToldByColumnsAndRows) {
  const auto path = write("t.tbl", "\\origin = 'here'\n|id |flux  |\n|int|double|\n|   |uJy   |\n  1   2.5   \n  2   3.5   \n");
  const auto r = report_table(path);
  EXPECT_THAT(r.text, AllOf(HasSubstr("2 rows, 2 columns"), HasSubstr("flux"), HasSubstr("[uJy]"), HasSubstr("origin = here")));
  EXPECT_EQ(Json::parse(r.json)["columns"][1]["unit"], "uJy");
}

TEST_F(Info, RunJsonIsToldByWhatWasRunAndChosen) {
  const auto path = write("run.json", R"({"schema":"tessera/run/1","version":"0.1.0","verb":"mosaic","inputs":[{"path":"a"}],"frames":[],
    "options":[{"key":"grid.projection","value":"TAN","source":"default","where":""},{"key":"grid.oversample","value":"2","source":"command line","where":"--set"}],
    "caveats":[{"kind":"x","message":"one thing","count":1}]})");
  const auto r = report_run(path);
  EXPECT_THAT(r.text, AllOf(HasSubstr("tessera 0.1.0 mosaic"), HasSubstr("1 input files"), HasSubstr("grid.oversample = 2"), HasSubstr("caveat       one thing")));
  EXPECT_THAT(r.text, testing::Not(HasSubstr("grid.projection")));
  EXPECT_EQ(Json::parse(r.json)["options"]["grid.oversample"], "2");
}

TEST_F(Info, ForeignOrBrokenJsonIsRefused) {
  const auto broken = write("a.json", "{\"schema\": "), foreign = write("b.json", "{\"a\": 1}"), odd = write("c.json", R"({"schema":"tessera/run/1","options":[1,{}],"caveats":["x"],"verb":3})");
  EXPECT_THAT(message_of<DataError>([&] { report_run(broken); }), HasSubstr("a.json"));
  EXPECT_THAT(message_of<DataError>([&] { report_run(foreign); }), HasSubstr("not of tessera"));
  EXPECT_NO_THROW(report_run(odd));
}

TEST_F(Info, ManyReportsAreOneArray) {
  const InfoReport a{"A\n", "{\"a\":1}"}, b{"B\n", "{}"};
  EXPECT_EQ(to_text({a, b}), "A\n\nB\n");
  EXPECT_EQ(Json::parse(to_json({a, b})).size(), 2u);
  EXPECT_EQ(Json::parse(to_json({})).size(), 0u);
}

}  // namespace
}  // namespace tessera::steps
